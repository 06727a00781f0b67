/* The cost of a pass of a loop whose length the device decides: by calls, with the host looking at the flag
 * before each pass, and as a program, which CUDA runs as one graph with a WHILE node. The body is a pass of a
 * Krylov solver: a product A x, two updates, a dot product. At small n a pass costs its launches and nothing
 * else. */
#include "cases.h"

#include <stdio.h>
#include <string.h>

#include "backend/program.h"

enum { PASSES = 200, MOST_N = 1000 };
enum { FLAG, LIMIT, COUNT, SLOTS };

typedef struct loop {
    gn_context *context;
    size_t n;
    gn_array a, x, y, slots; /* n x n, n, n, SLOTS */
    double start[MOST_N];
    gn_program *program;
    gn_program_loop limits;
} loop;

static double *slot(const loop *l, int i) {
    return (double *)l->slots.data + i;
}

/* y = A x, x <- x - 0.1 y, flag = x'x (never 0), y <- y + x */
static gn_status pass(void *user) {
    loop *l = user;
    const size_t n = l->n;
    gn_status status =
        GN_OP(l->context, gemv, GN_FLOAT64, false, n, n, 1, l->a.data, n, l->x.data, 0, l->y.data);
    if (status == GN_OK)
        status = GN_OP(l->context, axpby, GN_FLOAT64, n, -0.1, l->y.data, 1, l->x.data);
    if (status == GN_OK)
        status = GN_OP(l->context, dot, GN_FLOAT64, n, l->x.data, l->x.data, slot(l, FLAG));
    if (status == GN_OK)
        status = GN_OP(l->context, axpby, GN_FLOAT64, n, 1, l->x.data, 1, l->y.data);
    return status;
}

static gn_status begin(loop *l) {
    const double slots[SLOTS] = {[FLAG] = 1, [LIMIT] = PASSES};
    const gn_status status = gn_array_write(&l->x, l->start, l->n);
    return status != GN_OK ? status : gn_array_write(&l->slots, slots, SLOTS);
}

static gn_status by_calls(void *user) {
    loop *l = user;
    double flag = 1;
    gn_status status = begin(l);
    for (int i = 0; i < PASSES && flag > 0 && status == GN_OK; i++) {
        status = pass(l);
        if (status == GN_OK)
            status = gn_slots_read(l->context, slot(l, FLAG), 1, &flag);
    }
    return status != GN_OK ? status : gn_context_synchronize(l->context);
}

static gn_status by_program(void *user) {
    loop *l = user;
    gn_status status = begin(l);
    if (status == GN_OK)
        status = gn_program_run(l->program);
    return status != GN_OK ? status : gn_context_synchronize(l->context);
}

static gn_status open_loop(loop *l) {
    double row[MOST_N];
    gn_status status = gn_buffer_create(l->context, &l->a, GN_FLOAT64, l->n, l->n, "a matrix");
    if (status == GN_OK)
        status = gn_buffer_create(l->context, &l->x, GN_FLOAT64, l->n, 1, "a vector");
    if (status == GN_OK)
        status = gn_buffer_create(l->context, &l->y, GN_FLOAT64, l->n, 1, "a vector");
    if (status == GN_OK)
        status = gn_buffer_create(l->context, &l->slots, GN_FLOAT64, SLOTS, 1, "scalars");
    if (status != GN_OK)
        return status;
    /* A is near 0.1 I, so that x shrinks slowly and stays finite. */
    for (size_t i = 0; i < l->n && status == GN_OK; i++) {
        for (size_t j = 0; j < l->n; j++)
            row[j] = (double)((i * 31 + j * 17) % 13) * 1e-3 / (double)l->n + (i == j ? 0.1 : 0);
        gn_array one = gn_array_view(l->context, GN_FLOAT64, 1, l->n, (double *)l->a.data + i * l->n);
        status = gn_array_write(&one, row, l->n);
        l->start[i] = 1 + (double)(i % 7);
    }
    l->limits = (gn_program_loop){.flag = slot(l, FLAG), .most = slot(l, LIMIT), .count = slot(l, COUNT)};
    return status == GN_OK ? gn_program_create(l->context, pass, l, &l->limits, &l->program) : status;
}

static void close_loop(loop *l) {
    gn_program_destroy(l->program);
    gn_buffer_destroy(&l->a);
    gn_buffer_destroy(&l->x);
    gn_buffer_destroy(&l->y);
    gn_buffer_destroy(&l->slots);
}

/* From repetitions of PASSES passes to one pass. */
static bench_stats per_pass(bench_stats s) {
    double *const times[] = {&s.median, &s.low, &s.high, &s.minimum, &s.mean, &s.processor};
    for (size_t i = 0; i < sizeof times / sizeof *times; i++)
        *times[i] /= PASSES;
    return s;
}

/* Times one way; values: x afterwards. */
static gn_status measure(bench_run *run, loop *l, bench_body body, bench_result *result, double *values) {
    gn_status status = bench_measure(&run->effort, body, l, &result->stats);
    if (status == GN_OK)
        status = gn_array_read(&l->x, values, l->n);
    result->stats = per_pass(result->stats);
    snprintf(result->note, sizeof result->note, "a pass of %d, n = %zu", PASSES, l->n);
    return status;
}

static gn_status run_loop(bench_run *run, loop *l) {
    bench_result calls = bench_result_new("loop", "calls", "float64"),
                 program = bench_result_new("loop", "program", "float64");
    double expected[MOST_N], found[MOST_N], passes;
    gn_status status = open_loop(l);
    if (status == GN_OK)
        status = measure(run, l, by_calls, &calls, expected);
    if (status == GN_OK)
        status = measure(run, l, by_program, &program, found);
    if (status == GN_OK)
        status = gn_slots_read(l->context, slot(l, COUNT), 1, &passes);
    if (status != GN_OK)
        return status;
    /* the same to the last bit, after the same number of passes */
    program.error = passes == PASSES && memcmp(expected, found, l->n * sizeof *found) == 0 ? 0 : 1;
    bench_add(run, &calls);
    bench_add(run, &program);
    return GN_OK;
}

gn_status bench_case_loop(bench_run *run) {
    static const size_t sizes[] = {10, 100, MOST_N};
    gn_status status = GN_OK;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes && status == GN_OK; i++) {
        loop l = {.context = run->context, .n = sizes[i]};
        status = run_loop(run, &l);
        close_loop(&l);
    }
    return status;
}
