#include "solve_case.h"

#include <math.h>
#include <stdlib.h>

#include <criterion/criterion.h>

double *random_gram(size_t n, size_t rank, uint64_t seed) {
    double *b = random_values(seed, n * rank), *a = calloc(n * n, sizeof *a);
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < n; j++)
            for (size_t k = 0; k < rank; k++)
                a[i * n + j] += b[i * rank + k] * b[j * rank + k];
    free(b);
    return a;
}

void eliminate(size_t n, const double *a, double mu, const double *b, double *x) {
    long double *m = malloc((n * (n + 1)) * sizeof *m);
    size_t width = n + 1;
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < n; j++)
            m[i * width + j] = (long double)a[i * n + j] + (i == j ? (long double)mu : 0);
        m[i * width + n] = b[i];
    }
    for (size_t k = 0; k < n; k++) {
        size_t pivot = k;
        for (size_t i = k + 1; i < n; i++)
            if (fabsl(m[i * width + k]) > fabsl(m[pivot * width + k]))
                pivot = i;
        for (size_t j = 0; j < width; j++) {
            long double swap = m[k * width + j];
            m[k * width + j] = m[pivot * width + j];
            m[pivot * width + j] = swap;
        }
        for (size_t i = k + 1; i < n; i++) {
            long double factor = m[i * width + k] / m[k * width + k];
            for (size_t j = k; j < width; j++)
                m[i * width + j] -= factor * m[k * width + j];
        }
    }
    for (size_t k = n; k-- > 0;) {
        long double sum = m[k * width + n];
        for (size_t j = k + 1; j < n; j++)
            sum -= m[k * width + j] * (long double)x[j];
        x[k] = (double)(sum / m[k * width + k]);
    }
    free(m);
}

/* A <- H A H with the reflection H = I - 2 w w' / w'w */
static void reflect(size_t n, double *a, const double *w) {
    double square = 0;
    for (size_t i = 0; i < n; i++)
        square += w[i] * w[i];
    for (int side = 0; side < 2; side++)
        for (size_t i = 0; i < n; i++) {
            const size_t across = side ? n : 1, along = side ? 1 : n;
            double sum = 0;
            for (size_t j = 0; j < n; j++)
                sum += w[j] * a[i * across + j * along];
            for (size_t j = 0; j < n; j++)
                a[i * across + j * along] -= 2 * sum / square * w[j];
        }
}

double *matrix_with_spectrum(size_t n, const double *lambda, uint64_t seed) {
    double *a = calloc(n * n + 1, sizeof *a);
    for (size_t i = 0; i < n; i++)
        a[i * n + i] = lambda[i];
    for (uint64_t k = 0; k < 3; k++) {
        double *w = random_values(seed + k, n);
        reflect(n, a, w);
        free(w);
    }
    for (size_t i = 0; i < n; i++) /* rounding leaves it not quite symmetric */
        for (size_t j = 0; j < i; j++)
            a[i * n + j] = a[j * n + i] = 0.5 * (a[i * n + j] + a[j * n + i]);
    return a;
}

double *geometric_matrix(size_t n, double condition, uint64_t seed) {
    double *lambda = malloc((n + 1) * sizeof *lambda);
    for (size_t i = 0; i < n; i++)
        lambda[i] = pow(condition, -(double)i / (n > 1 ? (double)(n - 1) : 1));
    double *a = matrix_with_spectrum(n, lambda, seed);
    free(lambda);
    return a;
}

void multiply_dense(size_t m, size_t n, const double *a, const double *x, double *y) {
    for (size_t i = 0; i < m; i++) {
        y[i] = 0;
        for (size_t j = 0; j < n; j++)
            y[i] += a[i * n + j] * x[j];
    }
}

double dot_dense(size_t n, const double *x, const double *y) {
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += x[i] * y[i];
    return sum;
}

/* ---- on a device ---- */

static gn_status apply_rows(const dense_map *map, bool transpose, size_t rows, const void *x, void *y) {
    const size_t size = gn_dtype_size(map->a.dtype), m = map->a.shape[0], n = map->a.shape[1];
    for (size_t i = 0; i < rows; i++)
        GN_TRY(GN_OP(map->a.context, gemv, map->a.dtype, transpose, m, n, 1, map->a.data, n,
                     (const char *)x + i * (transpose ? m : n) * size, 0,
                     (char *)y + i * (transpose ? n : m) * size));
    return GN_OK;
}

static gn_status apply_map(void *user, size_t rows, const void *x, void *y) {
    dense_map *map = user;
    map->calls++;
    return apply_rows(map, false, rows, x, y);
}

static gn_status apply_transposed_map(void *user, size_t rows, const void *x, void *y) {
    return apply_rows(user, true, rows, x, y);
}

dense_map *dense_map_create(gn_context *context, gn_dtype dtype, size_t m, size_t n, const double *a) {
    dense_map *map = calloc(1, sizeof *map);
    OK(context, gn_buffer_create(context, &map->a, dtype, m, n, "a dense map"));
    OK(context, gn_array_write(&map->a, a, m * n));
    return map;
}

void dense_map_destroy(dense_map *map) {
    gn_buffer_destroy(&map->a);
    free(map);
}

gn_operator dense_operator(dense_map *map) {
    return (gn_operator){.apply = apply_map, .apply_transpose = apply_transposed_map, .user = map};
}

void write_vector(gn_context *context, gn_dtype dtype, size_t count, void *to, const double *values) {
    gn_array view = gn_array_view(context, dtype, 1, count, to);
    OK(context, gn_array_write(&view, values, count));
}

double *read_vector(gn_context *context, gn_dtype dtype, size_t count, void *from) {
    const gn_array view = gn_array_view(context, dtype, 1, count, from);
    return host_values(&view);
}
