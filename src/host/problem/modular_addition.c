/* modular_addition: all pairs of residues and the class of their sum. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/size.h"
#include "gnewt/random.h"
#include "problem/dataset.h"

static const char kind[] = "modular_addition";

/* Tokens: residues, then EQ, OP, EOS. */
typedef enum encoding { ONE_HOT, TOKENS, EQUATIONS } encoding;

typedef struct addition {
    encoding encoding;
    size_t modulus, vocabulary; /* vocabulary: equations only */
    size_t train;               /* pairs for training */
    const uint32_t *order;      /* of all pairs; pair k is (k / p, k mod p) */
} addition;

static size_t features(const addition *sum) {
    return sum->encoding == ONE_HOT ? 2 * sum->modulus : sum->encoding == TOKENS ? 4 : 6;
}

static size_t outputs(const addition *sum) {
    const size_t outputs[] = {sum->modulus, sum->modulus + 2, 2 * sum->vocabulary};
    return outputs[sum->encoding];
}

static void make_input(const addition *sum, size_t a, size_t b, double *row) {
    const size_t p = sum->modulus;
    const double eq = (double)p, op = eq + 1, eos = eq + 2, x = (double)a, y = (double)b;
    if (sum->encoding == ONE_HOT)
        row[a] = row[p + b] = 1;
    else if (sum->encoding == TOKENS)
        memcpy(row, (const double[]){x, op, y, eq}, 4 * sizeof *row);
    else
        memcpy(row, (const double[]){eos, x, op, y, eq, (double)((a + b) % p)}, 6 * sizeof *row);
}

static void make_target(const addition *sum, size_t a, size_t b, double *row) {
    row[(a + b) % sum->modulus] = 1;
    if (sum->encoding == EQUATIONS)
        row[sum->vocabulary + sum->modulus + 2] = 1;
}

static gn_status make_rows(void *user, size_t first, size_t rows, double *values) {
    const gn_dataset_part *part = user;
    const addition *sum = part->options;
    const size_t p = sum->modulus, columns = part->target ? outputs(sum) : features(sum);
    memset(values, 0, rows * columns * sizeof *values);
    for (size_t i = 0; i < rows; i++) {
        const size_t pair = sum->order[(part->test ? sum->train : 0) + first + i], a = pair / p, b = pair % p;
        double *row = values + i * columns;
        (part->target ? make_target : make_input)(sum, a, b, row);
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

static gn_status allocate(gn_context *context, gn_dtype dtype, const addition *sum, size_t pairs,
                          gn_dataset *dataset) {
    const gn_dataset_shape shape = {.samples = sum->train,
                                    .test_samples = pairs - sum->train,
                                    .features = features(sum),
                                    .outputs = outputs(sum)};
    return gn_dataset_allocate(context, dtype, &shape, kind, dataset);
}

static gn_status make(gn_context *context, gn_dtype dtype, addition sum, double train_fraction, uint64_t seed,
                      gn_dataset *dataset) {
    const size_t modulus = sum.modulus;
    size_t pairs = 0;
    *dataset = (gn_dataset){0};
    GN_TRY(count_pairs(context, modulus, train_fraction, &pairs, &sum.train));
    /* Before the order of the pairs, which takes minutes where there are too many for the memory. */
    GN_TRY(allocate(context, dtype, &sum, pairs, dataset));
    dataset->labels = sum.encoding == EQUATIONS ? 2 : 1;
    gn_status status = GN_OK;
    uint32_t *order = malloc(pairs * sizeof *order);
    if (order) {
        gn_random_permutation(seed, GN_STREAM_DATA, 0, pairs, order);
        sum.order = order;
        status = gn_dataset_fill_parts(dataset, make_rows, &sum);
    } else {
        status =
            gn_fail(context, GN_ERROR_MEMORY, "%s: no host memory for the order of %zu pairs", kind, pairs);
    }
    free(order);
    if (status != GN_OK)
        gn_dataset_destroy(dataset);
    return status;
}

gn_status gn_dataset_modular_addition(gn_context *context, gn_dtype dtype, size_t modulus,
                                      double train_fraction, uint64_t seed, gn_dataset *dataset) {
    return make(context, dtype, (addition){ONE_HOT, .modulus = modulus}, train_fraction, seed, dataset);
}

gn_status gn_dataset_modular_addition_tokens(gn_context *context, gn_dtype dtype, size_t modulus,
                                             double train_fraction, uint64_t seed, gn_dataset *dataset) {
    return make(context, dtype, (addition){TOKENS, .modulus = modulus}, train_fraction, seed, dataset);
}

gn_status gn_dataset_modular_addition_equations(gn_context *context, gn_dtype dtype, size_t modulus,
                                                size_t vocabulary, double train_fraction, uint64_t seed,
                                                gn_dataset *dataset) {
    const size_t least = modulus + 3, tokens = vocabulary == 0 ? least : vocabulary;
    *dataset = (gn_dataset){0};
    if (tokens < least || tokens > SIZE_MAX / 2)
        return gn_fail(context, GN_ERROR_ARGUMENT,
                       "%s: a vocabulary of %zu; the equations have %zu tokens, with eq, op and eos", kind,
                       vocabulary, least);
    return make(context, dtype, (addition){EQUATIONS, .modulus = modulus, .vocabulary = tokens},
                train_fraction, seed, dataset);
}
