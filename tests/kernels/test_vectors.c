/* fill, axpby, axpby_ratio, multiply, gather_rows. */
#include "kernels_test.h"

static void fill_case(size_t n) {
    begin_case("fill n=%zu", n);
    buffer *x = output(1, n, 0);
    OK(gn_cuda_fill(test.stream, test.type, n, -1.1, at(x)));
    for (size_t i = 0; i < n; i++)
        x->host[i] = rounded(-1.1);
    end_case();
}

static void axpby_case(size_t n, double alpha, double beta) {
    begin_case("axpby n=%zu alpha=%g beta=%g", n, alpha, beta);
    buffer *x = uniform(1, n, 0, -1, 1), *y = beta == 0 ? output(1, n, 0) : uniform(1, n, 0, -1, 1);
    OK(gn_cuda_axpby(test.stream, test.type, n, alpha, at(x), beta, at(y)));
    for (size_t i = 0; i < n; i++)
        y->host[i] = alpha * x->host[i] + (beta == 0 ? 0 : beta * y->host[i]);
    y->tolerance = 2;
    end_case();
}

static void axpby_ratio_case(size_t n, bool first, bool second, double beta) {
    begin_case("axpby_ratio n=%zu first=%d second=%d beta=%g", n, first, second, beta);
    buffer *x = uniform(1, n, 0, -1, 1), *y = beta == 0 ? output(1, n, 0) : uniform(1, n, 0, -1, 1);
    buffer *a = scalars(1, 0.4), *b = scalars(1, -1.7), *c = scalars(1, 0.8);
    OK(gn_cuda_axpby_ratio(test.stream, test.type, n, first ? at(a) : NULL, second ? at(b) : NULL, at(c),
                           at(x), beta, at(y)));
    const double alpha = ((first ? 0.4 : 0) + (second ? 1.7 : 0)) / 0.8;
    for (size_t i = 0; i < n; i++)
        y->host[i] = alpha * x->host[i] + (beta == 0 ? 0 : beta * y->host[i]);
    y->tolerance = 3;
    end_case();
}

static void multiply_case(size_t n, bool alias) {
    begin_case("multiply n=%zu alias=%d", n, alias);
    buffer *x = uniform(1, n, 0, -1, 1), *y = uniform(1, n, 0, -1, 1), *z = alias ? x : output(1, n, 0);
    OK(gn_cuda_multiply(test.stream, test.type, n, at(x), at(y), at(z)));
    for (size_t i = 0; i < n; i++)
        z->host[i] = x->host[i] * y->host[i];
    z->tolerance = 1;
    end_case();
}

/* Rows out of order, some not at all. */
static void gather_case(size_t rows, size_t columns) {
    begin_case("gather_rows %zu x %zu", rows, columns);
    buffer *from = uniform(rows + 2, columns, 0, -1, 1), *to = output(rows, columns, 0);
    uint32_t *device = NULL;
    CUDA(cudaMalloc((void **)&device, (rows + 1) * sizeof(uint32_t)));
    for (size_t i = 0; i < rows; i++) {
        const uint32_t index = (uint32_t)((rows + 1 - i) * 7 % (rows + 2));
        CUDA(cudaMemcpy(device + i, &index, sizeof index, cudaMemcpyHostToDevice));
        for (size_t j = 0; j < columns; j++)
            to->host[i * columns + j] = from->host[index * columns + j];
    }
    OK(gn_cuda_gather_rows(test.stream, test.type, rows, columns, device, at(from), at(to)));
    end_case();
    CUDA(cudaFree(device));
}

void test_vectors(void) {
    FOR_AWKWARD(n) {
        fill_case(n);
        axpby_case(n, 0.7, 0);
        axpby_case(n, -0.3, 1.5);
        axpby_ratio_case(n, true, true, 0);
        axpby_ratio_case(n, true, false, 1.5);
        axpby_ratio_case(n, false, true, 1);
        multiply_case(n, false);
        multiply_case(n, true);
        if (n <= 33)
            FOR_AWKWARD(columns) gather_case(n, columns);
    }
    gather_case(33, 8);
    gather_case(5, 1024);
    if (large_cases())
        axpby_case(8192 * 256 + 77, 0.5, 2); /* more than one pass of the grid */
}
