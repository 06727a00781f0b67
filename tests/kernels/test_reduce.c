/* dot, squared_loss, column_sums, count_correct. */
#include <math.h>
#include <stdlib.h>

#include "kernels_test.h"

static void dot_case(size_t n) {
    begin_case("dot n=%zu", n);
    buffer *x = uniform(1, n, 0, -0.5, 1), *y = uniform(1, n, 0, -0.5, 1), *slot = scalars(1, NAN);
    OK(gn_cuda_dot(test.stream, test.type, n, at(x), at(y), at(slot), test.scratch));
    slot->host[0] = 0;
    for (size_t i = 0; i < n; i++)
        slot->host[0] += x->host[i] * y->host[i];
    slot->tolerance = 4 + 0.1 * (double)n;
    end_case();
}

static void squared_loss_case(size_t n) {
    begin_case("squared_loss n=%zu", n);
    buffer *f = uniform(1, n, 0, -1, 1), *y = uniform(1, n, 0, -1, 1), *r = output(1, n, 0),
           *slot = scalars(1, NAN);
    OK(gn_cuda_squared_loss(test.stream, test.type, n, at(f), at(y), at(r), at(slot), test.scratch));
    slot->host[0] = 0;
    for (size_t i = 0; i < n; i++) {
        r->host[i] = rounded(f->host[i] - y->host[i]);
        slot->host[0] += r->host[i] * r->host[i];
    }
    slot->tolerance = 4 + 0.1 * (double)n;
    end_case();
}

static void column_sums_case(size_t rows, size_t columns) {
    begin_case("column_sums %zu x %zu", rows, columns);
    buffer *x = uniform(rows, columns, 0, -0.5, 1), *y = output(1, columns, 0);
    OK(gn_cuda_column_sums(test.stream, test.type, rows, columns, at(x), at(y), test.scratch));
    for (size_t j = 0; j < columns; j++) {
        y->host[j] = 0;
        for (size_t i = 0; i < rows; i++)
            y->host[j] += x->host[i * columns + j];
    }
    y->tolerance = test.type == F64 ? 4 + 0.1 * (double)rows : 2;
    end_case();
}

static size_t first_largest(size_t c, const double *x) {
    size_t best = 0;
    for (size_t i = 1; i < c; i++)
        if (x[i] > x[best])
            best = i;
    return best;
}

/* Few distinct values, so that there are ties, and some NaN. */
static void scatter_values(buffer *b, size_t period) {
    void *device = at(b);
    const size_t count = b->rows * b->columns;
    float *single = malloc((count + 1) * sizeof(float));
    for (size_t i = 0; i < count; i++) {
        b->host[i] = i % period == 0 ? NAN : floor(b->host[i]);
        single[i] = (float)b->host[i];
    }
    if (test.type == F64)
        CUDA(cudaMemcpyAsync(device, b->host, count * sizeof(double), cudaMemcpyHostToDevice, test.stream));
    else
        CUDA(cudaMemcpyAsync(device, single, count * sizeof(float), cudaMemcpyHostToDevice, test.stream));
    CUDA(cudaStreamSynchronize(test.stream));
    free(single);
}

static void count_correct_case(size_t n, size_t t, size_t c) {
    begin_case("count_correct %zu x %zu x %zu", n, t, c);
    buffer *f = uniform(n * t, c, 0, 0, 4), *y = uniform(n * t, c, 0, 0, 4), *slot = scalars(1, NAN);
    scatter_values(f, 13);
    scatter_values(y, 17);
    OK(gn_cuda_count_correct(test.stream, test.type, n, t, c, at(f), at(y), at(slot), test.scratch));
    slot->host[0] = 0;
    for (size_t i = 0; i < n; i++) {
        size_t right = 0;
        for (size_t m = i * t; m < (i + 1) * t; m++)
            right += first_largest(c, f->host + m * c) == first_largest(c, y->host + m * c);
        slot->host[0] += right == t;
    }
    end_case();
}

void test_reduce(void) {
    FOR_AWKWARD(n) {
        dot_case(n);
        squared_loss_case(n);
        if (n <= 33)
            FOR_AWKWARD(columns) column_sums_case(n, columns);
        column_sums_case(1000, n);
        FOR_AWKWARD(c) if (n <= 33 || c <= 33) {
            count_correct_case(n, 1, c);
            count_correct_case(n, 2, c);
        }
    }
    if (test.lead == 1 && test.type == F32)
        dot_case(8200); /* two blocks */
    column_sums_case(200, 33);
    if (SLOW)
        return;
    dot_case(40003); /* several blocks */
    squared_loss_case(40003);
    column_sums_case(20000, 1);
    column_sums_case(5000, 10);
    column_sums_case(1500, 33);
    column_sums_case(700, 100);
    count_correct_case(2000, 1, 2);
    count_correct_case(500, 1, 40);
    if (large_cases()) {
        dot_case(300000); /* 64 blocks */
        column_sums_case(70, 17000);
        count_correct_case(40000, 1, 2);
    }
}
