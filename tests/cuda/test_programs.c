/* Programs: recorded as graphs they give what calls give, to the last bit; what cannot be recorded is called.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "backend/program.h"
#include "devices.h"
#include "mlp_case.h"

#ifdef GN_HOST_CUDA
#include "host_cuda_control.h"
#endif

enum { N = 37, RUNS = 4 };

/* x <- x - 0.05 A x until x'x is below a goal: a descent whose length only the device knows. */
typedef struct descent {
    gn_context *context;
    gn_array a, x, y, slots; /* slots: see below */
    bool forbidden;          /* the body also reads back, which no recording may */
    int calls;               /* of the body */
} descent;
enum { FLAG, SQUARE, GOAL, MOST, COUNT, ONE, COUNTER, SLOTS };

static double *slot(const descent *d, int i) {
    return (double *)d->slots.data + i;
}

static void write_values(gn_array *array, uint64_t seed, size_t count, double scale, double diagonal) {
    double *values = random_values(seed, count);
    for (size_t i = 0; i < count; i++)
        values[i] = scale * values[i] + (i % (N + 1) == 0 ? diagonal : 0);
    OK(array->context, gn_array_write(array, values, count));
    free(values);
}

static descent descent_make(gn_context *context) {
    descent d = {.context = context};
    OK(context, gn_buffer_create(context, &d.a, GN_FLOAT64, N, N, "a"));
    OK(context, gn_buffer_create(context, &d.x, GN_FLOAT64, N, 1, "x"));
    OK(context, gn_buffer_create(context, &d.y, GN_FLOAT64, N, 1, "y"));
    OK(context, gn_buffer_create(context, &d.slots, GN_FLOAT64, SLOTS, 1, "slots"));
    write_values(&d.a, 1, N * N, 0.05, 1);
    return d;
}

static void descent_destroy(descent *d) {
    gn_array *buffers[] = {&d->a, &d->x, &d->y, &d->slots};
    for (size_t i = 0; i < 4; i++)
        gn_buffer_destroy(buffers[i]);
}

/* The start of run `number`: other data each time, in the same memory. */
static void descent_start(descent *d, int number) {
    const double slots[SLOTS] = {[FLAG] = 1, [GOAL] = 1e-3, [MOST] = 500, [ONE] = 1};
    write_values(&d->x, 10 + (uint64_t)number, N, 1, 0);
    OK(d->context, gn_array_write(&d->slots, slots, SLOTS));
}

static gn_status descent_body(void *user) {
    descent *d = user;
    gn_context *context = d->context;
    double unused;
    d->calls++;
    GN_TRY(GN_OP(context, gemv, GN_FLOAT64, false, N, N, 1, d->a.data, N, d->x.data, 0, d->y.data));
    GN_TRY(GN_OP(context, axpby, GN_FLOAT64, N, -0.05, d->y.data, 1, d->x.data));
    GN_TRY(GN_OP(context, dot, GN_FLOAT64, N, d->x.data, d->x.data, slot(d, SQUARE)));
    GN_TRY(GN_OP(context, axpby, GN_FLOAT64, 1, 1, slot(d, ONE), 1, slot(d, COUNTER)));
    GN_TRY(GN_OP(context, copy, slot(d, FLAG), slot(d, SQUARE), sizeof(double)));
    GN_TRY(GN_OP(context, axpby, GN_FLOAT64, 1, -1, slot(d, GOAL), 1, slot(d, FLAG)));
    return d->forbidden ? gn_slots_read(context, slot(d, FLAG), 1, &unused) : GN_OK;
}

static gn_program_loop loop_of(const descent *d) {
    return (gn_program_loop){.flag = slot(d, FLAG), .most = slot(d, MOST), .count = slot(d, COUNT)};
}

/* By calls, the host looking at the flag. */
static void descend_by_calls(descent *d) {
    double flag = 1, count = 0;
    for (; flag > 0 && count < 500; count++) {
        OK(d->context, descent_body(d));
        OK(d->context, gn_slots_read(d->context, slot(d, FLAG), 1, &flag));
    }
    OK(d->context, GN_OP(d->context, fill, GN_FLOAT64, 1, count, slot(d, COUNT)));
}

static void read_descent(const descent *d, double values[N + SLOTS]) {
    OK(d->context, gn_array_read(&d->x, values, N));
    OK(d->context, gn_array_read(&d->slots, values + N, SLOTS));
}

static void expect_same_descent(const descent *by_calls, const descent *by_program, int number) {
    double a[N + SLOTS], b[N + SLOTS];
    read_descent(by_calls, a);
    read_descent(by_program, b);
    cr_expect_eq(memcmp(a, b, sizeof(a)), 0, "run %d: %.17g and %.17g, %g and %g passes", number, a[0], b[0],
                 a[N + COUNT], b[N + COUNT]);
    cr_expect(a[N + COUNT] > 10 && a[N + COUNT] < 400 && a[N + COUNTER] == a[N + COUNT], "%g passes",
              a[N + COUNT]);
}

static void run_descents(const char *device, bool forbidden, int *calls) {
    gn_context *context = device_open(device);
    descent eager = descent_make(context), recorded = descent_make(context);
    gn_program *program;
    const gn_program_loop loop = loop_of(&recorded);
    recorded.forbidden = forbidden;
    OK(context, gn_program_create(context, descent_body, &recorded, &loop, &program));
    for (int i = 0; i < RUNS; i++) {
        descent_start(&eager, i);
        descent_start(&recorded, i);
        descend_by_calls(&eager);
        OK(context, gn_program_run(program));
        expect_same_descent(&eager, &recorded, i);
        calls[i] = recorded.calls;
    }
    gn_program_destroy(program);
    descent_destroy(&eager);
    descent_destroy(&recorded);
    cr_expect_eq(gn_context_allocated(context), 0);
    gn_context_destroy(context);
}

Test(cuda_programs, a_loop_equals_calls_bit_for_bit) {
    int calls[RUNS];
    run_descents("cuda", false, calls);
    cr_expect_eq(calls[1], calls[0] + 1, "recorded in the second run");
    cr_expect_eq(calls[RUNS - 1], calls[1], "and replayed after it");
#ifdef GN_HOST_CUDA
    cr_expect_eq(host_cuda_count(HOST_CUDA_INSTANTIATIONS), 1);
    cr_expect_eq(host_cuda_count(HOST_CUDA_GRAPH_LAUNCHES), RUNS - 1);
    cr_expect_gt(host_cuda_count(HOST_CUDA_WHILE_ITERATIONS), 30);
    cr_expect_eq(host_cuda_live_objects(), 0);
    cr_expect_eq(host_cuda_violations(), 0, "%s", host_cuda_last_violation());
#endif
}

Test(cuda_programs, the_cpu_calls) {
    int calls[RUNS];
    run_descents("cpu", false, calls);
    cr_expect_gt(calls[3], calls[2] + 10);
    run_descents("check", false, calls);
}

Test(cuda_programs, what_cannot_be_recorded_is_called) {
    int calls[RUNS];
    run_descents("cuda", true, calls);
    cr_expect_gt(calls[3], calls[2] + 10);
}

/* ---- bodies that break the rules ---- */

typedef struct refusal {
    gn_context *context;
    const char *name;
    gn_array a, values, work;
    size_t work_bytes;
} refusal;

static gn_status forbidden_call(refusal *r) {
    gn_context *c = r->context;
    void *pointer;
    double host = 3;
    if (strcmp(r->name, "allocation") == 0) {
        GN_TRY(GN_OP(c, allocate, 64, &pointer));
        return GN_OP(c, release, pointer);
    }
    if (strcmp(r->name, "copy from the host") == 0)
        return GN_OP(c, upload, r->values.data, &host, sizeof(host));
    if (strcmp(r->name, "copy to the host") == 0)
        return GN_OP(c, download, &host, r->values.data, sizeof(host));
    if (strcmp(r->name, "waiting") == 0)
        return c->backend.synchronize(c->state);
    if (strcmp(r->name, "Cholesky") == 0)
        return GN_OP(c, cholesky, GN_FLOAT64, 4, r->a.data, 4, r->work.data, r->work_bytes);
    return GN_OP(c, eigh, GN_FLOAT64, 4, r->a.data, 4, r->values.data, r->work.data, r->work_bytes);
}

static gn_status refusal_body(void *user) {
    refusal *r = user;
    GN_TRY(GN_OP(r->context, fill, GN_FLOAT64, 16, 0, r->a.data));
    for (size_t i = 0; i < 4; i++)
        GN_TRY(GN_OP(r->context, fill, GN_FLOAT64, 1, 1, (double *)r->a.data + 5 * i));
    return forbidden_call(r);
}

typedef struct kept_log {
    int count;
    char last[512];
} kept_log;

static void keep_notice(void *user, gn_log_level level, const char *text) {
    kept_log *log = user;
    cr_expect_eq(level, GN_LOG_WARNING);
    log->count++;
    snprintf(log->last, sizeof(log->last), "%s", text);
}

static void expect_refusal(gn_context *context, kept_log *log, const char *name) {
    refusal r = {.context = context, .name = name};
    gn_program *program;
    size_t bytes;
    *log = (kept_log){0};
    OK(context, GN_OP(context, eigh_workspace, GN_FLOAT64, 4, &r.work_bytes));
    OK(context, GN_OP(context, cholesky_workspace, GN_FLOAT64, 4, &bytes));
    r.work_bytes = r.work_bytes > bytes ? r.work_bytes : bytes;
    OK(context, gn_buffer_create(context, &r.a, GN_FLOAT64, 4, 4, "a"));
    OK(context, gn_buffer_create(context, &r.values, GN_FLOAT64, 4, 1, "values"));
    OK(context, gn_buffer_create(context, &r.work, GN_FLOAT64, r.work_bytes / 8 + 1, 1, "work"));
    OK(context, gn_program_create(context, refusal_body, &r, NULL, &program));
    for (int i = 0; i < RUNS; i++)
        OK(context, gn_program_run(program));
    gn_program_destroy(program);
    cr_expect_eq(log->count, 1, "%s: told %d times", name, log->count);
    cr_expect_not_null(strstr(log->last, name), "%s: %s", name, log->last);
    cr_expect_not_null(strstr(log->last, "call by call"), "%s", log->last);
    cr_expect_str_eq(gn_error_message(context), "");
    gn_buffer_destroy(&r.a);
    gn_buffer_destroy(&r.values);
    gn_buffer_destroy(&r.work);
}

Test(cuda_programs, what_breaks_the_rules_is_named_once) {
    static const char *const names[] = {"allocation", "copy from the host", "copy to the host",
                                        "waiting",    "Cholesky",           "eigendecomposition"};
    kept_log log;
    gn_context *context = device_open("cuda");
    gn_context_set_log(context, keep_notice, &log);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        expect_refusal(context, &log, names[i]);
    cr_expect_eq(gn_context_allocated(context), 0);
    gn_context_destroy(context);
#ifdef GN_HOST_CUDA
    cr_expect_eq(host_cuda_live_objects(), 0);
    cr_expect_eq(host_cuda_violations(), 0, "%s", host_cuda_last_violation());
#endif
}

/* ---- a training step, and a program in a program ---- */

typedef struct step {
    gn_context *context;
    gn_array w, x, y, g, m, v, rate, clock;
    gn_program *inner;
} step;

enum { ROWS = 70, WIDTH = 9 };

static step step_make(gn_context *context, gn_dtype dtype) {
    step s = {.context = context};
    gn_array *buffers[] = {&s.w, &s.x, &s.y, &s.g, &s.m, &s.v};
    for (size_t i = 0; i < 6; i++) {
        const size_t rows = i == 1 || i == 2 ? ROWS : WIDTH;
        OK(context, gn_buffer_create(context, buffers[i], dtype, rows, WIDTH, "a step"));
        write_values(buffers[i], 3 + i, rows * WIDTH, i < 3 ? 1 : 0, 0);
    }
    OK(context, gn_buffer_create(context, &s.rate, GN_FLOAT64, 1, 1, "rate"));
    OK(context, gn_buffer_create(context, &s.clock, GN_FLOAT64, 1, 1, "clock"));
    OK(context, gn_array_fill(&s.rate, 0.01));
    OK(context, gn_array_fill(&s.clock, 0));
    return s;
}

static void step_destroy(step *s) {
    gn_array *buffers[] = {&s->w, &s->x, &s->y, &s->g, &s->m, &s->v, &s->rate, &s->clock};
    for (size_t i = 0; i < sizeof(buffers) / sizeof(buffers[0]); i++)
        gn_buffer_destroy(buffers[i]);
}

static gn_status update(void *user) {
    step *s = user;
    const gn_adam_rule rule = {
        .beta1 = 0.9, .beta2 = 0.99, .epsilon = 1e-8, .weight_decay = 0.1, .decoupled = true};
    return GN_OP(s->context, adam_update, s->w.dtype, WIDTH * WIDTH, rule, s->rate.data, s->clock.data,
                 s->g.data, s->m.data, s->v.data, s->w.data);
}

/* w <- adam(w, x'(x w - y) + column sums) */
static gn_status whole_step(void *user) {
    step *s = user;
    gn_context *c = s->context;
    const gn_dtype type = s->w.dtype;
    GN_TRY(GN_OP(c, gemm, type, false, false, ROWS, WIDTH, WIDTH, 1, s->x.data, WIDTH, s->w.data, WIDTH, -0.5,
                 s->y.data, WIDTH));
    GN_TRY(GN_OP(c, gemm, type, true, false, WIDTH, WIDTH, ROWS, 1, s->x.data, WIDTH, s->y.data, WIDTH, 0,
                 s->g.data, WIDTH));
    GN_TRY(GN_OP(c, column_sums, type, ROWS, WIDTH, s->y.data, s->g.data));
    GN_TRY(GN_OP(c, activation, type, GN_ACTIVATION_TANH, WIDTH * WIDTH, s->g.data, s->g.data, NULL));
    return s->inner ? gn_program_run(s->inner) : update(s);
}

static void expect_same_steps(gn_dtype dtype, bool nested) {
    gn_context *context = device_open("cuda");
    step eager = step_make(context, dtype), recorded = step_make(context, dtype);
    double a[WIDTH * WIDTH], b[WIDTH * WIDTH], clock;
    gn_program *program;
    if (nested)
        OK(context, gn_program_create(context, update, &recorded, NULL, &recorded.inner));
    OK(context, gn_program_create(context, whole_step, &recorded, NULL, &program));
    for (int i = 0; i < RUNS; i++) {
        OK(context, whole_step(&eager));
        OK(context, gn_program_run(program));
        OK(context, gn_array_read(&eager.w, a, WIDTH * WIDTH));
        OK(context, gn_array_read(&recorded.w, b, WIDTH * WIDTH));
        cr_expect_eq(memcmp(a, b, sizeof(a)), 0, "step %d: %.17g and %.17g", i, a[0], b[0]);
    }
    OK(context, gn_array_read(&recorded.clock, &clock, 1));
    cr_expect_eq(clock, RUNS);
    gn_program_destroy(program);
    gn_program_destroy(recorded.inner);
    step_destroy(&eager);
    step_destroy(&recorded);
    gn_context_destroy(context);
}

Test(cuda_programs, a_step_equals_calls_bit_for_bit) {
    expect_same_steps(GN_FLOAT64, false);
    expect_same_steps(GN_FLOAT32, false);
}

Test(cuda_programs, a_program_joins_the_one_around_it) {
    expect_same_steps(GN_FLOAT64, true);
}

Test(cuda_programs, need_not_run) {
    gn_context *context = device_open("cuda");
    gn_program *program;
    OK(context, gn_program_create(context, update, NULL, NULL, &program));
    gn_program_destroy(program);
    gn_program_destroy(NULL);
    gn_context_destroy(context);
}
