/* solution: the relative error of the outputs on the test set, ||f - y|| / ||y||, a piece of it at a time. */
#include <math.h>

#include "observe/observer.h"

enum { PIECE_SAMPLES = 512 };

typedef struct solution {
    gn_observer base;
    const gn_dataset *dataset; /* borrowed */
    gn_linearization *pieces;
    size_t capacity;
    gn_array inputs, targets; /* views of the current piece */
    double size;              /* ||y|| */
} solution;

static gn_array view_rows(const gn_array *array, size_t first, size_t rows) {
    const size_t columns = gn_array_length(array, 1);
    char *data = (char *)array->data + first * columns * gn_dtype_size(array->dtype);
    return gn_array_view(array->context, array->dtype, rows, columns, data);
}

static gn_status observe_solution(gn_observer *observer, uint64_t step, const gn_array *theta,
                                  gn_linearization *training, const gn_observation_sink *sink) {
    (void)training;
    solution *s = (solution *)observer;
    const size_t samples = gn_array_length(s->dataset->test_inputs, 0);
    double sum = 0;
    for (size_t first = 0; first < samples; first += s->capacity) {
        const size_t rows = samples - first < s->capacity ? samples - first : s->capacity;
        double mean;
        s->inputs = view_rows(s->dataset->test_inputs, first, rows);
        s->targets = view_rows(s->dataset->test_targets, first, rows);
        GN_TRY(gn_linearization_set_batch(s->pieces, &s->inputs, &s->targets));
        GN_TRY(gn_linearization_set_point(s->pieces, theta));
        GN_TRY(gn_linearization_loss(s->pieces, &mean));
        sum += mean * (double)gn_linearization_rows(s->pieces);
    }
    const double error = s->size > 0 ? sqrt(sum) / s->size : NAN;
    return sink->write(sink->user, observer->kind->name, step, "relative_error", 0, NULL, &error);
}

static void release_solution(gn_observer *observer) {
    gn_linearization_destroy(((solution *)observer)->pieces);
}

static const gn_observer_kind solution_kind = {
    .name = "solution", .observe = observe_solution, .release = release_solution};

static gn_status find_size(solution *s) {
    const gn_array *y = s->dataset->test_targets;
    gn_array slot;
    double square;
    GN_TRY(gn_buffer_create(s->base.context, &slot, GN_FLOAT64, 1, 1, "the size of the solution"));
    gn_status status = GN_OP(s->base.context, dot, y->dtype, gn_array_count(y), y->data, y->data, slot.data);
    if (status == GN_OK)
        status = gn_slots_read(s->base.context, slot.data, 1, &square);
    gn_buffer_destroy(&slot);
    s->size = status == GN_OK ? sqrt(square) : 0;
    return status;
}

static gn_status prepare(solution *s, gn_network *network, const gn_array *theta0) {
    const size_t samples = gn_array_length(s->dataset->test_inputs, 0);
    const gn_dtype dtype = s->dataset->test_inputs->dtype;
    s->capacity = samples < PIECE_SAMPLES ? samples : PIECE_SAMPLES;
    GN_TRY(gn_linearization_create(network, GN_LOSS_SQUARED, dtype, s->capacity, &s->pieces));
    GN_TRY(gn_linearization_set_reference(s->pieces, theta0));
    return find_size(s);
}

gn_status gn_observer_create_solution(gn_context *context, gn_network *network, const gn_dataset *dataset,
                                      const gn_array *theta0, gn_schedule schedule, gn_observer **observer) {
    void *created;
    *observer = NULL;
    if (!dataset->test_inputs)
        return gn_fail(context, GN_ERROR_UNSUPPORTED,
                       "solution: there is no test set to compare with; ask the problem for test points");
    GN_TRY(gn_observer_allocate(context, &solution_kind, sizeof(solution), schedule, &created));
    ((solution *)created)->dataset = dataset;
    gn_status status = prepare(created, network, theta0);
    if (status == GN_OK)
        *observer = created;
    else
        gn_observer_destroy(created);
    return status;
}
