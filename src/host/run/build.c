#include "run/build.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/status.h"
#include "run/eigenvector.h"
#include "run/reference.h"

gn_status gn_build_fail(const gn_build *build, gn_status status, const char *where, gn_message *message) {
    const char *why = build->context == NULL ? "" : gn_error_message(build->context);
    return gn_message_fail(message, status, "%s%s%s", where, where[0] != '\0' ? ": " : "",
                           why[0] != '\0' ? why : gn_status_text(status));
}

/* What the library refuses because of what the configuration says is the configuration's fault. */
static gn_status fail_at(const gn_build *build, gn_status status, const gn_config_source *source,
                         const char *path, gn_message *message) {
    char where[512];
    bool configured = status == GN_ERROR_ARGUMENT || status == GN_ERROR_SHAPE || status == GN_ERROR_IO ||
                      status == GN_ERROR_FORMAT || status == GN_ERROR_UNSUPPORTED;
    gn_config_where(source, path, where, sizeof where);
    return gn_build_fail(build, configured ? GN_ERROR_CONFIG : status, configured ? where : path, message);
}

static gn_status expect_file(const gn_config_source *source, const char *key, const char *path,
                             gn_message *message) {
    char where[512];
    if (access(path, R_OK) == 0)
        return GN_OK;
    return gn_message_fail(message, GN_ERROR_CONFIG, "%s: %s: %s: %s",
                           gn_config_where(source, key, where, sizeof where), key, path, strerror(errno));
}

static const char *or_null(const char *text) {
    return text == NULL || text[0] == '\0' ? NULL : text;
}

static gn_status create_pde(const gn_config_problem *p, gn_dtype precision, const gn_pde_points *points,
                            gn_build *build) {
    const bool evolves = p->coordinates == GN_COORDINATES_XT;
    const gn_pde pde = {.axes = {"x", evolves ? "t" : "y"},
                        .low = {p->x_low, p->second_low},
                        .high = {p->x_high, p->second_high},
                        .residual = p->residual,
                        .solution = p->solution,
                        .evolves = evolves};
    return gn_dataset_pde(build->context, precision, &pde, points, &build->dataset);
}

static gn_status create_addition(const gn_config *config, gn_build *build) {
    const gn_config_problem *p = &config->problem;
    if (p->encoding == GN_ENCODING_EQUATIONS)
        return gn_dataset_modular_addition_equations(build->context, config->precision, p->modulus,
                                                     p->vocabulary, p->train_fraction, config->seed,
                                                     &build->dataset);
    return (p->encoding == GN_ENCODING_TOKENS ? gn_dataset_modular_addition_tokens
                                              : gn_dataset_modular_addition)(
        build->context, config->precision, p->modulus, p->train_fraction, config->seed, &build->dataset);
}

static gn_status create_dataset(const gn_config *config, const gn_config_source *source, gn_build *build,
                                gn_message *message) {
    const gn_config_problem *p = &config->problem;
    const gn_arrays_options arrays = {.file = p->file,
                                      .inputs = p->inputs,
                                      .targets = p->targets,
                                      .test_inputs = or_null(p->test_inputs),
                                      .test_targets = or_null(p->test_targets)};
    const gn_idx_options idx = {.folder = p->folder,
                                .train_count = p->train_count,
                                .test_count = p->test_count,
                                .maximum = p->maximum};
    const gn_polynomial_options polynomial = {.features = p->features,
                                              .points = p->points,
                                              .test_points = p->test_points,
                                              .factor = p->factor,
                                              .seed = config->seed};
    const gn_frequency_mismatch_options mismatch = {.points = p->points,
                                                    .test_points = p->test_points,
                                                    .near_sin_x = p->near_sin_x,
                                                    .near_sin_3x = p->near_sin_3x,
                                                    .grid = p->grid,
                                                    .seed = config->seed};
    const gn_pde_points points = {.interior = p->interior,
                                  .boundary = p->boundary,
                                  .test_points = p->test_points,
                                  .grid = p->grid,
                                  .seed = config->seed};
    gn_status status = GN_OK;
    const char *path = "problem";
    switch (p->kind) {
    case GN_PROBLEM_ARRAYS:
        path = "problem.file";
        GN_TRY(expect_file(source, path, p->file, message));
        status = gn_dataset_arrays(build->context, config->precision, &arrays, &build->dataset);
        break;
    case GN_PROBLEM_IDX:
        path = "problem.folder";
        GN_TRY(expect_file(source, path, p->folder, message));
        status = gn_dataset_idx(build->context, config->precision, &idx, &build->dataset);
        break;
    case GN_PROBLEM_MULTI_SINE_1D:
        status = gn_dataset_multi_sine_1d(build->context, config->precision, p->points, p->test_points,
                                          config->seed, &build->dataset);
        break;
    case GN_PROBLEM_STEP_2D:
        status = gn_dataset_step_2d(build->context, config->precision, p->points, p->test_points,
                                    config->seed, &build->dataset);
        break;
    case GN_PROBLEM_SINC_1D:
        status = gn_dataset_sinc_1d(build->context, config->precision, p->points, p->test_points, p->k,
                                    config->seed, &build->dataset);
        break;
    case GN_PROBLEM_FREQUENCY_MISMATCH_1D:
        status =
            gn_dataset_frequency_mismatch_1d(build->context, config->precision, &mismatch, &build->dataset);
        break;
    case GN_PROBLEM_MODULAR_ADDITION:
        status = create_addition(config, build);
        break;
    case GN_PROBLEM_POLYNOMIAL:
        status = gn_dataset_polynomial(build->context, config->precision, &polynomial, &build->dataset);
        break;
    case GN_PROBLEM_POISSON_2D:
        status = gn_dataset_poisson_2d(build->context, config->precision, (double)p->n, (double)p->m, &points,
                                       &build->dataset);
        break;
    case GN_PROBLEM_HELMHOLTZ_2D:
        status = gn_dataset_helmholtz_2d(build->context, config->precision, (double)p->n, (double)p->m, p->k,
                                         &points, &build->dataset);
        break;
    case GN_PROBLEM_BURGERS_1D:
        status =
            gn_dataset_burgers_1d(build->context, config->precision, p->viscosity, &points, &build->dataset);
        break;
    case GN_PROBLEM_PDE_2D:
        status = create_pde(p, config->precision, &points, build);
        break;
    }
    return status == GN_OK ? GN_OK : fail_at(build, status, source, path, message);
}

static gn_status check_tokens(const gn_config_source *source, const gn_build *build, gn_message *message) {
    gn_status status = gn_network_check_inputs(build->network, build->dataset.inputs);
    if (status == GN_OK && build->dataset.test_inputs)
        status = gn_network_check_inputs(build->network, build->dataset.test_inputs);
    return status == GN_OK ? GN_OK : fail_at(build, status, source, "network.vocabulary", message);
}

/* What the network takes and gives is the data's to say. */
static gn_status check_network(const gn_config *config, const gn_config_source *source, const gn_build *build,
                               gn_message *message) {
    size_t features = gn_array_length(build->dataset.inputs, 1);
    size_t outputs = gn_array_length(build->dataset.targets, 1);
    size_t first = gn_network_inputs(build->network), last = gn_network_outputs(build->network);
    char where[512];
    if (first == features && last == outputs)
        return check_tokens(source, build, message);
    if (config->network.kind == GN_NETWORK_TRANSFORMER) {
        gn_config_where(source, "network.context", where, sizeof where);
        return gn_message_fail(message, GN_ERROR_CONFIG,
                               "%s: the transformer takes network.context = %zu tokens and gives read * "
                               "vocabulary = %zu outputs, but the data have %zu features and %zu targets a "
                               "sample",
                               where, first, last, features, outputs);
    }
    if (config->network.kind != GN_NETWORK_MLP) {
        gn_config_where(source, "network.kind", where, sizeof where);
        return gn_message_fail(message, GN_ERROR_CONFIG,
                               "%s: this kind of network gives %zu output%s, but the data have %zu targets a "
                               "sample",
                               where, last, last == 1 ? "" : "s", outputs);
    }
    gn_config_where(source, "network.widths", where, sizeof where);
    return gn_message_fail(message, GN_ERROR_CONFIG,
                           "%s: network.widths goes from %zu to %zu, but the data have %zu features and %zu "
                           "targets a sample; write [%zu, ..., %zu]",
                           where, first, last, features, outputs, features, outputs);
}

static gn_status check_classes(const gn_config *config, const gn_config_source *source, const gn_build *build,
                               gn_message *message) {
    const size_t positions = config->network.kind == GN_NETWORK_TRANSFORMER ? config->network.read : 1;
    char where[512];
    if (config->loss.kind != GN_LOSS_CROSS_ENTROPY || build->dataset.labels == positions)
        return GN_OK;
    if (build->dataset.labels)
        return gn_message_fail(message, GN_ERROR_CONFIG,
                               "%s: the network reads %zu position%s, but the data have %zu class%s a sample",
                               gn_config_where(source, "network.read", where, sizeof where), positions,
                               positions == 1 ? "" : "s", build->dataset.labels,
                               build->dataset.labels == 1 ? "" : "es");
    gn_config_where(source, "loss.kind", where, sizeof where);
    return gn_message_fail(
        message, GN_ERROR_CONFIG,
        "%s: loss.kind cross_entropy needs classes: targets of which every row is a single 1 "
        "among zeros, which these data's are not",
        where);
}

static gn_status create_mlp(const gn_config_network *n, gn_build *build) {
    gn_mlp_options options = gn_mlp_options_default();
    options.residual = build->dataset.residual;
    options.widths = n->widths;
    options.depth = n->widths_count - 1;
    options.activation = n->activation;
    options.bias = n->bias;
    options.output_scale = n->output_scale;
    options.centred = n->centred;
    return gn_network_create_mlp(build->context, &options, &build->network);
}

static gn_status create_network_kind(const gn_config_network *n, gn_build *build) {
    const size_t inputs = gn_array_length(build->dataset.inputs, 1);
    const gn_quadratic_options quadratic = {.inputs = inputs,
                                            .hidden = n->hidden,
                                            .outputs = gn_array_length(build->dataset.targets, 1),
                                            .alpha = n->alpha};
    const gn_committee_options committee = {.inputs = inputs,
                                            .hidden = n->hidden,
                                            .alpha = n->alpha,
                                            .epsilon = n->epsilon,
                                            .centred = n->centred};
    const gn_transformer_options transformer = {.layers = n->layers,
                                                .width = n->width,
                                                .heads = n->heads,
                                                .ffn_width = n->ffn_width,
                                                .vocabulary = n->vocabulary,
                                                .context = n->context,
                                                .norm = n->norm,
                                                .sinusoidal = n->positions == GN_POSITIONS_SINUSOIDAL,
                                                .read = n->read};
    switch (n->kind) {
    case GN_NETWORK_TRANSFORMER:
        return gn_network_create_transformer(build->context, &transformer, &build->network);
    case GN_NETWORK_QUADRATIC:
        return gn_network_create_quadratic(build->context, &quadratic, &build->network);
    case GN_NETWORK_COMMITTEE:
        return gn_network_create_committee(build->context, &committee, &build->network);
    case GN_NETWORK_MLP:
        break;
    }
    return create_mlp(n, build);
}

static gn_status create_parameters(const gn_config *config, gn_build *build, gn_message *message) {
    const gn_config_network *n = &config->network;
    size_t parameters = gn_network_parameters(build->network);
    gn_context *context = build->context;
    gn_status status;
    GN_TRY_DONE(gn_array_create(context, config->precision, 1, &parameters, &build->theta));
    GN_TRY_DONE(gn_array_create(context, config->precision, 1, &parameters, &build->theta0));
    const gn_init init = n->kind == GN_NETWORK_TRANSFORMER ? n->attention_init : n->init;
    GN_TRY_DONE(gn_network_initialize(build->network, init, n->init_scale, config->seed, build->theta));
    GN_TRY_DONE(gn_array_copy(build->theta0, build->theta));
done:
    return status == GN_OK ? GN_OK : gn_build_fail(build, status, "network", message);
}

static gn_status replace_targets(const gn_config *config, const gn_config_source *source, gn_build *build,
                                 gn_message *message) {
    const size_t number = config->problem.eigenvector;
    if (number == 0)
        return GN_OK;
    const gn_status status = gn_eigenvector_targets(build->network, build->theta0, number, &build->dataset);
    return status == GN_OK ? GN_OK : fail_at(build, status, source, "problem.eigenvector", message);
}

static gn_status create_network(const gn_config *config, const gn_config_source *source, gn_build *build,
                                gn_message *message) {
    char where[512];
    if (build->dataset.residual && config->network.kind != GN_NETWORK_MLP)
        return gn_message_fail(
            message, GN_ERROR_CONFIG,
            "%s: the problem is a PDE; of the networks only the mlp carries derivatives by its "
            "inputs",
            gn_config_where(source, "network.kind", where, sizeof where));
    gn_status status = create_network_kind(&config->network, build);
    if (status != GN_OK)
        return fail_at(build, status, source, "network", message);
    GN_TRY(check_network(config, source, build, message));
    GN_TRY(create_parameters(config, build, message));
    return replace_targets(config, source, build, message);
}

static gn_status create(const gn_config *config, const gn_config_source *source, gn_log_function log,
                        void *user, gn_build *build, gn_message *message) {
    gn_status status = gn_context_create(&build->context, config->device);
    if (status != GN_OK)
        return fail_at(build, status, source, "device", message);
    gn_context_set_log(build->context, log, user);
    GN_TRY(create_dataset(config, source, build, message));
    GN_TRY(check_classes(config, source, build, message));
    return create_network(config, source, build, message);
}

gn_status gn_build_create(const gn_config *config, const gn_config_source *source, gn_log_function log,
                          void *user, gn_build *build, gn_message *message) {
    *build = (gn_build){0};
    gn_status status = create(config, source, log, user, build, message);
    if (status != GN_OK)
        gn_build_destroy(build);
    return status;
}

/* ---- observers and trainer ---- */

static gn_status create_generalisation(const gn_config_observer *from, gn_build *build, gn_observer **out) {
    const gn_generalisation_options options = {.thresholds = from->thresholds,
                                               .threshold_count = from->thresholds_count,
                                               .loss_below = from->loss_below};
    return gn_observer_create_generalisation(build->context, &build->dataset, &options,
                                             (gn_schedule){from->every}, out);
}

static gn_status create_curvature(const gn_config *config, const gn_config_observer *from, gn_build *build,
                                  gn_observer **out) {
    const gn_curvature_options options = {.points = from->points,
                                          .values = from->values,
                                          .steps = from->steps,
                                          .starts = from->starts,
                                          .probes = from->probes,
                                          .hessian = from->hessian,
                                          .seed = config->seed};
    return gn_observer_create_curvature(build->context, build->network, config->loss.kind, &build->dataset,
                                        build->theta0, &options, (gn_schedule){from->every}, out);
}

static gn_status create_ntk(const gn_config *config, const gn_config_observer *from, gn_build *build,
                            gn_observer **out) {
    gn_ntk_options options = {.points = from->points,
                              .dense_rows = from->dense_rows,
                              .values = from->values,
                              .dtype = from->precision,
                              .present = from->present,
                              .schedule = {from->every}};
    for (unsigned i = 0; i < config->phases_count; i++) {
        const gn_optimizer_kind kind = config->phases[i].optimizer.options.kind;
        options.diagonal |= kind == GN_OPTIMIZER_ADAM || kind == GN_OPTIMIZER_ADAMW;
    }
    return gn_observer_create_ntk(build->context, build->network, config->loss.kind, &build->dataset,
                                  build->theta0, &options, out);
}

static gn_status create_drift(const gn_config *config, const gn_config_observer *from, gn_build *build,
                              gn_observer **out) {
    const gn_drift_options options = {.network = build->network,
                                      .loss = config->loss.kind,
                                      .dataset = &build->dataset,
                                      .theta0 = build->theta0,
                                      .points = from->points,
                                      .companion = from->companion,
                                      .batch = config->batch.size,
                                      .seed = config->seed};
    return gn_observer_create_drift(build->context, &options, (gn_schedule){from->every}, out);
}

static gn_status create_nudft(const gn_config_observer *from, gn_build *build, gn_observer **out) {
    const gn_nudft_options options = {.values = from->values, .highest = from->highest};
    return gn_observer_create_nudft(build->context, build->network, &build->dataset, build->theta0, &options,
                                    (gn_schedule){from->every}, out);
}

static gn_status create_observer(const gn_config *config, const gn_config_observer *from, gn_build *build) {
    const gn_schedule schedule = {from->every};
    gn_observer **out = &build->observers[build->observer_count];
    gn_status status = GN_OK;
    switch (from->kind) {
    case GN_OBSERVE_METRICS: /* no observer: the cadence of the rows */
        return GN_OK;
    case GN_OBSERVE_NORMS:
        status = gn_observer_create_norms(build->context, build->theta0, schedule, out);
        break;
    case GN_OBSERVE_FOURIER:
        status = gn_observer_create_fourier(build->context, &build->dataset, from->modes, schedule, out);
        break;
    case GN_OBSERVE_SOLUTION:
        status = gn_observer_create_solution(build->context, build->network, &build->dataset, build->theta0,
                                             from->h1, schedule, out);
        break;
    case GN_OBSERVE_NTK:
        status = create_ntk(config, from, build, out);
        break;
    case GN_OBSERVE_DRIFT:
        status = create_drift(config, from, build, out);
        break;
    case GN_OBSERVE_GENERALISATION:
        status = create_generalisation(from, build, out);
        break;
    case GN_OBSERVE_CURVATURE:
        status = create_curvature(config, from, build, out);
        break;
    case GN_OBSERVE_RAYS:
        status = gn_observer_create_rays(build->context, build->network, &build->dataset, build->theta0,
                                         from->points, schedule, out);
        break;
    case GN_OBSERVE_PARTICIPATION:
        status =
            gn_observer_create_participation(build->context, build->network, &build->dataset, schedule, out);
        break;
    case GN_OBSERVE_NUDFT:
        status = create_nudft(from, build, out);
        break;
    }
    if (status == GN_OK)
        build->observer_count++;
    return status;
}

static gn_status create_observers(const gn_config *config, const gn_config_source *source, gn_build *build,
                                  gn_message *message) {
    build->observers = calloc(config->observe_count + 1, sizeof *build->observers);
    if (build->observers == NULL)
        return gn_message_fail(message, GN_ERROR_MEMORY, "out of memory");
    for (unsigned i = 0; i < config->observe_count; i++) {
        char path[32];
        snprintf(path, sizeof path, "observe.%u", i);
        gn_status status = create_observer(config, &config->observe[i], build);
        if (status != GN_OK)
            return fail_at(build, status, source, path, message);
    }
    return GN_OK;
}

static gn_schedule record_schedule(const gn_config *config) {
    for (unsigned i = 0; i < config->observe_count; i++)
        if (config->observe[i].kind == GN_OBSERVE_METRICS)
            return (gn_schedule){config->observe[i].every};
    return (gn_schedule){0};
}

static gn_phase_end end_of(const gn_config_phase *phase) {
    gn_phase_end end = {0};
    if (phase->until) {
        const gn_config_until *u = phase->until;
        end.until.metric = u->metric;
        end.until.bound = u->below ? GN_BOUND_BELOW : GN_BOUND_ABOVE;
        end.until.level = u->below ? *u->below : *u->above;
        end.until.times = u->times;
    }
    if (phase->stagnation) {
        end.stagnation.metric = phase->stagnation->metric;
        end.stagnation.relative = phase->stagnation->relative;
        end.stagnation.times = phase->stagnation->times;
    }
    if (phase->change) {
        const gn_config_switch *c = phase->change;
        end.change.signal = c->signal;
        end.change.bound = c->below ? GN_BOUND_BELOW : GN_BOUND_ABOVE;
        end.change.level = c->below ? *c->below : *c->above;
        end.change.times = c->times;
    }
    return end;
}

/* The step size of a phase, with what its reference recorded. */
static gn_status create_step_size(const gn_config *config, const gn_config_source *source, unsigned i,
                                  gn_build *build, gn_message *message) {
    const gn_config_step_size *from = &config->phases[i].optimizer.step_size;
    gn_step_size_options *to = &build->phases[i].optimizer.step_size;
    char path[80], where[512];
    *to = from->options;
    const bool norms = from->options.kind == GN_STEP_SIZE_RECORDED_NORM;
    if (!norms && from->options.kind != GN_STEP_SIZE_RECORDED_LOSS)
        return GN_OK;
    to->recorded_count = config->phases[i].steps;
    gn_message why = {0};
    const gn_status status = gn_reference_read(from->reference, config, norms ? "step_norm" : "loss_train",
                                               to->recorded_count, &build->recorded[i], &why);
    to->recorded = build->recorded[i];
    if (status == GN_OK)
        return GN_OK;
    snprintf(path, sizeof path, "phases.%u.optimizer.step_size.reference", i);
    return gn_message_fail(message, status == GN_ERROR_MEMORY ? status : GN_ERROR_CONFIG, "%s: %s: %s",
                           gn_config_where(source, path, where, sizeof where), path, why.text);
}

gn_status gn_build_trainer(const gn_config *config, const gn_config_source *source, gn_build *build,
                           gn_message *message) {
    GN_TRY(create_observers(config, source, build, message));
    build->phases = calloc(config->phases_count, sizeof *build->phases);
    build->recorded = calloc(config->phases_count, sizeof *build->recorded);
    if (build->phases == NULL || build->recorded == NULL)
        return gn_message_fail(message, GN_ERROR_MEMORY, "out of memory");
    build->phase_count = config->phases_count;
    for (unsigned i = 0; i < config->phases_count; i++) {
        build->phases[i] = (gn_phase){.steps = config->phases[i].steps,
                                      .optimizer = config->phases[i].optimizer.options,
                                      .end = end_of(&config->phases[i])};
        GN_TRY(create_step_size(config, source, i, build, message));
    }
    const gn_trainer_options options = {.network = build->network,
                                        .dataset = &build->dataset,
                                        .loss = config->loss.kind,
                                        .dtype = config->precision,
                                        .batch = config->batch.size,
                                        .seed = config->seed,
                                        .phases = build->phases,
                                        .phase_count = build->phase_count,
                                        .observers = build->observers,
                                        .observer_count = build->observer_count,
                                        .record = record_schedule(config)};
    gn_status status =
        gn_trainer_create(build->context, &options, build->theta, build->theta0, &build->trainer);
    return status == GN_OK ? GN_OK : fail_at(build, status, source, "phases", message);
}

void gn_build_destroy(gn_build *build) {
    gn_trainer_destroy(build->trainer);
    for (size_t i = 0; i < build->observer_count; i++)
        gn_observer_destroy(build->observers[i]);
    free(build->observers);
    for (size_t i = 0; build->recorded != NULL && i < build->phase_count; i++)
        free(build->recorded[i]);
    free(build->recorded);
    free(build->phases);
    gn_array_destroy(build->theta);
    gn_array_destroy(build->theta0);
    gn_network_destroy(build->network);
    gn_dataset_destroy(&build->dataset);
    gn_context_destroy(build->context);
    *build = (gn_build){0};
}
