/* Observers: what all kinds share. */
#include "observe/observer.h"

#include <stdlib.h>

#include "core/profile.h"

gn_status gn_observer_allocate(gn_context *context, const gn_observer_kind *kind, size_t size,
                               gn_schedule schedule, void **observer) {
    gn_observer *o = *observer = calloc(1, size);
    if (!o)
        return gn_fail(context, GN_ERROR_MEMORY, "the observer %s: out of host memory", kind->name);
    *o = (gn_observer){.kind = kind, .context = context, .schedule = schedule};
    return GN_OK;
}

void gn_observer_destroy(gn_observer *observer) {
    if (!observer)
        return;
    observer->kind->release(observer);
    free(observer);
}

const char *gn_observer_name(const gn_observer *observer) {
    return observer->kind->name;
}

gn_schedule gn_observer_schedule(const gn_observer *observer) {
    return observer->schedule;
}

gn_status gn_observer_begin_phase(gn_observer *observer, const gn_phase_start *start) {
    observer->optimizer = start->optimizer;
    return observer->kind->begin_phase ? observer->kind->begin_phase(observer, start) : GN_OK;
}

void gn_observer_end_phase(gn_observer *observer) {
    observer->optimizer = NULL;
}

bool gn_observer_offers(const gn_observer *observer, gn_signal signal) {
    return observer->kind->signals >> signal & 1;
}

bool gn_observer_signal(const gn_observer *observer, gn_signal signal, double *value) {
    return gn_observer_offers(observer, signal) && observer->kind->signal(observer, signal, value);
}

gn_status gn_observer_state(gn_observer *observer, const gn_state_walk *walk) {
    return observer->kind->state ? observer->kind->state(observer, walk) : GN_OK;
}

gn_status gn_observer_record(gn_observer *observer, const gn_metrics *row) {
    return observer->kind->record ? observer->kind->record(observer, row) : GN_OK;
}

bool gn_observer_needs_training(const gn_observer *observer) {
    return observer->kind->needs_training;
}

gn_status gn_observer_observe(gn_observer *observer, uint64_t step, const gn_array *theta,
                              gn_linearization *training, const gn_observation_sink *sink) {
    GN_RANGE(observer->kind->name);
    if (!sink || !sink->write)
        return gn_fail(observer->context, GN_ERROR_ARGUMENT, "the observer %s has no sink to write to",
                       observer->kind->name);
    if (observer->kind->needs_training && !training)
        return gn_fail(observer->context, GN_ERROR_ARGUMENT,
                       "the observer %s needs a linearization over the training set", observer->kind->name);
    return observer->kind->observe(observer, step, theta, training, sink);
}

gn_status gn_look_write(const gn_look *look, const char *name, int rank, const size_t *shape,
                        const double *values) {
    return look->sink->write(look->sink->user, gn_observer_name(look->observer), look->step, name, rank,
                             shape, values);
}

gn_status gn_look_number(const gn_look *look, const char *name, double value) {
    return gn_look_write(look, name, 0, NULL, &value);
}

gn_status gn_look_values(const gn_look *look, const char *name, size_t count, const double *values) {
    return gn_look_write(look, name, 1, &count, values);
}
