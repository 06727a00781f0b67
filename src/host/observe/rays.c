/* rays: the error along two rays c v from the origin, c = 0, 1/n ... (n-1)/n, by its discrete Fourier
 * transform: one through a sample that is trained on, one through (1, ..., 1), which is not. A quadratic a c
 * + b c^2 has nearly the same coefficient at the largest frequency, n/2, as -f(v)/2: there the error is
 * nearly that at v. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "observe/observer.h"

enum { RAYS = 2, FREQUENCIES = 2 };
static const char *const ray_names[RAYS] = {"train", "test"};
static const char *const frequency_names[FREQUENCIES] = {"nyquist", "first"};

typedef struct rays {
    gn_observer base;
    size_t points; /* n of a ray */
    gn_linearization *linearization;
    gn_array *inputs, *targets;     /* 2n x D and 2n: a ray after the other */
    gn_array residual;              /* 2n */
    double *error;                  /* the same on the host */
    double size[RAYS][FREQUENCIES]; /* of the targets' coefficients */
} rays;

/* |sum_j values_j exp(-2 pi i j k / n)| */
static double amplitude(const double *values, size_t n, size_t k) {
    const double turn = 6.283185307179586476925286766559;
    double cosine = 0, sine = 0;
    for (size_t j = 0; j < n; j++) {
        const double angle = turn * (double)(j * k % n) / (double)n;
        cosine += values[j] * cos(angle);
        sine += values[j] * sin(angle);
    }
    return hypot(cosine, sine);
}

static void find_amplitudes(const rays *o, const double *values, double found[RAYS][FREQUENCIES]) {
    for (size_t ray = 0; ray < RAYS; ray++) {
        found[ray][0] = amplitude(values + ray * o->points, o->points, o->points / 2);
        found[ray][1] = amplitude(values + ray * o->points, o->points, 1);
    }
}

static gn_status observe_rays(gn_observer *observer, uint64_t step, const gn_array *theta,
                              gn_linearization *training, const gn_observation_sink *sink) {
    (void)training;
    rays *o = (rays *)observer;
    const gn_look look = {observer, step, sink};
    double found[RAYS][FREQUENCIES];
    GN_TRY(gn_linearization_set_point(o->linearization, theta));
    GN_TRY(gn_linearization_residual(o->linearization, &o->residual));
    GN_TRY(gn_array_read(&o->residual, o->error, RAYS * o->points));
    find_amplitudes(o, o->error, found);
    for (size_t k = 0; k < FREQUENCIES; k++)
        for (size_t ray = 0; ray < RAYS; ray++) {
            char name[32];
            snprintf(name, sizeof name, "%s_error_%s", frequency_names[k], ray_names[ray]);
            const double size = o->size[ray][k];
            GN_TRY(gn_look_number(&look, name, size > 0 ? found[ray][k] / size : NAN));
        }
    return GN_OK;
}

static void release_rays(gn_observer *observer) {
    rays *o = (rays *)observer;
    gn_linearization_destroy(o->linearization);
    gn_array_destroy(o->inputs);
    gn_array_destroy(o->targets);
    gn_buffer_destroy(&o->residual);
    free(o->error);
}

static const gn_observer_kind rays_kind = {.name = "rays", .observe = observe_rays, .release = release_rays};

/* ---- creation ---- */

static gn_status check(gn_context *context, const gn_dataset *dataset, size_t points) {
    if (!dataset->direction)
        return gn_fail(
            context, GN_ERROR_UNSUPPORTED,
            "rays: the target is known at the data's points alone; of the problems only `polynomial` "
            "tells it along a ray");
    if (points < 4 || points % 2)
        return gn_fail(
            context, GN_ERROR_ARGUMENT,
            "rays: points is %zu; it must be even, so that there is a largest frequency, and 4 or more",
            points);
    return GN_OK;
}

/* The points c v of both rays, and factor (b'(c v))^2 there. values: D of the first sample, D of b. */
static void fill(const gn_dataset *dataset, size_t n, size_t d, const double *values, double *inputs,
                 double *targets) {
    const double *b = values + d;
    for (size_t ray = 0; ray < RAYS; ray++)
        for (size_t j = 0; j < n; j++) {
            const double c = (double)j / (double)n;
            double *x = inputs + (ray * n + j) * d, product = 0;
            for (size_t k = 0; k < d; k++) {
                x[k] = c * (ray == 0 ? values[k] : 1);
                product += b[k] * x[k];
            }
            targets[ray * n + j] = dataset->factor * product * product;
        }
}

static gn_status make_rays(rays *o, const gn_dataset *dataset) {
    gn_context *context = o->base.context;
    const gn_dtype dtype = dataset->inputs->dtype;
    const size_t d = gn_array_length(dataset->inputs, 1), rows = RAYS * o->points;
    const size_t inputs[] = {rows, d}, targets[] = {rows, 1};
    double *all = malloc((2 * d + rows * d + rows) * sizeof *all);
    o->error = malloc(rows * sizeof *o->error);
    if (!all || !o->error) {
        free(all);
        return gn_fail(context, GN_ERROR_MEMORY, "rays: no host memory for %zu points of %zu features", rows,
                       d);
    }
    double *x = all + 2 * d, *y = x + rows * d;
    const gn_array first = gn_array_view_rows(dataset->inputs, 0, 1);
    gn_status status;
    GN_TRY_DONE(gn_array_read(&first, all, d));
    GN_TRY_DONE(gn_array_read(dataset->direction, all + d, d));
    fill(dataset, o->points, d, all, x, y);
    find_amplitudes(o, y, o->size);
    GN_TRY_DONE(gn_array_create(context, dtype, 2, inputs, &o->inputs));
    GN_TRY_DONE(gn_array_create(context, dtype, 2, targets, &o->targets));
    GN_TRY_DONE(gn_array_write(o->inputs, x, rows * d));
    GN_TRY_DONE(gn_array_write(o->targets, y, rows));
done:
    free(all);
    return status;
}

static gn_status prepare(rays *o, gn_network *network, const gn_dataset *dataset, const gn_array *theta0,
                         size_t points) {
    const gn_dtype dtype = dataset->inputs->dtype;
    const size_t rows = RAYS * points;
    o->points = points;
    GN_TRY(make_rays(o, dataset));
    GN_TRY(gn_buffer_create(o->base.context, &o->residual, dtype, rows, 1, "the error along rays"));
    GN_TRY(gn_linearization_create(network, GN_LOSS_SQUARED, dtype, rows, &o->linearization));
    GN_TRY(gn_linearization_set_reference(o->linearization, theta0));
    return gn_linearization_set_batch(o->linearization, o->inputs, o->targets);
}

gn_status gn_observer_create_rays(gn_context *context, gn_network *network, const gn_dataset *dataset,
                                  const gn_array *theta0, size_t points, gn_schedule schedule,
                                  gn_observer **observer) {
    void *created;
    *observer = NULL;
    GN_TRY(check(context, dataset, points));
    GN_TRY(gn_observer_allocate(context, &rays_kind, sizeof(rays), schedule, &created));
    gn_status status = prepare(created, network, dataset, theta0, points);
    if (status == GN_OK)
        *observer = created;
    else
        gn_observer_destroy(created);
    return status;
}
