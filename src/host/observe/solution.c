/* solution: the relative error of the outputs on the test set, a piece of it at a time: ||f - y|| / ||y||
 * and, of a PDE where asked for, the same with the squares of the gradient added to those of the values. */
#include <math.h>
#include <stdlib.h>

#include "observe/observer.h"

enum { PIECE_SAMPLES = 512 };

/* Inputs and what the network should give there. */
typedef struct points {
    const gn_array *inputs, *targets; /* n x features, n x outputs */
    double size2;                     /* ||targets||^2 */
} points;

typedef struct solution {
    gn_observer base;
    gn_linearization *pieces;
    size_t capacity;
    gn_array inputs, targets; /* views of the current piece */
    points values, slopes;    /* slopes: all derivatives by the coordinates; inputs NULL: none */
    gn_array *slope_inputs, *slope_targets; /* what they are made of, owned */
} solution;

/* ||f - y||^2 over the points. */
static gn_status find_error(solution *s, const points *at, const gn_array *theta, double *sum) {
    const size_t samples = gn_array_length(at->inputs, 0);
    *sum = 0;
    for (size_t first = 0; first < samples; first += s->capacity) {
        const size_t rows = samples - first < s->capacity ? samples - first : s->capacity;
        double mean;
        s->inputs = gn_array_view_rows(at->inputs, first, rows);
        s->targets = gn_array_view_rows(at->targets, first, rows);
        GN_TRY(gn_linearization_set_batch(s->pieces, &s->inputs, &s->targets));
        GN_TRY(gn_linearization_set_point(s->pieces, theta));
        GN_TRY(gn_linearization_loss(s->pieces, &mean));
        *sum += mean * (double)gn_linearization_rows(s->pieces);
    }
    return GN_OK;
}

static gn_status write_error(const gn_observer *observer, uint64_t step, const char *name, double error2,
                             double size2, const gn_observation_sink *sink) {
    const double error = size2 > 0 ? sqrt(error2 / size2) : NAN;
    return sink->write(sink->user, observer->kind->name, step, name, 0, NULL, &error);
}

static gn_status observe_solution(gn_observer *observer, uint64_t step, const gn_array *theta,
                                  gn_linearization *training, const gn_observation_sink *sink) {
    (void)training;
    solution *s = (solution *)observer;
    double values, slopes;
    GN_TRY(find_error(s, &s->values, theta, &values));
    GN_TRY(write_error(observer, step, "relative_error", values, s->values.size2, sink));
    if (!s->slopes.inputs)
        return GN_OK;
    GN_TRY(find_error(s, &s->slopes, theta, &slopes));
    return write_error(observer, step, "relative_h1_error", values + slopes,
                       s->values.size2 + s->slopes.size2, sink);
}

static void release_solution(gn_observer *observer) {
    solution *s = (solution *)observer;
    gn_linearization_destroy(s->pieces);
    gn_array_destroy(s->slope_inputs);
    gn_array_destroy(s->slope_targets);
}

static const gn_observer_kind solution_kind = {
    .name = "solution", .observe = observe_solution, .release = release_solution};

static gn_status find_size(gn_context *context, points *at) {
    const gn_array *y = at->targets;
    gn_array slot;
    GN_TRY(gn_buffer_create(context, &slot, GN_FLOAT64, 1, 1, "the size of the solution"));
    gn_status status = GN_OP(context, dot, y->dtype, gn_array_count(y), y->data, y->data, slot.data);
    if (status == GN_OK)
        status = gn_slots_read(context, slot.data, 1, &at->size2);
    gn_buffer_destroy(&slot);
    return status;
}

/* Every test point once an axis, its kind that of the derivative (gn_mlp_options). inputs: n x (d + 1),
 * slopes: n x d; rows: (d n) x (d + 1), targets: d n. */
static void spread(size_t n, size_t d, const double *inputs, const double *slopes, double *rows,
                   double *targets) {
    for (size_t axis = 0; axis < d; axis++)
        for (size_t i = 0; i < n; i++) {
            double *row = rows + (axis * n + i) * (d + 1);
            for (size_t k = 0; k < d; k++)
                row[k] = inputs[i * (d + 1) + k];
            row[d] = (double)(2 + axis);
            targets[axis * n + i] = slopes[i * d + axis];
        }
}

static gn_status make_slopes(solution *s, const gn_dataset *dataset) {
    gn_context *context = s->base.context;
    const gn_dtype dtype = dataset->test_inputs->dtype;
    const size_t n = gn_array_length(dataset->test_slopes, 0), d = gn_array_length(dataset->test_slopes, 1);
    const size_t inputs[] = {d * n, d + 1}, targets[] = {d * n, 1};
    double *all = malloc(n * (d * (d + 1) + d + (d + 1) + d) * sizeof *all);
    if (!all)
        return gn_fail(context, GN_ERROR_MEMORY, "solution: no host memory for %zu test points", n);
    double *rows = all, *values = rows + d * n * (d + 1), *x = values + d * n, *slopes = x + n * (d + 1);
    gn_status status;
    GN_TRY_DONE(gn_array_read(dataset->test_inputs, x, n * (d + 1)));
    GN_TRY_DONE(gn_array_read(dataset->test_slopes, slopes, n * d));
    spread(n, d, x, slopes, rows, values);
    GN_TRY_DONE(gn_array_create(context, dtype, 2, inputs, &s->slope_inputs));
    GN_TRY_DONE(gn_array_create(context, dtype, 2, targets, &s->slope_targets));
    GN_TRY_DONE(gn_array_write(s->slope_inputs, rows, d * n * (d + 1)));
    GN_TRY_DONE(gn_array_write(s->slope_targets, values, d * n));
    s->slopes = (points){s->slope_inputs, s->slope_targets, 0};
    status = find_size(context, &s->slopes);
done:
    free(all);
    return status;
}

static gn_status prepare(solution *s, gn_network *network, const gn_dataset *dataset, const gn_array *theta0,
                         bool h1) {
    const size_t samples = gn_array_length(dataset->test_inputs, 0);
    const gn_dtype dtype = dataset->test_inputs->dtype;
    s->values = (points){dataset->test_inputs, dataset->test_targets, 0};
    s->capacity = samples < PIECE_SAMPLES ? samples : PIECE_SAMPLES;
    GN_TRY(gn_linearization_create(network, GN_LOSS_SQUARED, dtype, s->capacity, &s->pieces));
    GN_TRY(gn_linearization_set_reference(s->pieces, theta0));
    GN_TRY(find_size(s->base.context, &s->values));
    if (!h1)
        return GN_OK;
    GN_TRY(make_slopes(s, dataset));
    if (isfinite(s->slopes.size2))
        return GN_OK;
    return gn_fail(
        s->base.context, GN_ERROR_UNSUPPORTED,
        "solution: the gradient of the exact solution is not finite at some test point; take h1 away");
}

gn_status gn_observer_create_solution(gn_context *context, gn_network *network, const gn_dataset *dataset,
                                      const gn_array *theta0, bool h1, gn_schedule schedule,
                                      gn_observer **observer) {
    void *created;
    *observer = NULL;
    if (!dataset->test_inputs)
        return gn_fail(context, GN_ERROR_UNSUPPORTED,
                       "solution: there is no test set to compare with; ask the problem for test points");
    if (h1 && !dataset->test_slopes)
        return gn_fail(context, GN_ERROR_UNSUPPORTED,
                       "solution: h1 needs the derivatives of an exact solution, which only PDEs have");
    GN_TRY(gn_observer_allocate(context, &solution_kind, sizeof(solution), schedule, &created));
    gn_status status = prepare(created, network, dataset, theta0, h1);
    if (status == GN_OK)
        *observer = created;
    else
        gn_observer_destroy(created);
    return status;
}
