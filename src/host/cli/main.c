/* gnewt: finds the verb. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backend/context.h"
#include "cli/cli.h"
#include "gnewt/version.h"
#include "run/config_check.h"

static const struct {
    const char *name, *text;
    bool computes; /* on the CPU's threads, for longer than it takes to start */
    int (*function)(int argc, char **argv);
} verbs[] = {
#define VERB_ROW(name, computes, text) {#name, text, computes, gn_cli_##name},
    GN_VERB_LIST(VERB_ROW)
#undef VERB_ROW
};
enum { VERBS = sizeof verbs / sizeof *verbs };

static void print_usage(FILE *out) {
    fprintf(out, "usage: gnewt VERB [ARGUMENTS]; gnewt VERB --help tells more\n\n");
    for (size_t i = 0; i < VERBS; i++)
        fprintf(out, "  %-10s %s\n", verbs[i].name, verbs[i].text);
}

static int unknown_verb(const char *word) {
    const char *names[VERBS];
    char near[256];
    for (size_t i = 0; i < VERBS; i++)
        names[i] = verbs[i].name;
    gn_nearest_text(word, names, VERBS, near, sizeof near);
    fprintf(stderr, "gnewt: unknown verb `%s`%s\n", word, near);
    return GN_EXIT_USAGE;
}

/* Two libraries settle at load what decides the speed, so gnewt tells them and starts once more. OpenBLAS
 * takes kernels several times too slow where it does not know the processor. Threads of libgomp that wait
 * spin for about 10 ms, which on a busy machine takes the cores from those that work: 50 us are enough. What
 * the user set stays. A start takes about 15 ms, nearly all of it in the loader, so that a verb which does
 * not compute goes without the second. */
static void start_with_fast_libraries(bool computes, char **argv) {
    const char *core = gn_cpu_core_type();
    const bool spins = computes && !getenv("OMP_WAIT_POLICY") && !getenv("GOMP_SPINCOUNT");
    if (core)
        setenv("OPENBLAS_CORETYPE", core, 1);
    if (spins)
        setenv("GOMP_SPINCOUNT", "1000", 1);
    if (core || spins)
        execv("/proc/self/exe", argv); /* where this fails, gnewt goes on, slower */
}

/* A descriptor that the caller closed would be given to the next file that is opened, and results would be
 * printed into it. What is put there fails to be written: the wrong way round for each. */
static void hold_descriptors(void) {
    for (int i = 0; i < 3; i++)
        if (fcntl(i, F_GETFD) < 0 && errno == EBADF && open("/dev/null", i == 0 ? O_WRONLY : O_RDONLY) != i)
            _exit(GN_EXIT_FAILED);
}

/* Results that nobody got are no success. */
static int end(int code) {
    errno = 0;
    if (fflush(stdout) == 0 && ferror(stdout) == 0)
        return code;
    fprintf(stderr, "gnewt: the results could not be written to standard output%s%s\n",
            errno != 0 ? ": " : "", errno != 0 ? strerror(errno) : "");
    return code == GN_EXIT_DONE ? GN_EXIT_FAILED : code;
}

static int run_verb(int argc, char **argv) {
    if (argc < 2) {
        print_usage(stderr);
        return GN_EXIT_USAGE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "help") == 0) {
        print_usage(stdout);
        return GN_EXIT_DONE;
    }
    if (strcmp(argv[1], "--version") == 0) {
        printf("gnewt %s\n", GNEWT_VERSION);
        return GN_EXIT_DONE;
    }
    for (size_t i = 0; i < VERBS; i++)
        if (strcmp(argv[1], verbs[i].name) == 0) {
            start_with_fast_libraries(verbs[i].computes, argv);
            return verbs[i].function(argc - 1, argv + 1);
        }
    return unknown_verb(argv[1]);
}

int main(int argc, char **argv) {
    hold_descriptors();
    signal(SIGXFSZ, SIG_IGN); /* a file that may not grow is an error to report, not an end */
    return end(run_verb(argc, argv));
}
