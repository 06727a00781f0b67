/* Cases of programs: they must do what their body, called as often as said, does. */
#include <math.h>

#include <criterion/criterion.h>

#include "core/status.h"
#include "op_case.h"

/* Operand 0 is doubled, operand 1 counts down from `start`, operand 2 is the limit, 3 the count. */
enum { X, FLAG, MOST, COUNT };

static gn_status body(void *user) {
    op_run *run = user;
    double *flag = device_pointer(run, FLAG);
    void *x = device_pointer(run, X);
    GN_TRY(GN_OP(run->context, axpby, run->dtype, run->c->n, 2.0, x, 0.0, x));
    return GN_OP(run->context, axpby, GN_FLOAT64, 1, -1.0, device_pointer(run, 4), 1.0, flag);
}

static void prepare_program(op_run *run) {
    add_uniform(run, 1, run->c->n, 0, -1, 1);
    add_scalar(run, run->c->alpha);
    add_scalar(run, run->c->beta);
    add_slots(run, 1);
    add_scalar(run, 1);
}

/* Five runs: the first ones may take another way than later ones. Before each the flag is set anew. */
enum { RUNS = 5 };

static gn_status run_often(op_run *run, void *program) {
    for (int i = 0; i < RUNS; i++) {
        GN_TRY(GN_OP(run->context, fill, GN_FLOAT64, 1, run->c->alpha, device_pointer(run, FLAG)));
        GN_TRY(GN_OP(run->context, program_run, program));
    }
    return GN_OK;
}

static gn_status call_program(op_run *run) {
    const gn_program_loop loop = {.flag = device_pointer(run, FLAG),
                                  .most = run->c->flag ? device_pointer(run, MOST) : NULL,
                                  .count = device_pointer(run, COUNT)};
    void *program;
    GN_TRY(GN_OP(run->context, program_create, body, run, run->c->kind ? &loop : NULL, &program));
    const gn_status status = run_often(run, program);
    GN_OP(run->context, program_destroy, program);
    return status;
}

static void expect_program(op_run *run) {
    const op_case *c = run->c;
    double *x = run->x[X].host, passes = 0;
    if (!c->kind)
        passes = 1;
    else
        while (c->alpha - passes > 0 && !(c->flag && passes >= c->beta))
            passes++;
    for (size_t i = 0; i < c->n; i++)
        for (int times = 0; times < RUNS * (int)passes; times++)
            x[i] *= 2;
    run->x[FLAG].host[0] = c->alpha - passes;
    if (c->kind)
        run->x[COUNT].host[0] = passes;
}

static const op_family families[] = {
    {"program_create", prepare_program, call_program, expect_program, false},
    {"program_run", prepare_program, call_program, expect_program, false},
    {"program_destroy", prepare_program, call_program, expect_program, false},
};

void add_program_cases(case_list *list) {
    static const double starts[] = {0, 1, 4, NAN};
    const size_t n[] = {0, 3, 1000};
    for (size_t f = 0; f < sizeof(families) / sizeof(families[0]); f++)
        for (size_t i = 0; i < 3; i++) {
            add_case(list, (op_case){.family = &families[f], .n = n[i], .alpha = 1});
            for (int s = 0; s < 4; s++) {
                add_case(list, (op_case){.family = &families[f], .n = n[i], .kind = 1, .alpha = starts[s]});
                for (int most = 0; most < 3; most++)
                    add_case(list, (op_case){.family = &families[f],
                                             .n = n[i],
                                             .kind = 1,
                                             .flag = true,
                                             .alpha = starts[s],
                                             .beta = 2 * most});
            }
        }
}
