/* What a run's processor time counts: its own work, whatever else the process does. */
#include <pthread.h>
#include <stdatomic.h>

#include "backend/context.h"
#include "core/clock.h"
#include "trainer_case.h"

TestSuite(processor_time);

typedef struct beside {
    pthread_t thread;
    double worked; /* processor seconds, of its own clock */
    atomic_bool stop;
} beside;

static void *work(void *user) {
    beside *other = user;
    const double begun = gn_processor_seconds_now(true);
    while (!atomic_load(&other->stop) || other->worked < 0.02)
        other->worked = gn_processor_seconds_now(true) - begun;
    return NULL;
}

static void start(beside *other) {
    *other = (beside){.worked = 0};
    cr_assert_eq(pthread_create(&other->thread, NULL, work, other), 0);
}

static void end(beside *other) {
    atomic_store(&other->stop, true);
    pthread_join(other->thread, NULL);
}

Test(processor_time, of_a_thread_and_of_all) {
    beside other;
    const double thread = gn_processor_seconds_now(true), process = gn_processor_seconds_now(false);
    start(&other);
    end(&other);
    const double mine = gn_processor_seconds_now(true) - thread,
                 all = gn_processor_seconds_now(false) - process;
    cr_expect(mine >= 0 && mine < 0.01, "%g s of a thread that waited", mine);
    cr_expect(all >= other.worked && other.worked >= 0.02, "%g s of all, %g s of the other", all,
              other.worked);
}

/* No more than this thread's own, beside another that works all the time. */
Test(processor_time, a_run_with_one_thread_counts_itself_alone) {
    const trainer_case plain = {.dtype = GN_FLOAT64,
                                .phases = {{400, optimizer_of(GN_OPTIMIZER_LEVENBERG_MARQUARDT, 0.1)}}};
    beside other;
    gn_cpu_limit_threads(1);
    trainer_run *run = trainer_setup(&plain);
    start(&other);
    const double begun = gn_processor_seconds_now(true);
    OK(run->context, gn_trainer_run(run->trainer, &run->hooks));
    const double spent = gn_processor_seconds_now(true) - begun;
    end(&other);
    const double counted = run->rows[run->row_count - 1].processor_seconds;
    cr_expect(counted > 0 && counted <= spent, "%g s of %g s", counted, spent);
    trainer_teardown(run);
}
