/* participation: how few frequencies the hidden units of a network for modular addition live on. */
#include <math.h>
#include <stdlib.h>

#include "observe/observer.h"
#include "observe/wave.h"

typedef struct participation {
    gn_observer base;
    size_t units, modulus; /* W1 is units x 2 modulus */
    gn_parameter first;    /* W1's place in theta */
    gn_wave *table;        /* modulus */
    double *theta;         /* P, on the host */
    size_t parameters;     /* P */
} participation;

/* sum |F|^4 / (sum |F|^2)^2 over the transforms F of both halves of a row; NaN of a row of zeros. */
static double find_ratio(const participation *p, const double *row) {
    double squares = 0, fourths = 0;
    for (size_t half = 0; half < 2; half++)
        for (size_t k = 0; k < p->modulus; k++) {
            const gn_wave f = gn_wave_transform(row + half * p->modulus, p->table, p->modulus, k);
            const double square = f.cosine * f.cosine + f.sine * f.sine;
            squares += square;
            fourths += square * square;
        }
    return fourths / (squares * squares);
}

static gn_status observe_participation(gn_observer *observer, uint64_t step, const gn_array *theta,
                                       gn_linearization *training, const gn_observation_sink *sink) {
    (void)training;
    participation *p = (participation *)observer;
    const gn_look look = {observer, step, sink};
    double sum = 0;
    size_t counted = 0;
    GN_TRY(gn_array_read(theta, p->theta, p->parameters));
    for (size_t i = 0; i < p->units; i++) {
        const double ratio = find_ratio(p, p->theta + p->first.offset + i * 2 * p->modulus);
        if (isnan(ratio))
            continue;
        sum += ratio;
        counted++;
    }
    return gn_look_number(&look, "inverse_ratio", counted > 0 ? sum / (double)counted : NAN);
}

static void release_participation(gn_observer *observer) {
    participation *p = (participation *)observer;
    free(p->table);
    free(p->theta);
}

static const gn_observer_kind participation_kind = {
    .name = "participation", .observe = observe_participation, .release = release_participation};

static gn_status check(gn_context *context, const gn_network *network, const gn_dataset *dataset) {
    const size_t features = gn_array_length(dataset->inputs, 1),
                 classes = gn_array_length(dataset->targets, 1);
    const gn_parameter first = gn_network_parameter(network, 0);
    if (dataset->labels != 1 || features != 2 * classes)
        return gn_fail(
            context, GN_ERROR_UNSUPPORTED,
            "participation: the data have %zu features and %zu outputs; it observes modular_addition "
            "with encoding: one_hot, two numbers of p features each and p classes",
            features, classes);
    if (first.rank != 2 || first.shape[1] != features)
        return gn_fail(
            context, GN_ERROR_UNSUPPORTED,
            "participation: the network has no first matrix over the %zu features; take a quadratic "
            "network or an mlp",
            features);
    return GN_OK;
}

static gn_status prepare(participation *p, const gn_network *network) {
    p->first = gn_network_parameter(network, 0);
    p->units = p->first.shape[0];
    p->modulus = p->first.shape[1] / 2;
    p->parameters = gn_network_parameters(network);
    p->table = gn_wave_table(p->modulus);
    p->theta = calloc(p->parameters, sizeof(*p->theta));
    if (!p->table || !p->theta)
        return gn_fail(p->base.context, GN_ERROR_MEMORY, "participation: no host memory for %zu parameters",
                       p->parameters);
    return GN_OK;
}

gn_status gn_observer_create_participation(gn_context *context, const gn_network *network,
                                           const gn_dataset *dataset, gn_schedule schedule,
                                           gn_observer **observer) {
    void *created;
    *observer = NULL;
    GN_TRY(check(context, network, dataset));
    GN_TRY(gn_observer_allocate(context, &participation_kind, sizeof(participation), schedule, &created));
    gn_status status = prepare(created, network);
    if (status == GN_OK)
        *observer = created;
    else
        gn_observer_destroy(created);
    return status;
}
