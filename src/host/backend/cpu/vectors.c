/* Vectors, rows, reductions and losses. */
#include "backend/cpu/cpu.h"
#include "backend/cpu/threads.h"

/* Nanoseconds of one thread for `count` elements that cost `each`. */
static double work(size_t count, double each) {
    return (double)count * each;
}

static gn_status cpu_fill(void *state, gn_dtype type, size_t n, double value, void *x) {
    const gn_cpu_kernels *k = gn_cpu_kernels_of(state, type);
    GN_CPU_SPLIT(n, 64, 1, work(n, 0.3), begin, end, k->fill(begin, end, value, x));
    return GN_OK;
}

static gn_status cpu_axpby(void *state, gn_dtype type, size_t n, double alpha, const void *x, double beta,
                           void *y) {
    const gn_cpu_kernels *k = gn_cpu_kernels_of(state, type);
    GN_CPU_SPLIT(n, 64, 1, work(n, 0.5), begin, end, k->axpby(begin, end, alpha, x, beta, y));
    return GN_OK;
}

static gn_status cpu_axpby_ratio(void *state, gn_dtype type, size_t n, const double *a, const double *b,
                                 const double *c, const void *x, double beta, void *y) {
    return cpu_axpby(state, type, n, ((a ? *a : 0) - (b ? *b : 0)) / *c, x, beta, y);
}

static gn_status cpu_multiply(void *state, gn_dtype type, size_t n, const void *x, const void *y, void *z) {
    const gn_cpu_kernels *k = gn_cpu_kernels_of(state, type);
    GN_CPU_SPLIT(n, 64, 1, work(n, 0.5), begin, end, k->multiply(begin, end, x, y, z));
    return GN_OK;
}

static gn_status cpu_dot(void *state, gn_dtype type, size_t n, const void *x, const void *y, double *slot) {
    const gn_cpu_kernels *k = gn_cpu_kernels_of(state, type);
    double total;
    GN_CPU_REDUCE(n, work(n, 0.4), total, begin, end, k->dot(begin, end, x, y));
    *slot = total;
    return GN_OK;
}

static gn_status cpu_squared_loss(void *state, gn_dtype type, size_t n, const void *f, const void *y, void *r,
                                  double *slot) {
    const gn_cpu_kernels *k = gn_cpu_kernels_of(state, type);
    double total;
    GN_CPU_REDUCE(n, work(n, 0.5), total, begin, end, k->squared_loss(begin, end, f, y, r));
    *slot = total;
    return GN_OK;
}

static gn_status cpu_count_correct(void *state, gn_dtype type, size_t n, size_t t, size_t c, const void *f,
                                   const void *y, double *slot) {
    const gn_cpu_kernels *k = gn_cpu_kernels_of(state, type);
    double total;
    GN_CPU_REDUCE(n, work(n * t * c, 2), total, begin, end, k->count_correct(begin, end, t, c, f, y));
    *slot = total;
    return GN_OK;
}

/* ---- rows ---- */

static void copy_rows(size_t begin, size_t end, size_t bytes, const uint32_t *index, const char *from,
                      char *to) {
    for (size_t i = begin; i < end; i++)
        memcpy(to + i * bytes, from + index[i] * bytes, bytes);
}

static gn_status cpu_gather_rows(void *state, gn_dtype type, size_t rows, size_t columns,
                                 const uint32_t *index, const void *from, void *to) {
    const size_t bytes = columns * gn_cpu_element(type);
    (void)state;
    if (!bytes)
        return GN_OK;
    GN_CPU_SPLIT(rows, 64, 1, work(rows, 5 + 0.1 * (double)bytes), begin, end,
                 copy_rows(begin, end, bytes, index, from, to));
    return GN_OK;
}

static void repeat_rows(size_t begin, size_t end, size_t bytes, const char *row, char *to) {
    for (size_t i = begin; i < end; i++)
        memcpy(to + i * bytes, row, bytes);
}

static gn_status cpu_bias_rows(void *state, gn_dtype type, size_t rows, size_t columns, const void *bias,
                               void *y) {
    const gn_cpu_kernels *k = gn_cpu_kernels_of(state, type);
    const size_t bytes = columns * gn_cpu_element(type);
    if (!rows || !columns)
        return GN_OK;
    if (!bias || columns == 1)
        return cpu_fill(state, type, rows * columns, bias ? k->at(bias, 0) : 0, y);
    GN_CPU_SPLIT(rows, 64, 1, work(rows, 5 + 0.05 * (double)bytes), begin, end,
                 repeat_rows(begin, end, bytes, bias, y));
    return GN_OK;
}

/* ---- sums over rows ---- */

/* A strip of columns is summed at a time, over at most ROW_BLOCKS blocks of rows; the cuts depend on the
 * shape alone. */
enum { STRIP = 128, ROW_BLOCKS = 16, ROW_BLOCK_LENGTH = 256 };

static void sum_strip(const gn_cpu_kernels *k, size_t rows, size_t columns, size_t first, size_t last,
                      const void *x, double *sums) {
    const size_t least = (rows + ROW_BLOCKS - 1) / ROW_BLOCKS;
    const size_t block = least < ROW_BLOCK_LENGTH ? ROW_BLOCK_LENGTH : least;
    const size_t blocks = (rows + block - 1) / block, width = last - first;
    double partial[ROW_BLOCKS][STRIP];
    GN_CPU_SPLIT(
        blocks, 1, 1, work(rows * width, 0.5), b0, b1, for (size_t b = b0; b < b1; b++) {
            const size_t end = (b + 1) * block < rows ? (b + 1) * block : rows;
            k->column_sums(b * block, end, columns, first, last, x, partial[b]);
        });
    for (size_t j = 0; j < width; j++) {
        sums[j] = 0;
        for (size_t b = 0; b < blocks; b++)
            sums[j] += partial[b][j];
    }
}

static gn_status cpu_column_sums(void *state, gn_dtype type, size_t rows, size_t columns, const void *x,
                                 void *y) {
    const gn_cpu_kernels *k = gn_cpu_kernels_of(state, type);
    double sums[STRIP];
    if (columns == 1) {
        double total;
        GN_CPU_REDUCE(rows, work(rows, 0.3), total, begin, end, k->sum(begin, end, x));
        k->put(y, 0, total);
        return GN_OK;
    }
    for (size_t first = 0; first < columns; first += STRIP) {
        const size_t last = columns - first < STRIP ? columns : first + STRIP;
        sum_strip(k, rows, columns, first, last, x, sums);
        k->store(last - first, sums, (char *)y + first * gn_cpu_element(type));
    }
    return GN_OK;
}

void gn_cpu_vector_entries(gn_backend *table) {
    table->fill = cpu_fill;
    table->axpby = cpu_axpby;
    table->axpby_ratio = cpu_axpby_ratio;
    table->multiply = cpu_multiply;
    table->dot = cpu_dot;
    table->squared_loss = cpu_squared_loss;
    table->count_correct = cpu_count_correct;
    table->gather_rows = cpu_gather_rows;
    table->bias_rows = cpu_bias_rows;
    table->column_sums = cpu_column_sums;
}
