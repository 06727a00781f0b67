#include "trainer_case.h"

#include <stdlib.h>
#include <string.h>

gn_optimizer_options optimizer_of(gn_optimizer_kind kind, double learning_rate) {
    gn_optimizer_options options = gn_optimizer_options_default(kind);
    options.learning_rate = learning_rate;
    return options;
}

static gn_status keep_row(void *user, const gn_metrics *metrics) {
    trainer_run *run = user;
    cr_assert_lt(run->row_count, (size_t)CASE_ROWS);
    run->rows[run->row_count++] = *metrics;
    return GN_OK;
}

static gn_status stop_there(void *user, uint64_t step, bool *stop) {
    const trainer_run *run = user;
    cr_assert_eq(step, gn_trainer_step(run->trainer));
    *stop = run->stop_at > 0 && step == run->stop_at;
    return GN_OK;
}

static void make_network(trainer_run *run, const trainer_case *from) {
    const size_t inputs = from->pde ? 2 : 1, hidden[] = {inputs, from->width, 1}, linear[] = {inputs, 1};
    gn_mlp_options options = gn_mlp_options_default();
    options.widths = from->width > 0 ? hidden : linear;
    options.depth = from->width > 0 ? 2 : 1;
    options.centred = from->centred;
    options.residual = run->dataset.residual;
    OK(run->context, gn_network_create_mlp(run->context, &options, &run->network));
}

static void make_parameters(trainer_run *run) {
    const size_t shape = gn_network_parameters(run->network);
    const gn_dtype dtype = run->options.dtype;
    OK(run->context, gn_array_create(run->context, dtype, 1, &shape, &run->theta));
    OK(run->context, gn_array_create(run->context, dtype, 1, &shape, &run->theta0));
    OK(run->context, gn_network_initialize(run->network, GN_INIT_KAIMING_UNIFORM, 1, 5, run->theta));
    OK(run->context, gn_array_copy(run->theta0, run->theta));
}

trainer_run *trainer_prepare(const trainer_case *from) {
    trainer_run *run = calloc(1, sizeof(*run));
    cr_assert_not_null(run);
    run->context = device_open(from->device ? from->device : "cpu");
    const size_t points = from->points ? from->points : 24;
    const gn_pde_points pde = {
        .interior = points, .boundary = 8, .test_points = from->test_points, .seed = 3};
    if (from->pde)
        OK(run->context, gn_dataset_poisson_2d(run->context, from->dtype, 1, 1, &pde, &run->dataset));
    else
        OK(run->context,
           gn_dataset_multi_sine_1d(run->context, from->dtype, points, from->test_points, 3, &run->dataset));
    make_network(run, from);
    memcpy(run->phases, from->phases, sizeof(run->phases));
    run->options = (gn_trainer_options){.network = run->network,
                                        .dataset = &run->dataset,
                                        .loss = GN_LOSS_SQUARED,
                                        .dtype = from->dtype,
                                        .batch = from->batch,
                                        .seed = 9,
                                        .phases = run->phases,
                                        .record = {from->record}};
    while (run->options.phase_count < CASE_PHASES && run->phases[run->options.phase_count].steps > 0)
        run->options.phase_count++;
    run->hooks = (gn_trainer_hooks){.user = run, .record = keep_row, .step = stop_there};
    make_parameters(run);
    return run;
}

void trainer_make(trainer_run *run) {
    OK(run->context, gn_trainer_create(run->context, &run->options, run->theta, run->theta0, &run->trainer));
}

trainer_run *trainer_setup(const trainer_case *from) {
    trainer_run *run = trainer_prepare(from);
    trainer_make(run);
    return run;
}

void trainer_teardown(trainer_run *run) {
    gn_trainer_destroy(run->trainer);
    gn_array_destroy(run->theta);
    gn_array_destroy(run->theta0);
    gn_network_destroy(run->network);
    gn_dataset_destroy(&run->dataset);
    cr_assert_eq(gn_context_allocated(run->context), 0u);
    gn_context_destroy(run->context);
    free(run);
}

static gn_status save_array(void *user, const char *name, size_t count, double *values) {
    kept_state *state = user;
    cr_assert(state->count < 16 && count <= 64 && strlen(name) < 48);
    strcpy(state->arrays[state->count].name, name);
    state->arrays[state->count].count = count;
    memcpy(state->arrays[state->count++].values, values, count * sizeof(*values));
    return GN_OK;
}

static gn_status load_array(void *user, const char *name, size_t count, double *values) {
    const kept_state *state = user;
    for (size_t i = 0; i < state->count; i++)
        if (strcmp(state->arrays[i].name, name) == 0) {
            cr_assert_eq(state->arrays[i].count, count);
            memcpy(values, state->arrays[i].values, count * sizeof(*values));
            return GN_OK;
        }
    cr_assert_fail("%s was not saved", name);
    return GN_OK;
}

gn_state_walk save_into(kept_state *state) {
    state->count = 0;
    return (gn_state_walk){state, false, save_array};
}

gn_state_walk load_from(kept_state *state) {
    return (gn_state_walk){state, true, load_array};
}

static void copy_values(const gn_array *from, gn_array *to) {
    double *values = host_values(from);
    cr_assert_eq(gn_array_write(to, values, gn_array_count(from)), GN_OK);
    free(values);
}

static void carry_optimizer(gn_optimizer *from, gn_optimizer *to) {
    cr_assert((from != NULL) == (to != NULL));
    cr_assert(!from || gn_optimizer_state_count(from) == gn_optimizer_state_count(to));
    for (size_t i = 0; from && i < gn_optimizer_state_count(from); i++) {
        const char *name, *other;
        gn_array *state = gn_optimizer_state(from, i, &name), *place = gn_optimizer_state(to, i, &other);
        cr_assert_str_eq(name, other);
        copy_values(state, place);
    }
}

void trainer_carry_over(trainer_run *from, trainer_run *to) {
    kept_state state;
    const gn_state_walk save = save_into(&state), load = load_from(&state);
    copy_values(from->theta, to->theta);
    copy_values(from->theta0, to->theta0);
    OK(from->context, gn_trainer_state(from->trainer, &save));
    OK(to->context, gn_trainer_state(to->trainer, &load));
    carry_optimizer(gn_trainer_optimizer(from->trainer), gn_trainer_optimizer(to->trainer));
    for (size_t i = 0; i < from->options.observer_count; i++) {
        state.count = 0;
        OK(from->context, gn_observer_state(from->options.observers[i], &save));
        OK(to->context, gn_observer_state(to->options.observers[i], &load));
    }
}

void expect_same_theta(const trainer_run *a, const trainer_run *b) {
    const size_t count = gn_array_count(a->theta);
    double *x = host_values(a->theta), *y = host_values(b->theta);
    cr_assert_eq(memcmp(x, y, count * sizeof(*x)), 0, "the parameters differ: %.17g and %.17g first", x[0],
                 y[0]);
    free(x);
    free(y);
}

void expect_last_rows(const trainer_run *whole, const trainer_run *part) {
    cr_assert_geq(whole->row_count, part->row_count);
    const size_t skipped = whole->row_count - part->row_count;
    for (size_t i = 0; i < part->row_count; i++) {
        gn_metrics a = whole->rows[skipped + i], b = part->rows[i];
        a.seconds = b.seconds = a.processor_seconds = b.processor_seconds = 0;
        cr_assert_eq(memcmp(&a, &b, sizeof(a)), 0, "row %zu differs: step %d loss %.17g, step %d loss %.17g",
                     i, (int)a.step, a.loss_train, (int)b.step, b.loss_train);
    }
}
