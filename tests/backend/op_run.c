/* Operands and their comparison. */
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include <criterion/criterion.h>

#include "gnewt/random.h"
#include "op_case.h"

#ifdef GN_HOST_CUDA /* each thread of a kernel is a fiber there */
enum { LARGE = 6007 };
#else
enum { LARGE = 200003 };
#endif
const size_t awkward[AWKWARD] = {0, 1, 3, 31, 33, 100, 1000, LARGE};

/* ---- operands ---- */

static double rounded(gn_dtype dtype, double value) {
    return dtype == GN_FLOAT32 ? (double)(float)value : value;
}

static void put(void *memory, gn_dtype dtype, size_t i, double value) {
    if (dtype == GN_FLOAT32)
        ((float *)memory)[i] = (float)value;
    else
        ((double *)memory)[i] = value;
}

static double get(const void *memory, gn_dtype dtype, size_t i) {
    return dtype == GN_FLOAT32 ? (double)((const float *)memory)[i] : ((const double *)memory)[i];
}

/* Host values go to the device, NaN between the rows. */
static void upload(op_run *run, operand *x) {
    const size_t size = gn_dtype_size(x->dtype);
    unsigned char *stage = malloc(x->rows * x->ld * size + 1);
    for (size_t i = 0; i < x->rows; i++)
        for (size_t j = 0; j < x->ld; j++)
            put(stage, x->dtype, i * x->ld + j, j < x->columns ? x->host[i * x->columns + j] : (double)NAN);
    cr_assert_eq(GN_OP(run->context, upload, x->buffer.data, stage, x->rows * x->ld * size), GN_OK);
    free(stage);
}

static operand *add_operand(op_run *run, gn_dtype dtype, size_t rows, size_t columns, size_t pad) {
    cr_assert_lt(run->count, MOST_OPERANDS);
    operand *x = &run->x[run->count++];
    *x = (operand){.dtype = dtype, .rows = rows, .columns = columns, .ld = columns + pad};
    x->host = malloc((rows * columns + 1) * sizeof(double));
    cr_assert_eq(gn_buffer_create(run->context, &x->buffer, dtype, rows, x->ld, "an operand"), GN_OK);
    return x;
}

double *add_values(op_run *run, size_t rows, size_t columns, size_t pad, const double *values) {
    operand *x = add_operand(run, run->dtype, rows, columns, pad);
    for (size_t i = 0; i < rows * columns; i++)
        x->host[i] = values ? rounded(run->dtype, values[i]) : (double)NAN;
    upload(run, x);
    return x->host;
}

double *add_output(op_run *run, size_t rows, size_t columns, size_t pad) {
    return add_values(run, rows, columns, pad, NULL);
}

/* Drawing millions of numbers took more time than the entries do: a pool of a prime number of them goes
 * round. */
static double pool_value(uint64_t i) {
    enum { POOL = 10007 };
    static double pool[POOL];
    static bool drawn;
    if (!drawn)
        gn_random_uniform(7, GN_STREAM_AUXILIARY, 0, POOL, 0, 1, pool);
    drawn = true;
    return pool[i % POOL];
}

double *add_uniform(op_run *run, size_t rows, size_t columns, size_t pad, double low, double high) {
    const size_t count = rows * columns;
    double *values = malloc((count + 1) * sizeof(double));
    for (size_t i = 0; i < count; i++)
        values[i] = low + (high - low) * pool_value(run->drawn + i);
    run->drawn += count;
    double *host = add_values(run, rows, columns, pad, values);
    free(values);
    return host;
}

double *add_doubles(op_run *run, size_t rows, size_t columns, const double *values) {
    operand *x = add_operand(run, GN_FLOAT64, rows, columns, 0);
    for (size_t i = 0; i < rows * columns; i++)
        x->host[i] = values ? values[i] : (double)NAN;
    upload(run, x);
    return x->host;
}

double *add_slots(op_run *run, size_t count) {
    return add_doubles(run, 1, count, NULL);
}

double *add_scalar(op_run *run, double value) {
    return add_doubles(run, 1, 1, &value);
}

void *device_pointer(const op_run *run, int i) {
    return run->x[i].buffer.data;
}

size_t row_distance(const op_run *run, int i) {
    return run->x[i].ld;
}

void allow(op_run *run, int i, double count) {
    run->x[i].tolerance = count * (run->x[i].dtype == GN_FLOAT64 && run->dtype == GN_FLOAT64 ? DBL_EPSILON
                                   : run->x[i].dtype == GN_FLOAT64                           ? DBL_EPSILON * 4
                                                                                             : FLT_EPSILON);
}

/* rows x ld elements of the device */
static unsigned char *download(op_run *run, const operand *x) {
    const size_t bytes = x->rows * x->ld * gn_dtype_size(x->dtype);
    unsigned char *stage = malloc(bytes + 1);
    const gn_status status = GN_OP(run->context, download, stage, x->buffer.data, bytes);
    cr_assert_eq(status, GN_OK, "%s: %s", run->c->family->entry, gn_error_message(run->context));
    return stage;
}

double *fetch(op_run *run, int i) {
    const operand *x = &run->x[i];
    unsigned char *stage = download(run, x);
    double *values = malloc((x->rows * x->columns + 1) * sizeof(double));
    for (size_t row = 0; row < x->rows; row++)
        for (size_t j = 0; j < x->columns; j++)
            values[row * x->columns + j] = get(stage, x->dtype, row * x->ld + j);
    free(stage);
    return values;
}

/* ---- comparison ---- */

static double largest_value(const operand *x) {
    double largest = 0;
    for (size_t i = 0; i < x->rows * x->columns; i++)
        if (isfinite(x->host[i]) && x->host[i] != ANYTHING)
            largest = fmax(largest, fabs(x->host[i]));
    return largest;
}

static bool agrees(double found, double expected, double bound) {
    if (expected == ANYTHING)
        return true;
    if (isnan(expected))
        return isnan(found);
    return found == expected || fabs(found - expected) <= bound;
}

static void compare_operand(op_run *run, int number) {
    const operand *x = &run->x[number];
    const double bound = x->tolerance * largest_value(x);
    unsigned char *stage = download(run, x);
    char text[256];
    case_text(run->c, run->dtype, text, sizeof(text));
    for (size_t i = 0; i < x->rows; i++)
        for (size_t j = 0; j < x->ld; j++) {
            const double found = get(stage, x->dtype, i * x->ld + j);
            const double expected = j < x->columns ? x->host[i * x->columns + j] : (double)NAN;
            if (!agrees(found, expected, bound))
                cr_assert_fail("%s: operand %d at (%zu, %zu)%s is %.17g, not %.17g (within %.3g)", text,
                               number, i, j, j < x->columns ? "" : " (between rows)", found, expected, bound);
        }
    free(stage);
}

void run_compare(op_run *run) {
    for (int i = 0; i < run->count; i++)
        compare_operand(run, i);
}

unsigned char *run_bytes(op_run *run, size_t *size) {
    unsigned char *all = NULL;
    *size = 0;
    for (int i = 0; i < run->count; i++) {
        const operand *x = &run->x[i];
        const size_t bytes = x->rows * x->ld * gn_dtype_size(x->dtype);
        unsigned char *stage = download(run, x);
        all = realloc(all, *size + bytes + 1);
        memcpy(all + *size, stage, bytes);
        *size += bytes;
        free(stage);
    }
    return all;
}

/* ---- a run ---- */

void run_begin(op_run *run, gn_context *context, gn_dtype dtype, const op_case *c) {
    *run = (op_run){.c = c, .context = context, .dtype = dtype};
    run->epsilon = dtype == GN_FLOAT32 ? FLT_EPSILON : DBL_EPSILON;
    c->family->prepare(run);
}

void run_end(op_run *run) {
    for (int i = 0; i < run->count; i++) {
        free(run->x[i].host);
        gn_buffer_destroy(&run->x[i].buffer);
    }
    free(run->index);
    gn_buffer_destroy(&run->index_buffer);
}

const char *case_text(const op_case *c, gn_dtype dtype, char *text, size_t size) {
    snprintf(
        text, size,
        "%s %s m=%zu n=%zu k=%zu r=%zu t=%zu pad=%zu ta=%d tb=%d flag=%d alias=%d kind=%d alpha=%g beta=%g",
        c->family->entry, gn_dtype_name(dtype), c->m, c->n, c->k, c->r, c->t, c->pad, c->transpose_a,
        c->transpose_b, c->flag, c->alias, c->kind, c->alpha, c->beta);
    return text;
}

/* ---- the list ---- */

void add_case(case_list *list, op_case c) {
    if (list->count == list->capacity) {
        list->capacity = list->capacity ? 2 * list->capacity : 64;
        list->cases = realloc(list->cases, list->capacity * sizeof(op_case));
    }
    list->cases[list->count++] = c;
}

op_case *op_cases(size_t *count) {
    case_list list = {0};
    add_device_cases(&list);
    add_vector_cases(&list);
    add_product_cases(&list);
    add_dense_cases(&list);
    add_network_cases(&list);
    add_gram_cases(&list);
    add_update_cases(&list);
    add_class_cases(&list);
    add_cg_cases(&list);
    add_lsmr_cases(&list);
    add_sequence_cases(&list);
    add_jet_cases(&list);
    add_program_cases(&list);
    *count = list.count;
    return list.cases;
}
