/* modular_addition: all pairs of residues and the class of their sum. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/size.h"
#include "gnewt/random.h"
#include "problem/dataset.h"

static const char kind[] = "modular_addition";

typedef struct addition {
    bool tokens;
    size_t modulus, train; /* pairs for training */
    const uint32_t *order; /* of all pairs; pair k is (k / p, k mod p) */
} addition;

static size_t features(const addition *sum) {
    return sum->tokens ? 4 : 2 * sum->modulus;
}

static size_t outputs(const addition *sum) {
    return sum->tokens ? sum->modulus + 2 : sum->modulus;
}

static gn_status make_rows(void *user, size_t first, size_t rows, double *values) {
    const gn_dataset_part *part = user;
    const addition *sum = part->options;
    const size_t p = sum->modulus, columns = part->target ? outputs(sum) : features(sum);
    memset(values, 0, rows * columns * sizeof *values);
    for (size_t i = 0; i < rows; i++) {
        const size_t pair = sum->order[(part->test ? sum->train : 0) + first + i], a = pair / p, b = pair % p;
        double *row = values + i * columns;
        if (part->target) {
            row[(a + b) % p] = 1;
        } else if (sum->tokens) {
            memcpy(row, (const double[]){(double)a, (double)(p + 1), (double)b, (double)p}, 4 * sizeof *row);
        } else {
            row[a] = 1;
            row[p + b] = 1;
        }
    }
    return GN_OK;
}

static gn_status count_pairs(gn_context *context, size_t modulus, double fraction, size_t *pairs,
                             size_t *train) {
    if (modulus < 2)
        return gn_fail(context, GN_ERROR_ARGUMENT, "%s: modulus is %zu; it must be 2 or more", kind, modulus);
    if (!(fraction > 0 && fraction <= 1))
        return gn_fail(context, GN_ERROR_ARGUMENT, "%s: train_fraction is %g; it must be in (0, 1]", kind,
                       fraction);
    if (!gn_size_multiply(modulus, modulus, pairs) || *pairs > UINT32_MAX)
        return gn_fail(context, GN_ERROR_MEMORY, "%s: modulus %zu has more pairs than fit; at most 65535",
                       kind, modulus);
    *train = (size_t)floor(fraction * (double)*pairs);
    if (*train == 0)
        return gn_fail(context, GN_ERROR_ARGUMENT,
                       "%s: a train_fraction of %g of %zu pairs leaves nothing to train on", kind, fraction,
                       *pairs);
    return GN_OK;
}

static gn_status fill(gn_context *context, gn_dtype dtype, const addition *sum, size_t pairs,
                      gn_dataset *dataset) {
    const gn_dataset_shape shape = {.samples = sum->train,
                                    .test_samples = pairs - sum->train,
                                    .features = features(sum),
                                    .outputs = outputs(sum)};
    GN_TRY(gn_dataset_allocate(context, dtype, &shape, kind, dataset));
    dataset->labels = true;
    gn_status status = gn_dataset_fill_parts(dataset, make_rows, sum);
    if (status != GN_OK)
        gn_dataset_destroy(dataset);
    return status;
}

static gn_status make(gn_context *context, gn_dtype dtype, addition sum, double train_fraction, uint64_t seed,
                      gn_dataset *dataset) {
    const size_t modulus = sum.modulus;
    size_t pairs = 0;
    *dataset = (gn_dataset){0};
    GN_TRY(count_pairs(context, modulus, train_fraction, &pairs, &sum.train));
    uint32_t *order = malloc(pairs * sizeof *order);
    if (!order)
        return gn_fail(context, GN_ERROR_MEMORY, "%s: no host memory for the order of %zu pairs", kind,
                       pairs);
    gn_random_permutation(seed, GN_STREAM_DATA, 0, pairs, order);
    sum.order = order;
    gn_status status = fill(context, dtype, &sum, pairs, dataset);
    free(order);
    return status;
}

gn_status gn_dataset_modular_addition(gn_context *context, gn_dtype dtype, size_t modulus,
                                      double train_fraction, uint64_t seed, gn_dataset *dataset) {
    return make(context, dtype, (addition){.modulus = modulus}, train_fraction, seed, dataset);
}

gn_status gn_dataset_modular_addition_tokens(gn_context *context, gn_dtype dtype, size_t modulus,
                                             double train_fraction, uint64_t seed, gn_dataset *dataset) {
    return make(context, dtype, (addition){.tokens = true, .modulus = modulus}, train_fraction, seed,
                dataset);
}
