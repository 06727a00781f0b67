/* Modular addition: what the samples are, and that tokens and one-hot vectors say the same. */
#include <stdlib.h>

#include <criterion/criterion.h>

#include "problem_test.h"

enum { P = 7, PAIRS = P * P };

static double *values_of(const gn_array *array) {
    double *values = malloc((gn_array_count(array) + 1) * sizeof *values);
    cr_assert_eq(gn_array_read(array, values, gn_array_count(array)), GN_OK);
    return values;
}

/* One half of a data set: its samples, marked in `seen`. */
static void check_half(const gn_array *tokens, const gn_array *classes, const gn_array *pairs, int *seen) {
    const size_t n = gn_array_length(tokens, 0);
    double *x = values_of(tokens), *y = values_of(classes), *one_hot = values_of(pairs);
    cr_assert(gn_array_length(tokens, 1) == 4 && gn_array_length(classes, 1) == P + 2);
    cr_assert_eq(gn_array_length(pairs, 0), n);
    for (size_t i = 0; i < n; i++) {
        const size_t a = (size_t)x[4 * i], b = (size_t)x[4 * i + 2];
        cr_assert(a < P && b < P && x[4 * i + 1] == P + 1 && x[4 * i + 3] == P);
        for (size_t c = 0; c < P + 2; c++)
            cr_expect_eq(y[i * (P + 2) + c], c == (a + b) % P);
        cr_expect(one_hot[i * 2 * P + a] == 1 && one_hot[i * 2 * P + P + b] == 1, "another pair at %zu", i);
        seen[a * P + b]++;
    }
    free(x), free(y), free(one_hot);
}

ON_EACH_DEVICE(modular_addition, tokens_are_the_same_pairs) {
    gn_context *context = device_open(device);
    gn_dataset tokens, pairs;
    int seen[PAIRS] = {0};
    cr_assert_eq(gn_dataset_modular_addition_tokens(context, GN_FLOAT32, P, 0.5, 3, &tokens), GN_OK);
    cr_assert_eq(gn_dataset_modular_addition(context, GN_FLOAT32, P, 0.5, 3, &pairs), GN_OK);
    cr_expect(tokens.labels);
    cr_expect_eq(gn_array_length(tokens.inputs, 0), 24);
    check_half(tokens.inputs, tokens.targets, pairs.inputs, seen);
    check_half(tokens.test_inputs, tokens.test_targets, pairs.test_inputs, seen);
    for (int i = 0; i < PAIRS; i++)
        cr_expect_eq(seen[i], 1, "pair %d is there %d times", i, seen[i]);
    gn_dataset_destroy(&tokens);
    gn_dataset_destroy(&pairs);
    gn_context_destroy(context);
}

/* One half: the tokens of check_half() between eos and c, and what comes after eq and c. */
static void check_equations(const gn_array *equations, const gn_array *classes, const gn_array *tokens,
                            size_t vocabulary) {
    const size_t n = gn_array_length(equations, 0);
    double *x = values_of(equations), *y = values_of(classes), *pair = values_of(tokens);
    cr_assert(gn_array_length(equations, 1) == 6 && gn_array_length(classes, 1) == 2 * vocabulary);
    cr_assert_eq(gn_array_length(tokens, 0), n);
    for (size_t i = 0; i < n; i++) {
        const size_t sum = (size_t)(x[6 * i + 1] + x[6 * i + 3]) % P;
        cr_expect_arr_eq(x + 6 * i + 1, pair + 4 * i, 4 * sizeof *x);
        cr_expect(x[6 * i] == P + 2 && x[6 * i + 5] == (double)sum);
        for (size_t c = 0; c < vocabulary; c++) {
            cr_expect_eq(y[2 * i * vocabulary + c], c == sum);
            cr_expect_eq(y[(2 * i + 1) * vocabulary + c], c == P + 2);
        }
    }
    free(x), free(y), free(pair);
}

ON_EACH_DEVICE(modular_addition, equations_are_the_same_tokens) {
    gn_context *context = device_open(device);
    gn_dataset equations, tokens;
    cr_assert_eq(gn_dataset_modular_addition_tokens(context, GN_FLOAT32, P, 0.5, 3, &tokens), GN_OK);
    for (size_t vocabulary = 0; vocabulary < 20; vocabulary += 19) {
        cr_assert_eq(
            gn_dataset_modular_addition_equations(context, GN_FLOAT32, P, vocabulary, 0.5, 3, &equations),
            GN_OK);
        cr_expect_eq(equations.labels, 2);
        check_equations(equations.inputs, equations.targets, tokens.inputs, vocabulary ? vocabulary : P + 3);
        check_equations(equations.test_inputs, equations.test_targets, tokens.test_inputs,
                        vocabulary ? vocabulary : P + 3);
        gn_dataset_destroy(&equations);
    }
    gn_dataset_destroy(&tokens);
    gn_context_destroy(context);
}

Test(modular_addition, refuses_what_cannot_be) {
    gn_context *context = device_open("check");
    gn_dataset dataset;
    FAILS(context, GN_ERROR_ARGUMENT, "modulus is 1",
          gn_dataset_modular_addition_tokens(context, GN_FLOAT32, 1, 0.5, 0, &dataset));
    expect_empty(context, &dataset);
    FAILS(context, GN_ERROR_ARGUMENT, "train_fraction is 1.5",
          gn_dataset_modular_addition_tokens(context, GN_FLOAT32, P, 1.5, 0, &dataset));
    expect_empty(context, &dataset);
    FAILS(context, GN_ERROR_ARGUMENT, "a vocabulary of 9; the equations have 10 tokens",
          gn_dataset_modular_addition_equations(context, GN_FLOAT32, P, 9, 0.5, 0, &dataset));
    expect_empty(context, &dataset);
    FAILS(context, GN_ERROR_MEMORY, "ask for fewer samples",
          gn_dataset_modular_addition_tokens(context, GN_FLOAT32, 65535, 0.5, 0, &dataset));
    expect_empty(context, &dataset);
    gn_context_destroy(context);
}
