/* drift: a few steps of training by several rules against tests/reference, and where it begins. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "observe_test.h"
#include "reference.h"

enum { STEPS = 10, ARRAYS = 24, MODES = 24 };

/* What was written at the steps that the reference looks at, 3 and 10, one after the other; at step 0, what
 * is written once. */
typedef struct seen {
    struct {
        char name[40];
        size_t width, rows;
        double values[2 * MODES];
    } arrays[ARRAYS];
    size_t count;
} seen;

static gn_status see(void *user, const char *observer, uint64_t step, const char *name, int rank,
                     const size_t *shape, const double *values) {
    seen *s = user;
    const size_t width = rank == 0 ? 1 : shape[0];
    const bool once = strncmp(name, "kernel_regression", 17) == 0;
    cr_assert_str_eq(observer, "drift");
    if (!once && step != 3 && step != STEPS)
        return GN_OK;
    size_t i = 0;
    while (i < s->count && strcmp(s->arrays[i].name, name) != 0)
        i++;
    cr_assert(i < ARRAYS && width <= MODES && s->arrays[i].rows < 2);
    cr_assert(!once || (step == 0 && i == s->count), "%s is written once, at first", name);
    s->count += i == s->count;
    strcpy(s->arrays[i].name, name);
    s->arrays[i].width = width;
    for (size_t j = 0; j < width; j++)
        s->arrays[i].values[s->arrays[i].rows * width + j] = values[j];
    s->arrays[i].rows++;
    return GN_OK;
}

/* ---- training ---- */

typedef struct rule {
    const char *group; /* of the reference */
    gn_optimizer_options options;
} rule;

static rule descent(const char *name) {
    rule r = {"gd", gn_optimizer_options_default(GN_OPTIMIZER_SGD)};
    r.options.learning_rate = reference_attribute(name, "/", "rate");
    return r;
}

static rule damped(const char *name, bool classes, gn_solver solver) {
    rule r = {"lm",
              gn_optimizer_options_default(classes ? GN_OPTIMIZER_GGN : GN_OPTIMIZER_LEVENBERG_MARQUARDT)};
    r.options.learning_rate = reference_attribute(name, "/", "lm_rate");
    r.options.damping.value = reference_attribute(name, "/", "mu");
    r.options.solver = solver;
    r.options.cg.tolerance = 1e-14;
    return r;
}

typedef struct sets {
    mlp_fixture f;
    gn_dataset dataset;
    bool classes;
} sets;

static gn_array *read_set(const mlp_fixture *f, const char *name, const char *path, size_t width) {
    size_t count;
    double *values = reference_array(name, path, &count);
    gn_array *array = device_array(f->context, f->dtype, count / width, width, values);
    free(values);
    return array;
}

static sets sets_of(const char *device, const char *name) {
    sets s = {.classes = strcmp(name, "drift_classes") == 0};
    const mlp_case from = {
        .name = name, .widths = {2, 6, s.classes ? 3 : 2}, .activation = "tanh", .classes = s.classes};
    s.f = reference_setup_as(device, &from);
    s.dataset = (gn_dataset){.inputs = s.f.inputs,
                             .targets = s.f.targets,
                             .test_inputs = read_set(&s.f, name, "/test_inputs", 2),
                             .test_targets = read_set(&s.f, name, "/test_targets", s.f.c),
                             .labels = s.classes ? 1 : 0};
    return s;
}

static void sets_free(sets *s) {
    gn_array_destroy(s->dataset.test_inputs);
    gn_array_destroy(s->dataset.test_targets);
    mlp_teardown(&s->f);
}

static gn_observer *observer_of(sets *s) {
    gn_observer *observer;
    const gn_drift_options options = {.network = s->f.network,
                                      .loss = s->classes ? GN_LOSS_CROSS_ENTROPY : GN_LOSS_SQUARED,
                                      .dataset = &s->dataset,
                                      .theta0 = s->f.theta,
                                      .companion = true};
    OK(s->f.context, gn_observer_create_drift(s->f.context, &options, (gn_schedule){1}, &observer));
    return observer;
}

static void train(sets *s, gn_observer *observer, const rule *by, seen *kept) {
    gn_array *theta = device_array(s->f.context, s->f.dtype, s->f.p, 1, NULL);
    const gn_phase phase = {.steps = STEPS, .optimizer = by->options};
    const gn_trainer_options options = {.network = s->f.network,
                                        .dataset = &s->dataset,
                                        .loss = s->classes ? GN_LOSS_CROSS_ENTROPY : GN_LOSS_SQUARED,
                                        .dtype = s->f.dtype,
                                        .phases = &phase,
                                        .phase_count = 1,
                                        .observers = &observer,
                                        .observer_count = 1};
    const gn_trainer_hooks hooks = {.sink = {.write = see, .user = kept}};
    gn_trainer *trainer;
    OK(s->f.context, gn_array_copy(theta, s->f.theta));
    OK(s->f.context, gn_trainer_create(s->f.context, &options, theta, s->f.theta, &trainer));
    OK(s->f.context, gn_trainer_run(trainer, &hooks));
    gn_trainer_destroy(trainer);
    gn_array_destroy(theta);
}

/* ---- against the reference ---- */

/* Eigenvectors have no sign. */
static void without_sign(seen *kept) {
    for (size_t i = 0; i < kept->count; i++)
        for (size_t j = 0; strcmp(kept->arrays[i].name, "displacement") == 0 && j < 2 * MODES; j++)
            kept->arrays[i].values[j] = fabs(kept->arrays[i].values[j]);
}

static void check(const char *device, const char *name, rule by) {
    sets s = sets_of(device, name);
    gn_observer *observer = observer_of(&s);
    seen *kept = calloc(1, sizeof *kept);
    train(&s, observer, &by, kept);
    without_sign(kept);
    cr_expect_eq(kept->count, s.classes ? 18u : 15u, "%s: %zu arrays", name, kept->count);
    for (size_t i = 0; i < kept->count; i++) {
        char path[64];
        const bool once = strncmp(kept->arrays[i].name, "kernel_regression", 17) == 0;
        if (strcmp(kept->arrays[i].name, "kernel_regression_samples") == 0) {
            cr_expect_eq(kept->arrays[i].values[0], (double)s.f.n);
            continue;
        }
        snprintf(path, sizeof path, "/%s%s%s", once ? "" : by.group, once ? "" : "/", kept->arrays[i].name);
        expect_reference(name, path, kept->arrays[i].values, kept->arrays[i].width * kept->arrays[i].rows,
                         once ? 1e-7 : 1e-8);
    }
    free(kept);
    gn_observer_destroy(observer);
    sets_free(&s);
}

ON_EACH_DEVICE(drift, is_as_the_reference_trains) {
    static const gn_solver solvers[] = {GN_SOLVER_DUAL, GN_SOLVER_PRIMAL, GN_SOLVER_SPECTRAL, GN_SOLVER_CG,
                                        GN_SOLVER_LSMR};
    check(device, "drift_squared", descent("drift_squared"));
    check(device, "drift_classes", descent("drift_classes"));
    for (size_t i = 0; i < sizeof solvers / sizeof *solvers; i++) {
        check(device, "drift_squared", damped("drift_squared", false, solvers[i]));
        check(device, "drift_classes", damped("drift_classes", true, solvers[i]));
    }
}

/* ---- by hand ---- */

static const kept_row *find(const kept_rows *kept, const char *name) {
    for (size_t i = 0; i < kept->count; i++)
        if (strcmp(kept->rows[i].name, name) == 0)
            return &kept->rows[i];
    cr_assert_fail("no %s was written", name);
    return NULL;
}

/* Nothing has moved: no drift, no progress, and no direction of a movement. */
ON_EACH_DEVICE(drift, begins_at_nothing) {
    static const char *const undefined[] = {
        "subspace_residency",      "uniformity",        "gini",
        "displacement_uniformity", "displacement_gini", "linearisation_gap"};
    sets s = sets_of(device, "drift_squared");
    gn_observer *observer = observer_of(&s);
    kept_rows kept;
    const gn_observation_sink sink = keep_in(&kept);
    gn_array *test = s.dataset.test_inputs;
    double value, loss;
    cr_expect_not(gn_observer_signal(observer, GN_SIGNAL_DRIFT, &value));
    s.dataset.test_inputs = NULL; /* and then nothing of a test set */
    OK(s.f.context, gn_observer_observe(observer, 0, s.f.theta, NULL, &sink));
    cr_expect_eq(kept.count, 12u);
    cr_expect_eq(find(&kept, "kernel_drift")->values[0], 0);
    cr_expect(fabs(find(&kept, "cka")->values[0] - 1) < 1e-14);
    for (size_t i = 0; i < sizeof undefined / sizeof *undefined; i++)
        cr_expect(isnan(find(&kept, undefined[i])->values[0]), "%s", undefined[i]);
    for (size_t i = 0; i < s.f.m; i++)
        cr_expect(find(&kept, "progress")->values[i] == 0 && find(&kept, "displacement")->values[i] == 0);
    OK(s.f.context, gn_linearization_loss(s.f.lin, &loss));
    cr_expect(fabs(find(&kept, "companion_loss_train")->values[0] - loss) < 1e-14 * loss);
    cr_expect(gn_observer_signal(observer, GN_SIGNAL_DRIFT, &value) && value == 0);
    cr_expect_not(gn_observer_signal(observer, GN_SIGNAL_LINEARISATION_GAP, &value));
    cr_expect_not(gn_observer_signal(observer, GN_SIGNAL_MODE_RATE, &value));
    gn_observer_destroy(observer);
    s.dataset.test_inputs = test;
    sets_free(&s);
}

Test(drift, refuses_more_points_than_there_are) {
    sets s = sets_of("cpu", "drift_squared");
    gn_observer *observer;
    const gn_drift_options options = {.network = s.f.network,
                                      .loss = GN_LOSS_SQUARED,
                                      .dataset = &s.dataset,
                                      .theta0 = s.f.theta,
                                      .points = 7};
    cr_assert_eq(gn_observer_create_drift(s.f.context, &options, (gn_schedule){1}, &observer),
                 GN_ERROR_ARGUMENT);
    cr_expect_not_null(strstr(gn_error_message(s.f.context), "drift: points is 7"));
    cr_expect_null(observer);
    sets_free(&s);
}
