/* curvature: the Gauss-Newton matrix G = w J'H J and the Hessian of the mean loss by products: their extreme
 * eigenvalues, traces and spectral densities, what sets them apart, and how the optimiser's direction and the
 * gradient lie to them. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "linearization/linearization.h"
#include "observe/observer.h"
#include "optimize/optimizer.h"
#include "solve/hutchinson.h"
#include "solve/quadrature.h"

typedef struct curvature {
    gn_observer base;
    gn_curvature_options options; /* values and steps cut to what there is */
    size_t parameters;
    gn_linearization *probe;
    const gn_dataset *dataset;
    gn_array inputs, targets, weights; /* views of the data set */
    bool weighted;
    bool by_hessian; /* what Lanczos multiplies by */
    gn_lanczos *lanczos;
    gn_hutchinson *hutchinson;
    gn_array image;           /* M, where rows have weights: J v */
    gn_array gradient;        /* P: of the mean loss */
    gn_array vector, product; /* P: what is multiplied, or a direction, and what comes of it */
    gn_array slots;           /* 3 */
    double *host;             /* what the next six point to */
    double *top, *top_bound, *bottom, *bottom_bound; /* values each */
    double *nodes, *density;                         /* starts x steps each */
    double *coefficients;                            /* steps */
} curvature;

/* ---- the operators ---- */

/* J' w H J v of the mean loss. Weights of rows are part of the loss, but not of the linearization's product.
 */
static gn_status ggn_product(curvature *o, const gn_array *v, gn_array *out) {
    const double scale = 1 / gn_linearization_measure(o->probe);
    gn_array image =
        gn_array_view(o->base.context, v->dtype, gn_linearization_rows(o->probe), 1, o->image.data);
    if (!o->weighted)
        return gn_linearization_ggn_product(o->probe, scale, v, out);
    GN_TRY(gn_linearization_jvp(o->probe, v, &image));
    GN_TRY(GN_OP(o->base.context, multiply, v->dtype, gn_array_count(&image), image.data, o->weights.data,
                 image.data));
    GN_TRY(
        GN_OP(o->base.context, axpby, v->dtype, gn_array_count(&image), scale, image.data, 0.0, image.data));
    return gn_linearization_vjp(o->probe, &image, out);
}

/* Row by row through two arrays that stay: so the linearization records each product once. */
static gn_status apply(curvature *o, bool hessian, size_t rows, const void *x, void *y) {
    gn_context *context = o->base.context;
    const size_t stride = o->parameters * gn_dtype_size(o->vector.dtype);
    for (size_t i = 0; i < rows; i++) {
        GN_TRY(GN_OP(context, copy, o->vector.data, (const char *)x + i * stride, stride));
        GN_TRY(hessian ? gn_linearization_hessian_product(o->probe, &o->vector, &o->product)
                       : ggn_product(o, &o->vector, &o->product));
        GN_TRY(GN_OP(context, copy, (char *)y + i * stride, o->product.data, stride));
    }
    return GN_OK;
}

static gn_status apply_ggn(void *user, size_t rows, const void *x, void *y) {
    return apply(user, false, rows, x, y);
}

static gn_status apply_hessian(void *user, size_t rows, const void *x, void *y) {
    return apply(user, true, rows, x, y);
}

/* Lanczos works on one of the two after the other, in the same memory. */
static gn_status apply_chosen(void *user, size_t rows, const void *x, void *y) {
    curvature *o = user;
    return apply(o, o->by_hessian, rows, x, y);
}

/* ---- the point ---- */

static gn_array view_samples(const gn_array *array, size_t samples) {
    return gn_array_view(array->context, array->dtype, samples, gn_array_length(array, 1), array->data);
}

/* The first `samples` at theta, and the mean loss's gradient. */
static gn_status look_from(curvature *o, const gn_array *theta, size_t samples) {
    o->inputs = view_samples(o->dataset->inputs, samples);
    o->targets = view_samples(o->dataset->targets, samples);
    GN_TRY(gn_linearization_set_batch(o->probe, &o->inputs, &o->targets));
    if (o->weighted) {
        o->weights = view_samples(o->dataset->weights, samples);
        GN_TRY(gn_linearization_set_weights(o->probe, &o->weights));
    }
    GN_TRY(gn_linearization_set_point(o->probe, theta));
    return gn_linearization_gradient(o->probe, &o->gradient);
}

/* ---- what is written ---- */

static curvature *of(const gn_look *look) {
    return (curvature *)look->observer;
}

static const char *matrix_name(bool hessian) {
    return hessian ? "hessian" : "ggn";
}

static gn_status write_of(const gn_look *to, bool hessian, const char *name, int rank, const size_t *shape,
                          const double *values) {
    char full[64];
    snprintf(full, sizeof full, "%s_%s", matrix_name(hessian), name);
    return gn_look_write(to, full, rank, shape, values);
}

/* The outermost Ritz values of the run that Lanczos is left at; NaN where it ended before there were so many.
 */
static void take_ends(curvature *o) {
    const double *values = gn_lanczos_values(o->lanczos), *bounds = gn_lanczos_bounds(o->lanczos);
    const size_t count = gn_lanczos_count(o->lanczos);
    for (size_t i = 0; i < o->options.values; i++) {
        const bool found = i < count;
        o->top[i] = found ? values[count - 1 - i] : NAN;
        o->top_bound[i] = found ? bounds[count - 1 - i] : NAN;
        o->bottom[i] = found ? values[i] : NAN;
        o->bottom_bound[i] = found ? bounds[i] : NAN;
    }
}

static gn_status write_spectrum(const gn_look *to, bool hessian) {
    curvature *o = of(to);
    const size_t values = o->options.values, shape[] = {o->options.starts, o->options.steps};
    o->by_hessian = hessian;
    GN_TRY(gn_quadrature_run(o->lanczos, o->options.starts, o->nodes, o->density));
    take_ends(o);
    GN_TRY(write_of(to, hessian, "top", 1, &values, o->top));
    GN_TRY(write_of(to, hessian, "top_bound", 1, &values, o->top_bound));
    GN_TRY(write_of(to, hessian, "bottom", 1, &values, o->bottom));
    GN_TRY(write_of(to, hessian, "bottom_bound", 1, &values, o->bottom_bound));
    GN_TRY(write_of(to, hessian, "nodes", 2, shape, o->nodes));
    return write_of(to, hessian, "weights", 2, shape, o->density);
}

static gn_status write_trace(const gn_look *to, bool hessian, gn_estimate trace) {
    GN_TRY(write_of(to, hessian, "trace", 0, NULL, &trace.value));
    return write_of(to, hessian, "trace_error", 0, NULL, &trace.error);
}

static gn_status write_traces(const gn_look *to) {
    gn_hutchinson_result found;
    GN_TRY(gn_hutchinson_run(of(to)->hutchinson, &found));
    GN_TRY(write_trace(to, false, found.trace_a));
    if (!of(to)->options.hessian)
        return GN_OK;
    GN_TRY(write_trace(to, true, found.trace_b));
    GN_TRY(gn_look_number(to, "residual_share", found.difference.value));
    return gn_look_number(to, "residual_share_error", found.difference.error);
}

/* Of the matrix that Lanczos is left at. */
static gn_status write_sharpness(const gn_look *to) {
    const curvature *o = of(to);
    const gn_optimizer *optimizer = o->base.optimizer;
    const bool first_order = optimizer && optimizer->options.kind < GN_OPTIMIZER_GAUSS_NEWTON;
    const double factor = first_order ? optimizer->options.learning_rate : 1;
    GN_TRY(gn_look_number(to, "sharpness", factor * o->top[0]));
    return gn_look_number(to, "sharpness_factor", factor);
}

/* |V'g|^2 / |g|^2, V the vectors of the top Ritz values that Lanczos is left at. */
static gn_status write_energy(const gn_look *to) {
    curvature *o = of(to);
    const size_t count = gn_lanczos_count(o->lanczos);
    double square, energy = 0;
    GN_TRY(gn_lanczos_project(o->lanczos, o->gradient.data, o->coefficients));
    GN_TRY(GN_OP(o->base.context, dot, o->gradient.dtype, o->parameters, o->gradient.data, o->gradient.data,
                 o->slots.data));
    GN_TRY(gn_slots_read(o->base.context, o->slots.data, 1, &square));
    for (size_t i = 0; i < o->options.values && i < count; i++)
        energy += o->coefficients[count - 1 - i] * o->coefficients[count - 1 - i];
    return gn_look_number(to, "top_energy", square > 0 ? energy / square : NAN);
}

/* The angle of d and g, of a step -d and -g: in degrees; NaN where one of them is 0. */
static gn_status find_angle(curvature *o, double *angle) {
    gn_context *context = o->base.context;
    const gn_dtype type = o->gradient.dtype;
    const void *d = o->vector.data, *g = o->gradient.data;
    double *slots = o->slots.data, found[3];
    GN_TRY(GN_OP(context, dot, type, o->parameters, d, g, slots));
    GN_TRY(GN_OP(context, dot, type, o->parameters, d, d, slots + 1));
    GN_TRY(GN_OP(context, dot, type, o->parameters, g, g, slots + 2));
    GN_TRY(gn_slots_read(context, slots, 3, found));
    const double cosine = found[0] / (sqrt(found[1]) * sqrt(found[2]));
    *angle = acos(fmin(fmax(cosine, -1), 1)) * (180 / acos(-1));
    if (isnan(cosine))
        *angle = NAN;
    return GN_OK;
}

/* Of as many samples as the optimiser's batches have: it holds no more. A direction's numerical faults are
 * the run's own to report. */
static gn_status write_angle(const gn_look *to, const gn_array *theta) {
    curvature *o = of(to);
    gn_optimizer *optimizer = o->base.optimizer;
    double angle = NAN;
    if (optimizer) {
        const size_t most = optimizer->rows / o->probe->outputs;
        if (most < o->options.points)
            GN_TRY(look_from(o, theta, most));
        const gn_status status = gn_optimizer_direction(optimizer, o->probe, &o->vector);
        if (status == GN_OK)
            GN_TRY(find_angle(o, &angle));
        else if (!gn_status_is_numerical(status))
            return status;
    }
    return gn_look_number(to, "direction_angle", angle);
}

static gn_status observe_curvature(gn_observer *observer, uint64_t step, const gn_array *theta,
                                   gn_linearization *training, const gn_observation_sink *sink) {
    (void)training;
    curvature *o = (curvature *)observer;
    const gn_look to = {observer, step, sink};
    GN_TRY(look_from(o, theta, o->options.points));
    GN_TRY(write_spectrum(&to, false));
    if (o->options.hessian)
        GN_TRY(write_spectrum(&to, true));
    GN_TRY(write_sharpness(&to));
    GN_TRY(write_energy(&to));
    GN_TRY(write_traces(&to));
    return write_angle(&to, theta);
}

static void release_curvature(gn_observer *observer) {
    curvature *o = (curvature *)observer;
    gn_array *buffers[] = {&o->image, &o->gradient, &o->vector, &o->product, &o->slots};
    gn_lanczos_destroy(o->lanczos);
    gn_hutchinson_destroy(o->hutchinson);
    gn_linearization_destroy(o->probe);
    for (size_t i = 0; i < sizeof buffers / sizeof *buffers; i++)
        gn_buffer_destroy(buffers[i]);
    free(o->host);
}

static const gn_observer_kind curvature_kind = {
    .name = "curvature",
    .observe = observe_curvature,
    .release = release_curvature,
};

/* ---- creation ---- */

gn_curvature_options gn_curvature_options_default(void) {
    return (gn_curvature_options){.values = 20, .steps = 80, .starts = 4, .probes = 32, .hessian = true};
}

static gn_status reserve_host(curvature *o) {
    const size_t values = o->options.values, steps = o->options.steps, nodes = o->options.starts * steps;
    double **parts[] = {&o->top,   &o->top_bound, &o->bottom,      &o->bottom_bound,
                        &o->nodes, &o->density,   &o->coefficients};
    const size_t lengths[] = {values, values, values, values, nodes, nodes, steps};
    o->host = calloc(4 * values + 2 * nodes + steps, sizeof(double));
    if (!o->host)
        return gn_fail(o->base.context, GN_ERROR_MEMORY, "curvature: no host memory for its results");
    double *at = o->host;
    for (size_t i = 0; i < sizeof parts / sizeof *parts; at += lengths[i++])
        *parts[i] = at;
    return GN_OK;
}

static gn_status reserve(curvature *o, gn_dtype type, size_t rows) {
    gn_context *context = o->base.context;
    const size_t p = o->parameters;
    const double vectors =
        (double)(o->options.steps + 1 + gn_hutchinson_vectors(o->options.probes) + 3) * (double)p;
    GN_TRY(gn_memory_predict(context, vectors * (double)gn_dtype_size(type),
                             "curvature: the vectors of Lanczos and of the probes",
                             "fewer steps (observe: {kind: curvature, steps: ...})"));
    if (o->weighted)
        GN_TRY(gn_buffer_create(context, &o->image, type, rows, 1, "curvature's J v"));
    GN_TRY(gn_buffer_create(context, &o->gradient, type, p, 1, "the gradient that curvature observes"));
    GN_TRY(gn_buffer_create(context, &o->vector, type, p, 1, "a vector that curvature multiplies"));
    GN_TRY(gn_buffer_create(context, &o->product, type, p, 1, "a product of curvature"));
    GN_TRY(gn_buffer_create(context, &o->slots, GN_FLOAT64, 3, 1, "the results of curvature"));
    return reserve_host(o);
}

/* Seeds differ, so that no probe is made of a start's numbers. */
static gn_status create_solvers(curvature *o, gn_dtype type) {
    const gn_lanczos_options lanczos = {.n = o->parameters,
                                        .steps = o->options.steps,
                                        .a = {.apply = apply_chosen, .user = o},
                                        .seed = o->options.seed};
    gn_hutchinson_options hutchinson = {.n = o->parameters,
                                        .probes = o->options.probes,
                                        .a = {.apply = apply_ggn, .user = o},
                                        .seed = ~o->options.seed};
    if (o->options.hessian)
        hutchinson.b = (gn_operator){.apply = apply_hessian, .user = o};
    GN_TRY(gn_lanczos_create(o->base.context, type, &lanczos, &o->lanczos));
    return gn_hutchinson_create(o->base.context, type, &hutchinson, &o->hutchinson);
}

static gn_status prepare(curvature *o, gn_network *network, gn_loss loss, const gn_array *theta0) {
    const size_t samples = o->options.points, p = gn_network_parameters(network);
    const gn_dtype type = o->dataset->inputs->dtype;
    o->parameters = p;
    o->options.steps = o->options.steps < p ? o->options.steps : p;
    o->options.values = o->options.values < o->options.steps ? o->options.values : o->options.steps;
    o->weighted = o->dataset->weights != NULL;
    GN_TRY(reserve(o, type, samples * gn_network_outputs(network)));
    GN_TRY(create_solvers(o, type));
    GN_TRY(gn_linearization_create(network, loss, type, samples, &o->probe));
    GN_TRY(gn_linearization_set_reference(o->probe, theta0));
    if (!o->options.hessian)
        return GN_OK;
    /* what a product needs is made before the run begins */
    GN_TRY(look_from(o, theta0, samples));
    return gn_linearization_hessian_product(o->probe, &o->gradient, &o->product);
}

static gn_status check_options(gn_context *context, const gn_curvature_options *options, size_t samples) {
    if (options->points > samples)
        return gn_fail(context, GN_ERROR_ARGUMENT,
                       "curvature: points is %zu, but there are %zu training samples", options->points,
                       samples);
    if (options->values < 1 || options->steps < 1 || options->starts < 1 || options->probes < 1)
        return gn_fail(context, GN_ERROR_ARGUMENT,
                       "curvature: %zu values, %zu steps, %zu starts and %zu probes; give 1 or more",
                       options->values, options->steps, options->starts, options->probes);
    return GN_OK;
}

gn_status gn_observer_create_curvature(gn_context *context, gn_network *network, gn_loss loss,
                                       const gn_dataset *dataset, const gn_array *theta0,
                                       const gn_curvature_options *options, gn_schedule schedule,
                                       gn_observer **observer) {
    void *created;
    *observer = NULL;
    const size_t samples = gn_array_length(dataset->inputs, 0);
    GN_TRY(check_options(context, options, samples));
    GN_TRY(gn_observer_allocate(context, &curvature_kind, sizeof(curvature), schedule, &created));
    curvature *o = created;
    o->dataset = dataset;
    o->options = *options;
    o->options.points = options->points > 0 ? options->points : samples;
    const gn_status status = prepare(o, network, loss, theta0);
    if (status == GN_OK)
        *observer = &o->base;
    else
        gn_observer_destroy(&o->base);
    return status;
}
