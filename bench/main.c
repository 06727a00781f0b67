/* gnewt-bench: times gnewt's main operations beside their floors. */
#include "cases.h"
#include "problem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const bench_case cases[] = {
    {"lm-step", "Levenberg-Marquardt, dual, 1-80-80-1 tanh, N = 100, and its floor", bench_case_lm_step},
    {"gn-step", "Gauss-Newton, spectral, the same network", bench_case_gn_step},
    {"sgd-step", "SGD, the same network", bench_case_sgd_step},
    {"adamw-step", "AdamW, the same network", bench_case_adamw_step},
    {"mnist-lm-step", "Levenberg-Marquardt, dual, 784-250-10 ReLU, N = 200, and its floor",
     bench_case_mnist_lm_step},
    {"gram", "the NTK of 64-256-256-10, N = 256, and its floor", bench_case_gram},
    {"poisson-lm-step", "Levenberg-Marquardt, dual, on Poisson's equation, 2-256-1, N = 200, and its floor",
     bench_case_poisson_lm_step},
    {"poisson-gram", "the NTK of that residual", bench_case_poisson_gram},
    {"ggn-product", "a Gauss-Newton product on the transformer, N = 512, float32, and its GEMMs",
     bench_case_ggn_product},
    {"adam-step", "Adam on the transformer, and its GEMMs", bench_case_adam_step},
    {"cg-memory", "peak memory of a CG solve and of a dense one against N", bench_case_cg_memory},
    {"loop", "a pass of a loop of table calls: by calls, and as a program", bench_case_loop},
    {"ntk-cost", "a look of the observer ntk beside 100 Levenberg-Marquardt steps", bench_case_ntk_cost},
    {"ops", "rates of CBLAS, LAPACK and tanh at these sizes", bench_case_ops},
    {"allocations", "heap calls in 200 steps after 5", bench_case_allocations},
};
enum { CASES = sizeof cases / sizeof *cases };

static void usage(FILE *to) {
    fprintf(to, "usage: gnewt-bench [CASE]... [--seconds S] [--repetitions N] [--device D] [--json FILE]\n"
                "       gnewt-bench --dump DIR     write the problems and gnewt's answers as HDF5\n\n");
    for (size_t i = 0; i < CASES; i++)
        fprintf(to, "  %-16s %s\n", cases[i].name, cases[i].what);
}

static const bench_case *find(const char *name) {
    for (size_t i = 0; i < CASES; i++)
        if (!strcmp(cases[i].name, name))
            return &cases[i];
    return NULL;
}

static bool positive(const char *text, double *value) {
    char *end;
    *value = text ? strtod(text, &end) : 0;
    return text && !*end && end != text && *value > 0 && isfinite(*value);
}

typedef struct arguments {
    bool chosen[CASES], any;
    const char *json;
} arguments;

/* 0, or the exit status. */
static int parse(int argc, char **argv, bench_run *run, arguments *args) {
    for (int i = 1; i < argc; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : NULL;
        double number;
        if (!strcmp(argv[i], "--help")) {
            usage(stdout);
            exit(0);
        } else if (!strncmp(argv[i], "--", 2) && !value) {
            fprintf(stderr, "gnewt-bench: %s needs a value\n", argv[i]);
            return 2;
        } else if (!strcmp(argv[i], "--json")) {
            args->json = argv[++i];
        } else if (!strcmp(argv[i], "--device")) {
            run->device = argv[++i];
        } else if (!strcmp(argv[i], "--dump")) {
            run->dump = argv[++i];
        } else if (!strcmp(argv[i], "--seconds") && positive(value, &number)) {
            run->effort.seconds = number;
            i++;
        } else if (!strcmp(argv[i], "--repetitions") && positive(value, &number)) {
            run->effort.repetitions = (size_t)number;
            i++;
        } else {
            const bench_case *found = find(argv[i]);
            if (!found) {
                fprintf(stderr, "gnewt-bench: %s%s: no such case, option or value\n", argv[i],
                        argv[i][0] == '-' && value ? " ..." : "");
                usage(stderr);
                return 2;
            }
            args->chosen[found - cases] = args->any = true;
        }
    }
    return 0;
}

int main(int argc, char **argv) {
    bench_take_fast_kernels(argv);
    bench_run run = {.device = "cpu",
                     .human = true,
                     .effort = {.seconds = 1, .repetitions = 10, .most = 100000, .warmup = 3}};
    arguments args = {0};
    const int bad = parse(argc, argv, &run, &args);
    if (bad)
        return bad;
    run.human = !args.json || strcmp(args.json, "-");

    gn_status status = gn_context_create(&run.context, run.device);
    if (status != GN_OK) {
        bench_fail(&run, run.device, status);
        gn_context_destroy(run.context);
        return 1;
    }
    if (run.dump) {
        status = bench_dump(&run, run.dump);
        if (status != GN_OK)
            bench_fail(&run, run.dump, status);
    } else {
        if (run.human)
            bench_print_machine(&run);
        for (size_t i = 0; i < CASES; i++) {
            if (args.any && !args.chosen[i])
                continue;
            status = cases[i].run(&run);
            if (status != GN_OK)
                bench_fail(&run, cases[i].name, status);
        }
        if (args.json && bench_write_json(&run, args.json))
            run.failed = true;
    }
    free(run.results);
    gn_context_destroy(run.context);
    return run.failed ? 1 : 0;
}
