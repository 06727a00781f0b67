/*   test-profile leave    leaves ranges by every way there is; ranges.py looks at what was recorded
 *   test-profile cost     fails where a range without a profiler costs more than 500 ns; prints what it costs
 */
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "core/profile.h"
#include "core/status.h"

/* ---- leave ---- */

static gn_status fail(void) {
    GN_RANGE("fail");
    return GN_ERROR_DEVICE;
}

static gn_status by_try(void) {
    GN_RANGE("try");
    GN_TRY(fail());
    return GN_OK;
}

static gn_status by_try_done(int *cleaned) {
    GN_RANGE("try done");
    gn_status status;
    GN_TRY_DONE(fail());
    return GN_OK;
done:
    *cleaned = 1;
    return status;
}

static void by_loops(void) {
    GN_RANGE("loops");
    for (int i = 0; i < 4; i++) {
        GN_RANGE("pass");
        if (i == 1)
            continue;
        GN_RANGE("inner");
        if (i == 2)
            break;
    }
}

static void *in_thread(void *user) {
    GN_RANGE("thread");
    by_loops();
    return user;
}

static int leave(void) {
    pthread_t threads[2];
    int cleaned = 0, bad = 0;
    if (by_try() != GN_ERROR_DEVICE || by_try_done(&cleaned) != GN_ERROR_DEVICE || !cleaned)
        return 1;
    by_loops();
    for (int i = 0; i < 2; i++)
        if (pthread_create(&threads[i], NULL, in_thread, NULL) != 0)
            return 1;
    for (int i = 0; i < 2; i++)
        bad |= pthread_join(threads[i], NULL);
    return bad;
}

/* ---- cost ---- */

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

static void __attribute__((noinline)) work(void) {
    GN_RANGE("work");
    __asm__ volatile(""); /* something to span */
}

/* The best of many batches: others run on the machine. */
static int cost(void) {
    enum { BATCHES = 200, RANGES = 10000 };
    double best = 1;
    const double start = now();
    work();
    const double first = now() - start;
    for (int i = 0; i < BATCHES; i++) {
        const double begin = now();
        for (int k = 0; k < RANGES; k++)
            work();
        const double each = (now() - begin) / RANGES;
        best = each < best ? each : best;
    }
    printf("the first range %.0f ns, each after it %.2f ns\n", 1e9 * first, 1e9 * best);
    return best > 500e-9;
}

int main(int argc, char **argv) {
    if (argc == 2 && strcmp(argv[1], "leave") == 0)
        return leave();
    if (argc == 2 && strcmp(argv[1], "cost") == 0)
        return cost();
    return 2;
}
