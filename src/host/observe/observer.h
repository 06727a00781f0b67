/* What an observer is: a table of functions and a schedule. A new kind is one file, with its own struct
 * that begins with a gn_observer. */
#ifndef GN_OBSERVE_OBSERVER_H
#define GN_OBSERVE_OBSERVER_H

#include "backend/context.h"
#include "gnewt/observer.h"

typedef struct gn_observer_kind {
    const char *name;
    bool needs_training; /* reads the linearization; else it may be given NULL */
    gn_status (*observe)(gn_observer *observer, uint64_t step, const gn_array *theta,
                         gn_linearization *training, const gn_observation_sink *sink);
    gn_status (*begin_phase)(gn_observer *observer, const gn_phase_start *start); /* or none */
    unsigned signals; /* those it offers, 1 << each; 0: none */
    bool (*signal)(const gn_observer *observer, gn_signal signal, double *value); /* of an offered one */
    gn_status (*state)(gn_observer *observer, const gn_state_walk *walk);         /* or none */
    gn_status (*record)(gn_observer *observer, const gn_metrics *row);            /* or none */
    /* Frees what the kind holds, not the observer itself. */
    void (*release)(gn_observer *observer);
} gn_observer_kind;

struct gn_observer {
    const gn_observer_kind *kind;
    gn_context *context;
    gn_schedule schedule;
    gn_optimizer *optimizer; /* of the phase; NULL: not known, or the phase has ended */
};

/* One look: whose, at which step, and where what is seen goes. */
typedef struct gn_look {
    gn_observer *observer;
    uint64_t step;
    const gn_observation_sink *sink;
} gn_look;
gn_status gn_look_write(const gn_look *look, const char *name, int rank, const size_t *shape,
                        const double *values);
gn_status gn_look_number(const gn_look *look, const char *name, double value);
gn_status gn_look_values(const gn_look *look, const char *name, size_t count, const double *values);

/* Whether it must be given a linearization; a trainer that knows can spare itself one. */
bool gn_observer_needs_training(const gn_observer *observer);

/* A zeroed object of `size` bytes that begins with a gn_observer. MEMORY. */
gn_status gn_observer_allocate(gn_context *context, const gn_observer_kind *kind, size_t size,
                               gn_schedule schedule, void **observer);

#endif
