/* What is reserved before a run is all that a first step needs on the device. */
#include <criterion/criterion.h>

#include "mlp_case.h"
#include "optimize/optimizer.h"

static void check(const mlp_case *from, gn_optimizer_options options) {
    mlp_fixture f = mlp_setup("check", GN_FLOAT64, from);
    gn_optimizer *optimizer;
    OK(f.context, gn_optimizer_create(f.context, &options, f.dtype, f.p, f.m, &optimizer));
    OK(f.context, gn_optimizer_reserve(optimizer, f.lin));
    const size_t before = gn_context_allocated(f.context);
    OK(f.context, gn_optimizer_step(optimizer, f.lin, f.theta, NULL));
    cr_expect_eq(gn_context_allocated(f.context), before,
                 "%s, solver %d, preconditioner %d, acceleration %d: %zu bytes in the first step", from->name,
                 (int)options.solver, (int)options.cg.preconditioner, (int)options.acceleration.kind,
                 gn_context_allocated(f.context) - before);
    gn_optimizer_destroy(optimizer);
    mlp_teardown(&f);
}

static void check_solver(const mlp_case *from, gn_optimizer_options options, gn_solver solver) {
    options.solver = solver;
    check(from, options);
    if (solver == GN_SOLVER_LSMR)
        return;
    options.acceleration.kind = GN_ACCELERATION_GEODESIC;
    check(from, options);
    options.damping.kind = GN_DAMPING_GAIN_RATIO;
    check(from, options);
}

static void check_case(const mlp_case *from) {
    gn_optimizer_options options = gn_optimizer_options_default(GN_OPTIMIZER_GGN);
    options.damping.value = 1;
    options.cg.max_iterations = 5;
    options.cg.rank = 3;
    const gn_solver solvers[] = {GN_SOLVER_DUAL, GN_SOLVER_PRIMAL, GN_SOLVER_SPECTRAL, GN_SOLVER_LSMR};
    for (int i = 0; i < 4; i++)
        check_solver(from, options, solvers[i]);
    for (int kind = GN_PRECONDITIONER_NONE; kind <= GN_PRECONDITIONER_KFAC; kind++) {
        options.cg.preconditioner = (gn_preconditioner_kind)kind;
        check_solver(from, options, GN_SOLVER_CG);
    }
}

Test(reserve, leaves_a_first_step_nothing_to_allocate) {
    const mlp_case net = {.name = "net", .widths = {3, 6, 5, 2}, .activation = "tanh", .samples = 9};
    mlp_case classes = net;
    classes.name = "classes", classes.classes = true;
    check_case(&net);
    check_case(&classes);
}

/* With parameters that are in no layer, and several classes a sample. */
Test(reserve, does_so_for_transformers) {
    size_t count, found = 0;
    const mlp_case *cases = mlp_transformers(&count);
    for (size_t i = 0; i < count; i++)
        if (cases[i].classes && positions_read(&cases[i]) > 1) {
            check_case(&cases[i]);
            found++;
        }
    cr_assert_gt(found, 0);
}
