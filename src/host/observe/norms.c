/* norms: how large the weights are, and how far they have gone. */
#include <math.h>

#include "observe/observer.h"

typedef struct norms {
    gn_observer base;
    gn_array theta0; /* P */
    gn_array moved;  /* P: theta - theta_0 */
    gn_array slots;  /* 2 squares, float64 */
    double start;    /* ||theta_0|| */
} norms;

static gn_status write_value(norms *n, uint64_t step, const char *name, double value,
                             const gn_observation_sink *sink) {
    return sink->write(sink->user, n->base.kind->name, step, name, 0, NULL, &value);
}

static gn_status observe_norms(gn_observer *observer, uint64_t step, const gn_array *theta,
                               gn_linearization *training, const gn_observation_sink *sink) {
    (void)training;
    norms *n = (norms *)observer;
    gn_context *context = observer->context;
    const gn_dtype type = n->theta0.dtype;
    const size_t count = gn_array_count(&n->theta0);
    double *slots = n->slots.data, squares[2];
    GN_TRY(gn_array_expect(context, theta, type, count, "the parameters that norms observes"));
    GN_TRY(gn_array_copy(&n->moved, theta));
    GN_TRY(GN_OP(context, axpby, type, count, -1, n->theta0.data, 1, n->moved.data));
    GN_TRY(GN_OP(context, dot, type, count, theta->data, theta->data, slots));
    GN_TRY(GN_OP(context, dot, type, count, n->moved.data, n->moved.data, slots + 1));
    GN_TRY(gn_slots_read(context, slots, 2, squares));
    const double moved = n->start > 0 ? sqrt(squares[1]) / n->start : NAN;
    GN_TRY(write_value(n, step, "weight_norm", sqrt(squares[0]), sink));
    return write_value(n, step, "relative_movement", moved, sink);
}

static void release_norms(gn_observer *observer) {
    norms *n = (norms *)observer;
    gn_buffer_destroy(&n->theta0);
    gn_buffer_destroy(&n->moved);
    gn_buffer_destroy(&n->slots);
}

static const gn_observer_kind norms_kind = {
    .name = "norms", .observe = observe_norms, .release = release_norms};

static gn_status prepare(norms *n, const gn_array *theta0) {
    gn_context *context = n->base.context;
    const gn_dtype type = gn_array_dtype(theta0);
    const size_t count = gn_array_count(theta0);
    double square;
    GN_TRY(gn_buffer_create(context, &n->theta0, type, count, 1, "the first parameters that norms keeps"));
    GN_TRY(gn_buffer_create(context, &n->moved, type, count, 1, "the work of norms"));
    GN_TRY(gn_buffer_create(context, &n->slots, GN_FLOAT64, 2, 1, "the results of norms"));
    GN_TRY(gn_array_copy(&n->theta0, theta0));
    GN_TRY(GN_OP(context, dot, type, count, n->theta0.data, n->theta0.data, n->slots.data));
    GN_TRY(gn_slots_read(context, n->slots.data, 1, &square));
    n->start = sqrt(square);
    return GN_OK;
}

gn_status gn_observer_create_norms(gn_context *context, const gn_array *theta0, gn_schedule schedule,
                                   gn_observer **observer) {
    void *created;
    *observer = NULL;
    GN_TRY(gn_observer_allocate(context, &norms_kind, sizeof(norms), schedule, &created));
    gn_status status = prepare(created, theta0);
    if (status == GN_OK)
        *observer = created;
    else
        gn_observer_destroy(created);
    return status;
}
