/* The cases: each measures what it is named after, adds its results to the run, and returns what went wrong.
 */
#ifndef GN_BENCH_CASES_H
#define GN_BENCH_CASES_H

#include "harness.h"

typedef struct bench_case {
    const char *name;
    const char *what;
    gn_status (*run)(bench_run *run);
} bench_case;

gn_status bench_case_lm_step(bench_run *run);
gn_status bench_case_gn_step(bench_run *run);
gn_status bench_case_sgd_step(bench_run *run);
gn_status bench_case_adamw_step(bench_run *run);
gn_status bench_case_mnist_lm_step(bench_run *run);
gn_status bench_case_poisson_lm_step(bench_run *run);
gn_status bench_case_gram(bench_run *run);
gn_status bench_case_poisson_gram(bench_run *run);
gn_status bench_case_ggn_product(bench_run *run);
gn_status bench_case_adam_step(bench_run *run);
gn_status bench_case_cg_memory(bench_run *run);
gn_status bench_case_loop(bench_run *run);
gn_status bench_case_ntk_cost(bench_run *run);
gn_status bench_case_ops(bench_run *run);
gn_status bench_case_allocations(bench_run *run);

#endif
