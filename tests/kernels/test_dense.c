/* symmetrize, add_damping, spectral_filter, spectral_power, first_pivot, lower_faults. */
#include <math.h>

#include "kernels_test.h"

static void symmetrize_case(size_t n, size_t pad) {
    begin_case("symmetrize n=%zu pad=%zu", n, pad);
    buffer *a = uniform(n, n, pad, -1, 1);
    OK(gn_cuda_symmetrize(test.stream, test.type, n, at(a), a->ld));
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < i; j++)
            a->host[j * n + i] = a->host[i * n + j];
    end_case();
}

static void add_damping_case(size_t n, double damping, double floor) {
    begin_case("add_damping n=%zu damping=%g floor=%g", n, damping, floor);
    buffer *a = uniform(n, n, 2, 0, 1), *slot = scalars(1, NAN);
    OK(gn_cuda_add_damping(test.stream, test.type, n, at(a), a->ld, damping, floor, at(slot)));
    double trace = 0;
    for (size_t i = 0; i < n; i++)
        trace += a->host[i * n + i];
    slot->host[0] = fmax(damping, floor * trace);
    for (size_t i = 0; i < n; i++)
        a->host[i * n + i] += slot->host[0];
    a->tolerance = 1;
    slot->tolerance = 4 + 0.1 * (double)n;
    end_case();
}

static void spectral_filter_case(size_t n, double damping, double floor, double cutoff) {
    begin_case("spectral_filter n=%zu cutoff=%g", n, cutoff);
    buffer *values = uniform(1, n, 0, -0.01, 1), *in = uniform(1, n, 0, -1, 1), *out = output(1, n, 0);
    buffer *slots = scalars(2, NAN);
    OK(gn_cuda_spectral_filter(test.stream, test.type, n, at(values), damping, floor, cutoff, at(in), at(out),
                               at(slots)));
    double largest = 0, kept = 0;
    for (size_t i = 0; i < n; i++)
        largest = fmax(largest, values->host[i]);
    slots->host[0] = fmax(damping, floor * largest);
    for (size_t i = 0; i < n; i++) {
        const double lambda = fmax(values->host[i], 0);
        const bool keep = lambda > cutoff * largest;
        out->host[i] = keep ? in->host[i] / (lambda + slots->host[0]) : 0;
        kept += keep;
    }
    slots->host[1] = kept;
    out->tolerance = 1;
    end_case();
}

static void spectral_power_case(size_t n, double exponent, double floor, double start, bool normalized) {
    begin_case("spectral_power n=%zu exponent=%g mu=%g", n, exponent, start);
    buffer *values = uniform(1, n, 0, -0.01, 1), *in = uniform(1, n, 0, -1, 1), *out = output(1, n, 0);
    buffer *mu = scalars(1, start);
    static uint32_t order[2048];
    uint32_t *device = NULL;
    for (size_t i = 0; i < n; i++)
        order[i] = (uint32_t)(n - 1 - i);
    CUDA(cudaMalloc((void **)&device, (n + 1) * sizeof *order));
    CUDA(cudaMemcpy(device, order, n * sizeof *order, cudaMemcpyHostToDevice));
    OK(gn_cuda_spectral_power(test.stream, test.type, n, at(values), exponent, floor, normalized,
                              normalized ? device : NULL, at(mu), at(in), at(out)));
    CUDA(cudaStreamSynchronize(test.stream));
    CUDA(cudaFree(device));
    double largest = floor, most = 0;
    for (size_t i = 0; i < n; i++)
        largest = fmax(largest, values->host[i]);
    mu->host[0] = start < 0 ? -start * largest : start;
    for (size_t i = 0; i < n; i++) {
        const double lambda = fmax(values->host[normalized ? n - 1 - i : i], floor) + mu->host[0];
        out->host[i] = lambda == 0 && exponent > 0 ? 0 : pow(lambda, -exponent);
        most = fmax(most, fmax(values->host[i], floor) * out->host[i]);
    }
    for (size_t i = 0; i < n; i++)
        out->host[i] *= in->host[i] / (!normalized ? 1 : most > 0 ? most : INFINITY);
    out->tolerance = 8;
    mu->tolerance = 4;
    end_case();
}

static void pivot_case(size_t n, size_t bad, double value) {
    begin_case("first_pivot n=%zu bad=%zu", n, bad);
    double diagonal[64];
    for (size_t i = 0; i < n; i++)
        diagonal[i] = i == bad || i == bad + 1 ? value : 1;
    buffer *a = given(n, diagonal), *slot = scalars(1, NAN);
    OK(gn_cuda_first_pivot(test.stream, test.type, n, at(a), 0, at(slot)));
    slot->host[0] = bad < n ? (double)bad + 1 : 0;
    end_case();
}

/* As a matrix: n x n of one value, but for one element. */
static void faults_case(size_t n, size_t row, size_t column, double value, bool fault) {
    begin_case("lower_faults n=%zu [%zu, %zu]", n, row, column);
    static double elements[40 * 40];
    for (size_t i = 0; i < n * n; i++)
        elements[i] = i == row * n + column ? value : 1e30;
    buffer *a = given(n * n, elements), *slot = scalars(1, NAN);
    OK(gn_cuda_lower_faults(test.stream, test.type, n, at(a), n, at(slot), test.scratch));
    slot->host[0] = fault ? 1 : 0;
    end_case();
}

void test_dense(void) {
    FOR_AWKWARD(n) {
        if (n > 33)
            continue;
        symmetrize_case(n, 0);
        symmetrize_case(n, 3);
        add_damping_case(n, 0.5, 0);
        add_damping_case(n, 0.01, 0.25);
    }
    symmetrize_case(SLOW ? 40 : 100, 1);
    add_damping_case(300, 1e-3, 1e-6);
    FOR_AWKWARD(n) {
        spectral_filter_case(n, 0.1, 0, -1);
        spectral_filter_case(n, 0, 0.01, 0.3);
    }
    spectral_filter_case(1500, 0, 1e-3, 0.1);
    FOR_AWKWARD(n) {
        if (n > 2048)
            continue;
        spectral_power_case(n, 0.5, 1e-3, 0, false);
        spectral_power_case(n, 1, 0, -1e-6, true);
        spectral_power_case(n, -0.5, 0, 0.1, true);
    }
    pivot_case(0, 1, 0);
    pivot_case(33, 33, 0);
    pivot_case(33, 0, NAN);
    pivot_case(33, 31, -1);
    pivot_case(64, 40, 0);
    faults_case(0, 0, 0, 0, false);
    faults_case(40, 0, 0, 1, false);
    faults_case(40, 39, 38, NAN, true);
    faults_case(40, 7, 7, INFINITY, true);
    faults_case(40, 7, 8, NAN, false);
}
