/* The tables of the configuration: the one place that knows every key.
 *
 * A row is X(type, key, member, default, unit, range, kinds, of, doc). From the rows come the checks, the
 * defaults, the libcyaml schema, `gnewt schema` and the resolved config.yaml.
 *   type     TEXT; NAME (text, one of `of`); PATH (a file or folder, relative to the configuration's folder);
 * REAL; COUNT (a size); SEED; BOOL; CHOICE (of the names in `of`); WORD_OR_COUNT (a name of `of`, or a
 * count); COUNTS, REALS, TEXTS (lists); SECTION, SECTIONS (a mapping, a list of mappings; `of` is the
 * section); OPTIONAL_REAL, OPTIONAL_SECTION (their members are pointers, NULL where the key is not given)
 *   QUICK (settings, and the keys of `of`); BENCH (as SECTION, but no part of the resolved configuration)
 *   default  YAML; NEEDED: must be given; COMPUTED: config_check.c makes it; NONE: of an optional key
 *   range    an interval, "[0, 1)"; for lists that of each entry; "" for none
 *   kinds    the values of the section's `kind` that the row belongs to. A key may have several rows of
 *            different kinds, with different defaults. */
#ifndef GN_RUN_CONFIG_KEYS_H
#define GN_RUN_CONFIG_KEYS_H

#include <cyaml/cyaml.h>

#include "run/config.h"

#define GN_KEY_NEEDED          NULL
#define GN_KEY_COMPUTED        ""
#define GN_KEY_NONE            "..."
#define GN_KEY_ALL             0xffffffffu
#define GN_KEY_ON(kind)        (1u << (kind))
#define GN_KEY_SINC            GN_KEY_ON(GN_PROBLEM_SINC_1D)
#define GN_KEY_MISMATCH        GN_KEY_ON(GN_PROBLEM_FREQUENCY_MISMATCH_1D)
#define GN_KEY_GRID            (GN_KEY_ON(GN_PROBLEM_MULTI_SINE_1D) | GN_KEY_ON(GN_PROBLEM_STEP_2D))
#define GN_KEY_PDE_2D          GN_KEY_ON(GN_PROBLEM_PDE_2D)
#define GN_KEY_SINES           (GN_KEY_ON(GN_PROBLEM_POISSON_2D) | GN_KEY_ON(GN_PROBLEM_HELMHOLTZ_2D))
#define GN_KEY_PDES            (GN_KEY_SINES | GN_KEY_ON(GN_PROBLEM_BURGERS_1D) | GN_KEY_PDE_2D)
#define GN_KEY_MLP             GN_KEY_ON(GN_NETWORK_MLP)
#define GN_KEY_QUADRATIC       GN_KEY_ON(GN_NETWORK_QUADRATIC)
#define GN_KEY_COMMITTEE       GN_KEY_ON(GN_NETWORK_COMMITTEE)
#define GN_KEY_TRANSFORMER     GN_KEY_ON(GN_NETWORK_TRANSFORMER)
#define GN_KEY_SGD             GN_KEY_ON(GN_OPTIMIZER_SGD)
#define GN_KEY_ADAMS           (GN_KEY_ON(GN_OPTIMIZER_ADAM) | GN_KEY_ON(GN_OPTIMIZER_ADAMW))
#define GN_KEY_GN              GN_KEY_ON(GN_OPTIMIZER_GAUSS_NEWTON)
#define GN_KEY_DAMPED          (GN_KEY_ON(GN_OPTIMIZER_LEVENBERG_MARQUARDT) | GN_KEY_ON(GN_OPTIMIZER_GGN))
#define GN_KEY_FRACTIONAL      GN_KEY_ON(GN_OPTIMIZER_FRACTIONAL)
#define GN_KEY_LBFGS           GN_KEY_ON(GN_OPTIMIZER_LBFGS)
#define GN_KEY_RANGE_SIZE      "[1, 1000000000000]"
#define GN_KEY_RANGE_SIZE_OR_0 "[0, 1000000000000]"

#define GN_PROBLEM_KEYS(X)                                                                                   \
    X(CHOICE, kind, kind, GN_KEY_NEEDED, "", "", GN_KEY_ALL, problem_kinds, "where the data come from")      \
    X(PATH, file, file, GN_KEY_NEEDED, "", "", GN_KEY_ON(GN_PROBLEM_ARRAYS), 0,                              \
      "an HDF5 file; a relative path starts at this file's folder")                                          \
    X(TEXT, inputs, inputs, "/inputs", "", "", GN_KEY_ON(GN_PROBLEM_ARRAYS), 0, "N x features, or N")        \
    X(TEXT, targets, targets, "/targets", "", "", GN_KEY_ON(GN_PROBLEM_ARRAYS), 0, "N x C, or N")            \
    X(TEXT, test_inputs, test_inputs, "\"\"", "", "", GN_KEY_ON(GN_PROBLEM_ARRAYS), 0, "empty: no test set") \
    X(TEXT, test_targets, test_targets, "\"\"", "", "", GN_KEY_ON(GN_PROBLEM_ARRAYS), 0,                     \
      "empty: no test set")                                                                                  \
    X(PATH, folder, folder, GN_KEY_NEEDED, "", "", GN_KEY_ON(GN_PROBLEM_IDX), 0,                             \
      "holds train-images-idx3-ubyte[.gz] and the other three")                                              \
    X(COUNT, train_count, train_count, "0", "samples", GN_KEY_RANGE_SIZE_OR_0, GN_KEY_ON(GN_PROBLEM_IDX), 0, \
      "the first so many; 0: all")                                                                           \
    X(COUNT, test_count, test_count, "0", "samples", GN_KEY_RANGE_SIZE_OR_0, GN_KEY_ON(GN_PROBLEM_IDX), 0,   \
      "the first so many; 0: all")                                                                           \
    X(REAL, maximum, maximum, "255", "", "(0, inf)", GN_KEY_ON(GN_PROBLEM_IDX), 0,                           \
      "inputs are pixels over this")                                                                         \
    X(COUNT, points, points, "100", "points", GN_KEY_RANGE_SIZE, GN_KEY_ON(GN_PROBLEM_MULTI_SINE_1D), 0,     \
      "training points")                                                                                     \
    X(COUNT, points, points, "20", "points an axis", GN_KEY_RANGE_SIZE, GN_KEY_ON(GN_PROBLEM_STEP_2D), 0,    \
      "its square is the number of training points")                                                         \
    X(COUNT, points, points, "1000", "points", "[2, 1000000000000]", GN_KEY_SINC, 0, "training points")      \
    X(COUNT, points, points, "550", "points", GN_KEY_RANGE_SIZE, GN_KEY_ON(GN_PROBLEM_POLYNOMIAL), 0,        \
      "training points")                                                                                     \
    X(COUNT, test_points, test_points, "1000", "points", GN_KEY_RANGE_SIZE_OR_0,                             \
      GN_KEY_GRID | GN_KEY_SINC | GN_KEY_ON(GN_PROBLEM_POLYNOMIAL), 0, "random draws; 0: no test set")       \
    X(COUNT, modulus, modulus, "23", "", "[2, 65535]", GN_KEY_ON(GN_PROBLEM_MODULAR_ADDITION), 0,            \
      "p of (a + b) mod p, a class")                                                                         \
    X(REAL, train_fraction, train_fraction, "0.9", "of the pairs", "(0, 1]",                                 \
      GN_KEY_ON(GN_PROBLEM_MODULAR_ADDITION), 0, "the others are the test set")                              \
    X(CHOICE, encoding, encoding, "one_hot", "", "", GN_KEY_ON(GN_PROBLEM_MODULAR_ADDITION), encodings,      \
      "one_hot: a and b, 2p features; tokens: a, op, b, eq of a vocabulary of p + 2; equations: eos, a, "    \
      "op, b, eq, c, of which c and eos are to be told")                                                     \
    X(COUNT, vocabulary, vocabulary, "0", "tokens", "[0, 16777216]", GN_KEY_ON(GN_PROBLEM_MODULAR_ADDITION), \
      0, "of equations; 0: p + 3, those there are")                                                          \
    X(COUNT, features, features, "100", "", GN_KEY_RANGE_SIZE, GN_KEY_ON(GN_PROBLEM_POLYNOMIAL), 0,          \
      "D of x ~ N(0, I/D)")                                                                                  \
    X(REAL, factor, factor, "1.0", "", "(-inf, inf)", GN_KEY_ON(GN_PROBLEM_POLYNOMIAL), 0,                   \
      "of (b'x)^2, b ~ N(0, I)")                                                                             \
    X(COUNT, n, n, "1", "", "[1, 1000]", GN_KEY_SINES, 0, "of the solution sin(n pi x) sin(m pi y)")         \
    X(COUNT, m, m, "1", "", "[1, 1000]", GN_KEY_SINES, 0, "of the solution")                                 \
    X(REAL, k, k, "1.0", "", "(-inf, inf)", GN_KEY_ON(GN_PROBLEM_HELMHOLTZ_2D), 0, "of k^2 u")               \
    X(REAL, k, k, "10.0", "", "(0, inf)", GN_KEY_SINC, 0, "of sin(k x) / (k x) on [-1, 1]")                  \
    X(REAL, viscosity, viscosity, "0.05", "", "(0, inf)", GN_KEY_ON(GN_PROBLEM_BURGERS_1D), 0,               \
      "of the second derivative")                                                                            \
    X(TEXT, residual, residual, GN_KEY_NEEDED, "", "", GN_KEY_PDE_2D, 0,                                     \
      "0 where u solves it, as u_xx + u_yy + 1")                                                             \
    X(TEXT, solution, solution, GN_KEY_NEEDED, "", "", GN_KEY_PDE_2D, 0,                                     \
      "exact: given on the boundary, and the test set")                                                      \
    X(CHOICE, coordinates, coordinates, "xy", "", "", GN_KEY_PDE_2D, coordinate_names,                       \
      "xt: the second one is time, without values at its end")                                               \
    X(REAL, x_low, x_low, "0.0", "", "(-inf, inf)", GN_KEY_PDE_2D, 0, "")                                    \
    X(REAL, x_high, x_high, "1.0", "", "(-inf, inf)", GN_KEY_PDE_2D, 0, "")                                  \
    X(REAL, second_low, second_low, "0.0", "", "(-inf, inf)", GN_KEY_PDE_2D, 0, "of y or t")                 \
    X(REAL, second_high, second_high, "1.0", "", "(-inf, inf)", GN_KEY_PDE_2D, 0, "of y or t")               \
    X(COUNT, interior, interior, "640", "points", GN_KEY_RANGE_SIZE, GN_KEY_PDES, 0,                         \
      "where the residual is taken")                                                                         \
    X(COUNT, boundary, boundary, "40", "points", GN_KEY_RANGE_SIZE, GN_KEY_PDES, 0,                          \
      "where the solution is given")                                                                         \
    X(BOOL, grid, grid, "false", "", "", GN_KEY_PDES, 0,                                                     \
      "a lattice and equal distances instead of random points")                                              \
    X(COUNT, test_points, test_points, "51", "points an axis", "[0, 100000]", GN_KEY_PDES, 0,                \
      "a grid to measure the error on; 0: none")                                                             \
    X(COUNT, eigenvector, eigenvector, "0", "", "[0, 1000000000]", GN_KEY_ON(GN_PROBLEM_POLYNOMIAL), 0,      \
      "targets are this eigenvector, from 1 by descending eigenvalue, of the NTK at the start over "         \
      "training and test inputs; 0: they are the data's")                                                    \
    X(COUNT, points, points, "65", "points", GN_KEY_RANGE_SIZE, GN_KEY_MISMATCH, 0, "training points")       \
    X(COUNT, near_sin_x, near_sin_x, "20", "points", "[0, 10000]", GN_KEY_MISMATCH, 0,                       \
      "of them, where sin x is nearest to sin 6x, of 10 000 even ones")                                      \
    X(COUNT, near_sin_3x, near_sin_3x, "10", "points", "[0, 10000]", GN_KEY_MISMATCH, 0,                     \
      "of them, where sin 3x is nearest to sin 6x")                                                          \
    X(BOOL, grid, grid, "false", "", "", GN_KEY_MISMATCH, 0, "the other points even instead of random")      \
    X(COUNT, test_points, test_points, "1000", "points", GN_KEY_RANGE_SIZE_OR_0, GN_KEY_MISMATCH, 0,         \
      "even ones; 0: no test set")

#define GN_NETWORK_KEYS(X)                                                                                   \
    X(CHOICE, kind, kind, "mlp", "", "", GN_KEY_ALL, network_kinds,                                          \
      "mlp: linear maps with an activation between; quadratic: alpha^2/(D H) W1 (W0 x)^2; "                  \
      "committee: alpha/H sum_i phi(w_i'x), phi(h) = h + epsilon h^2/2; transformer: a decoder of tokens")   \
    X(COUNTS, widths, widths, GN_KEY_NEEDED, "", "[1, 1000000000]", GN_KEY_MLP, 0,                           \
      "features of the inputs, hidden widths ..., outputs")                                                  \
    X(NAME, activation, activation, "tanh", "", "", GN_KEY_MLP, activations, "between the linear maps")      \
    X(COUNT, hidden, hidden, "100", "units", GN_KEY_RANGE_SIZE, GN_KEY_QUADRATIC, 0, "H")                    \
    X(COUNT, hidden, hidden, "500", "units", GN_KEY_RANGE_SIZE, GN_KEY_COMMITTEE, 0, "H")                    \
    X(REAL, alpha, alpha, "1.0", "", "(0, inf)", GN_KEY_QUADRATIC | GN_KEY_COMMITTEE, 0,                     \
      "the larger, the lazier")                                                                              \
    X(REAL, epsilon, epsilon, "0.25", "", "(-inf, inf)", GN_KEY_COMMITTEE, 0, "of the square in phi")        \
    X(COUNT, layers, layers, "2", "blocks", "[1, 10000]", GN_KEY_TRANSFORMER, 0, "attention, then two maps") \
    X(COUNT, width, width, "128", "", "[1, 1000000]", GN_KEY_TRANSFORMER, 0, "D, features of a position")    \
    X(COUNT, heads, heads, "4", "", "[1, 1000000]", GN_KEY_TRANSFORMER, 0, "divide the width")               \
    X(COUNT, ffn_width, ffn_width, "512", "", "[1, 1000000]", GN_KEY_TRANSFORMER, 0, "between the two maps") \
    X(COUNT, vocabulary, vocabulary, GN_KEY_NEEDED, "tokens", "[1, 16777216]", GN_KEY_TRANSFORMER, 0,        \
      "inputs are 0 ... vocabulary - 1")                                                                     \
    X(COUNT, context, context, GN_KEY_NEEDED, "positions", "[1, 1024]", GN_KEY_TRANSFORMER, 0,               \
      "tokens of a sample")                                                                                  \
    X(COUNT, read, read, "1", "positions", "[1, 1024]", GN_KEY_TRANSFORMER, 0,                               \
      "the last ones, whose logits are the outputs")                                                         \
    X(CHOICE, norm, norm, "post", "", "", GN_KEY_TRANSFORMER, norms,                                         \
      "layer norms after each sum, or before attention and maps")                                            \
    X(CHOICE, positions, positions, "learned", "", "", GN_KEY_TRANSFORMER, positions,                        \
      "added to the embeddings")                                                                             \
    X(CHOICE, attention_init, attention_init, "glorot_uniform", "", "", GN_KEY_TRANSFORMER, attention_inits, \
      "of attention.in; other maps are torch's, embeddings N(0, 1)")                                         \
    X(CHOICE, init, init, "kaiming_uniform", "", "", GN_KEY_MLP, inits,                                      \
      "of weights; biases start at 0 but for torch_uniform")                                                 \
    X(CHOICE, init, init, "standard_normal", "", "", GN_KEY_QUADRATIC | GN_KEY_COMMITTEE, inits,             \
      "of weights")                                                                                          \
    X(BOOL, bias, bias, "true", "", "", GN_KEY_MLP, 0, "")                                                   \
    X(REAL, init_scale, init_scale, "1.0", "", "(0, inf)", GN_KEY_ALL, 0,                                    \
      "multiplies all initial parameters")                                                                   \
    X(REAL, output_scale, output_scale, "1.0", "", "(-inf, inf)", GN_KEY_MLP, 0, "multiplies the outputs")   \
    X(BOOL, centred, centred, "false", "", "", GN_KEY_MLP, 0, "subtract the outputs at initialisation")      \
    X(BOOL, centred, centred, "true", "", "", GN_KEY_COMMITTEE, 0, "subtract the outputs at initialisation")

#define GN_LOSS_KEYS(X)                                                                                      \
    X(CHOICE, kind, kind, "squared", "", "", GN_KEY_ALL, losses,                                             \
      "squared: the mean of (f - y)^2; cross_entropy: of -sum y log softmax(f), for classes")

#define GN_BATCH_KEYS(X)                                                                                     \
    X(WORD_OR_COUNT, size, size, "full", "samples", GN_KEY_RANGE_SIZE, GN_KEY_ALL, batch_sizes,              \
      "full, or so many a step, reshuffled each epoch")

#define GN_DAMPING_KEYS(X)                                                                                   \
    X(CHOICE, kind, kind, "constant", "", "", GN_KEY_ALL, dampings, "how mu goes")                           \
    X(REAL, value, value, "1.0e-3", "of w J'H J", "[0, inf)", GN_KEY_ON(GN_DAMPING_CONSTANT), 0, "mu")       \
    X(REAL, value, value, "1.0e-3", "of w J'H J", "(0, inf)",                                                \
      GN_KEY_ON(GN_DAMPING_SCHEDULED) | GN_KEY_ON(GN_DAMPING_GAIN_RATIO), 0, "mu, where it starts")          \
    X(REAL, value, value, "1.0e-6", "of the largest eigenvalue", "[0, inf)", GN_KEY_ON(GN_DAMPING_RELATIVE), \
      0, "mu, from the phase's first step on")                                                               \
    X(REAL, final, final, "1.0e-4", "of w J'H J", "(0, inf)", GN_KEY_ON(GN_DAMPING_SCHEDULED), 0,            \
      "mu, where it ends")                                                                                   \
    X(COUNT, steps, steps, "500", "steps", GN_KEY_RANGE_SIZE, GN_KEY_ON(GN_DAMPING_SCHEDULED), 0,            \
      "from value to final, geometrically")                                                                  \
    X(REAL, minimum, minimum, "1.0e-12", "of w J'H J", "(0, inf)", GN_KEY_ON(GN_DAMPING_GAIN_RATIO), 0,      \
      "mu stays above")                                                                                      \
    X(REAL, maximum, maximum, "1.0e+12", "of w J'H J", "(0, inf)", GN_KEY_ON(GN_DAMPING_GAIN_RATIO), 0,      \
      "mu stays below")                                                                                      \
    X(COUNT, retries, retries, "20", "", "[0, 1000]", GN_KEY_ON(GN_DAMPING_GAIN_RATIO), 0,                   \
      "rejected trials a step before it gives up")

#define GN_CG_KEYS(X)                                                                                        \
    X(COUNT, max_iterations, max_iterations, "150", "iterations", "[1, 1000000]", GN_KEY_ALL, 0, "a solve")  \
    X(REAL, tolerance, tolerance, "1.0e-6", "of the right-hand side's norm", "[0, 1)", GN_KEY_ALL, 0,        \
      "of the residual's norm")                                                                              \
    X(REAL, absolute_tolerance, absolute_tolerance, "0.0", "", "[0, inf)", GN_KEY_ALL, 0,                    \
      "of the residual's largest entry, instead; 0: never")                                                  \
    X(REAL, progress, progress, "0.0", "of the quadratic model", "[0, 1)", GN_KEY_ALL, 0,                    \
      "cg stops where an iteration gains less; 0: never")                                                    \
    X(CHOICE, preconditioner, preconditioner, "none", "", "", GN_KEY_ALL, preconditioners,                   \
      "of cg; kfac: by layers of a network")                                                                 \
    X(COUNT, rank, rank, "20", "eigenvalues", "[1, 100000]", GN_KEY_ALL, 0,                                  \
      "of nystrom, which makes so many products a step")                                                     \
    X(BOOL, warm_start, warm_start, "false", "", "", GN_KEY_ALL, 0, "cg: from the last step's direction")

#define GN_LINE_SEARCH_KEYS(X)                                                                               \
    X(CHOICE, kind, kind, "none", "", "", GN_KEY_ALL, line_searches, "armijo: halve until the loss falls")   \
    X(REAL, c, c, "1.0e-4", "", "(0, 1)", GN_KEY_ON(GN_LINE_SEARCH_ARMIJO), 0,                               \
      "part of the predicted decrease that is asked for")                                                    \
    X(REAL, tau, tau, "0.5", "", "(0, 1)", GN_KEY_ON(GN_LINE_SEARCH_ARMIJO), 0, "reduction of a step")       \
    X(COUNT, max_iterations, max_iterations, "10", "reductions", "[1, 1000]",                                \
      GN_KEY_ON(GN_LINE_SEARCH_ARMIJO), 0, "then the last step is taken")

#define GN_ACCELERATION_KEYS(X)                                                                              \
    X(CHOICE, kind, kind, "none", "", "", GN_KEY_ALL, accelerations,                                         \
      "geodesic: the second-order term of a step, by one more solve with the same factors")                  \
    X(REAL, ratio, ratio, "0.75", "", "(0, inf)", GN_KEY_ON(GN_ACCELERATION_GEODESIC), 0,                    \
      "most of twice the term over the step; more: gain_ratio rejects the step, others leave the term out")  \
    X(REAL, h, h, "0.1", "of the step", "(0, 1]", GN_KEY_ON(GN_ACCELERATION_GEODESIC), 0,                    \
      "distance of the central difference along the step")

#define GN_GROKFAST_KEYS(X)                                                                                  \
    X(REAL, decay, decay, "0.98", "", "[0, 1)", GN_KEY_ALL, 0, "of the mean of gradients")                   \
    X(REAL, gain, gain, "0.0", "", "[0, inf)", GN_KEY_ALL, 0, "of that mean, added to the gradient; 0: none")

#define GN_KEY_RECORDED (GN_KEY_ON(GN_STEP_SIZE_RECORDED_NORM) | GN_KEY_ON(GN_STEP_SIZE_RECORDED_LOSS))
#define GN_STEP_SIZE_KEYS(X)                                                                                 \
    X(CHOICE, kind, options.kind, "fixed", "", "", GN_KEY_ALL, step_sizes,                                   \
      "stability: learning_rate J'r / the largest eigenvalue of J J'; recorded_norm, recorded_loss: a "      \
      "run's; trace: levenberg_marquardt's mean gain")                                                       \
    X(COUNT, iterations, options.iterations, "3", "products", "[1, 100000]",                                 \
      GN_KEY_ON(GN_STEP_SIZE_STABILITY), 0, "of power iteration a step, from the last step's vector")        \
    X(COUNT, first_iterations, options.first_iterations, "30", "products", "[1, 100000]",                    \
      GN_KEY_ON(GN_STEP_SIZE_STABILITY), 0, "of the phase's first step")                                     \
    X(PATH, reference, reference, GN_KEY_NEEDED, "", "", GN_KEY_RECORDED, 0,                                 \
      "a run with a row of every step, or a folder that holds one of this seed; its steps, from the first")  \
    X(REAL, damping, options.damping, GN_KEY_NEEDED, "", "(0, inf)", GN_KEY_ON(GN_STEP_SIZE_TRACE), 0,       \
      "of the levenberg_marquardt that is matched")                                                          \
    X(COUNT, every, options.every, "1", "steps", GN_KEY_RANGE_SIZE, GN_KEY_ON(GN_STEP_SIZE_TRACE), 0,        \
      "between decompositions of J J'")                                                                      \
    X(COUNT, evaluations, options.evaluations, "60", "losses", "[1, 100000]",                                \
      GN_KEY_ON(GN_STEP_SIZE_RECORDED_LOSS), 0, "a step, at most")

#define GN_OPTIMIZER_KEYS(X)                                                                                 \
    X(TEXT, label, label, GN_KEY_COMPUTED, "", "", GN_KEY_ALL, 0,                                            \
      "its name in results; the kind's if absent")                                                           \
    X(CHOICE, kind, options.kind, GN_KEY_NEEDED, "", "", GN_KEY_ALL, optimizer_kinds, "the rule of a step")  \
    X(REAL, learning_rate, options.learning_rate, "1.0e-2", "", "(0, inf)", GN_KEY_SGD, 0,                   \
      "multiplies the direction")                                                                            \
    X(REAL, learning_rate, options.learning_rate, "1.0e-3", "", "(0, inf)", GN_KEY_ADAMS, 0,                 \
      "multiplies the direction")                                                                            \
    X(REAL, learning_rate, options.learning_rate, "1.0", "", "(0, inf)",                                     \
      GN_KEY_GN | GN_KEY_DAMPED | GN_KEY_LBFGS, 0, "multiplies the direction")                               \
    X(REAL, learning_rate, options.learning_rate, "0.1", "", "(0, inf)", GN_KEY_FRACTIONAL, 0,               \
      "the largest factor that a mode's error loses at once")                                                \
    X(REAL, momentum, options.momentum, "0.0", "", "[0, 1)", GN_KEY_SGD, 0, "")                              \
    X(REAL, beta1, options.beta1, "0.9", "", "[0, 1)", GN_KEY_ADAMS, 0, "decay of the mean of gradients")    \
    X(REAL, beta2, options.beta2, "0.999", "", "[0, 1)", GN_KEY_ADAMS, 0, "decay of the mean of squares")    \
    X(REAL, epsilon, options.epsilon, "1.0e-8", "", "(0, inf)", GN_KEY_ADAMS, 0, "added to the root")        \
    X(REAL, weight_decay, options.weight_decay, "0.0", "", "[0, inf)",                                       \
      GN_KEY_SGD | GN_KEY_ON(GN_OPTIMIZER_ADAM), 0, "added to the gradient")                                 \
    X(REAL, weight_decay, options.weight_decay, "0.0", "", "[0, inf)", GN_KEY_DAMPED, 0,                     \
      "added, times the parameters, to w J'r")                                                               \
    X(REAL, weight_decay, options.weight_decay, "1.0e-2", "", "[0, inf)", GN_KEY_ON(GN_OPTIMIZER_ADAMW), 0,  \
      "decoupled from the gradient")                                                                         \
    X(CHOICE, solver, options.solver, "auto", "", "", GN_KEY_GN | GN_KEY_DAMPED, solvers,                    \
      "dual: M x M, primal: P x P, spectral: the smaller, by eigenvalues, cg, lsmr: by products, lsmr on J") \
    X(CHOICE, curvature, options.curvature, "sum", "", "",                                                   \
      GN_KEY_GN | GN_KEY_ON(GN_OPTIMIZER_LEVENBERG_MARQUARDT), curvatures,                                   \
      "w J'H J with w = 1 (sum) or 1 over the mean loss's terms (mean)")                                     \
    X(CHOICE, curvature, options.curvature, "mean", "", "", GN_KEY_ON(GN_OPTIMIZER_GGN), curvatures,         \
      "w J'H J with w = 1 (sum) or 1 over the mean loss's terms (mean)")                                     \
    X(REAL, cutoff, options.cutoff, "1.0e-6", "of the largest eigenvalue", "[0, 1)", GN_KEY_GN, 0,           \
      "smaller eigenvalues of J J' are left out; cg and lsmr have no cut-off")                               \
    X(SECTION, damping, options.damping, "{}", "", "", GN_KEY_DAMPED, gn_damping_section,                    \
      "mu in w J'H J + mu I")                                                                                \
    X(REAL, exponent, options.fractional.exponent, "0.5", "", "[-1, 1.5]", GN_KEY_FRACTIONAL, 0,             \
      "s of the gains (lambda + mu)^-s along eigenvectors: 0 as sgd, 1 as levenberg_marquardt")              \
    X(BOOL, shuffled, options.fractional.shuffled, "false", "", "", GN_KEY_FRACTIONAL, 0,                    \
      "each gain to another eigenvector, by a permutation from the seed that stays")                         \
    X(SECTION, damping, options.damping, "{kind: relative}", "", "", GN_KEY_FRACTIONAL, gn_damping_section,  \
      "mu, constant or relative; absent: {kind: relative}")                                                  \
    X(SECTION, grokfast, options.grokfast, "{}", "", "", GN_KEY_SGD | GN_KEY_ADAMS, gn_grokfast_section,     \
      "more of the gradient's slow part")                                                                    \
    X(CHOICE, gradient, options.gradient, "plain", "", "", GN_KEY_SGD | GN_KEY_ON(GN_OPTIMIZER_ADAM),        \
      gradients, "its matrices' singular values all 1 (orthogonal), or their columns' norms; biases stay")   \
    X(COUNT, memory, options.memory, "10", "steps", "[1, 10000]", GN_KEY_LBFGS, 0,                           \
      "whose effect on the gradient makes the inverse Hessian")                                              \
    X(SECTION, line_search, options.line_search, "{kind: armijo}", "", "", GN_KEY_LBFGS,                     \
      gn_line_search_section, "instead of a fixed step; absent: {kind: armijo}")                             \
    X(SECTION, cg, options.cg, "{}", "", "", GN_KEY_GN | GN_KEY_DAMPED, gn_cg_section,                       \
      "where the solver is cg or lsmr, or auto takes cg")                                                    \
    X(SECTION, line_search, options.line_search, "{}", "", "",                                               \
      GN_KEY_SGD | GN_KEY_GN | GN_KEY_DAMPED | GN_KEY_FRACTIONAL, gn_line_search_section,                    \
      "instead of a fixed step")                                                                             \
    X(SECTION, acceleration, options.acceleration, "{}", "", "", GN_KEY_DAMPED, gn_acceleration_section,     \
      "without a line search")                                                                               \
    X(SECTION, step_size, step_size, "{}", "", "", GN_KEY_SGD, gn_step_size_section,                         \
      "what the learning rate multiplies, of plain gradients")

#define GN_UNTIL_KEYS(X)                                                                                     \
    X(CHOICE, metric, metric, GN_KEY_NEEDED, "", "", GN_KEY_ALL, phase_metrics, "of the recorded rows")      \
    X(OPTIONAL_REAL, below, below, GN_KEY_NONE, "of the metric", "(-inf, inf)", GN_KEY_ALL, 0,               \
      "this or above")                                                                                       \
    X(OPTIONAL_REAL, above, above, GN_KEY_NONE, "of the metric", "(-inf, inf)", GN_KEY_ALL, 0,               \
      "this or below")                                                                                       \
    X(COUNT, for, times, "1", "rows", GN_KEY_RANGE_SIZE, GN_KEY_ALL, 0, "in succession")

#define GN_STAGNATION_KEYS(X)                                                                                \
    X(CHOICE, metric, metric, "loss_train", "", "", GN_KEY_ALL, phase_metrics, "of the recorded rows")       \
    X(REAL, relative, relative, "1.0e-3", "of the metric's best", "[0, 1)", GN_KEY_ALL, 0,                   \
      "what a better value must gain")                                                                       \
    X(COUNT, for, times, GN_KEY_NEEDED, "rows", GN_KEY_RANGE_SIZE, GN_KEY_ALL, 0, "without a better value")

#define GN_SWITCH_KEYS(X)                                                                                    \
    X(CHOICE, signal, signal, GN_KEY_NEEDED, "", "", GN_KEY_ALL, signals,                                    \
      "drift: of the NTK; linearisation_gap: from a linear map trained beside; mode_rate: a step")           \
    X(OPTIONAL_REAL, below, below, GN_KEY_NONE, "of the signal", "(-inf, inf)", GN_KEY_ALL, 0,               \
      "this or above")                                                                                       \
    X(OPTIONAL_REAL, above, above, GN_KEY_NONE, "of the signal", "(-inf, inf)", GN_KEY_ALL, 0,               \
      "this or below")                                                                                       \
    X(COUNT, for, times, "1", "observations", GN_KEY_RANGE_SIZE, GN_KEY_ALL, 0, "in succession")

#define GN_PHASE_KEYS(X)                                                                                     \
    X(COUNT, steps, steps, GN_KEY_NEEDED, "steps", GN_KEY_RANGE_SIZE, GN_KEY_ALL, 0,                         \
      "the most; until, stagnation and switch may end the phase before")                                     \
    X(SECTION, optimizer, optimizer, GN_KEY_NEEDED, "", "", GN_KEY_ALL, gn_optimizer_section, "")            \
    X(OPTIONAL_SECTION, until, until, GN_KEY_NONE, "", "", GN_KEY_ALL, gn_until_section,                     \
      "ends the phase when a metric is below or above a value")                                              \
    X(OPTIONAL_SECTION, stagnation, stagnation, GN_KEY_NONE, "", "", GN_KEY_ALL, gn_stagnation_section,      \
      "ends the phase when a metric's best gets no better")                                                  \
    X(OPTIONAL_SECTION, switch, change, GN_KEY_NONE, "", "", GN_KEY_ALL, gn_switch_section,                  \
      "ends the phase by what an observer sees")

#define GN_OBSERVER_KEYS(X)                                                                                  \
    X(CHOICE, kind, kind, GN_KEY_NEEDED, "", "", GN_KEY_ALL, observers,                                      \
      "metrics: sets when rows are recorded")                                                                \
    X(WORD_OR_COUNT, every, every, "log", "steps", GN_KEY_RANGE_SIZE, GN_KEY_ALL, cadences,                  \
      "log: each step below 30, each 10th below 150, then by 2 %")                                           \
    X(COUNT, modes, modes, "10", "modes", "[1, 1000000]", GN_KEY_ON(GN_OBSERVE_FOURIER), 0,                  \
      "k = 0 ... modes")                                                                                     \
    X(COUNT, points, points, "0", "samples", "[0, 1000000000]",                                              \
      GN_KEY_ON(GN_OBSERVE_NTK) | GN_KEY_ON(GN_OBSERVE_DRIFT), 0,                                            \
      "the first of the training set; 0: all, or as many as have 1024 residuals")                            \
    X(BOOL, h1, h1, "false", "", "", GN_KEY_ON(GN_OBSERVE_SOLUTION), 0,                                      \
      "of a PDE also the error with the gradient, relative_h1_error")                                        \
    X(COUNT, dense_rows, dense_rows, "2048", "residuals", "[0, 1000000]", GN_KEY_ON(GN_OBSERVE_NTK), 0,      \
      "up to so many the kernel is a matrix; beyond, its leading eigenvalues come by Lanczos")               \
    X(COUNT, values, values, "20", "eigenvalues", "[1, 100000]", GN_KEY_ON(GN_OBSERVE_NTK), 0,               \
      "those leading ones, and the modes of Adam's kernel that are measured")                                \
    X(CHOICE, precision, precision, "float64", "", "", GN_KEY_ON(GN_OBSERVE_NTK), precisions,                \
      "of the kernel, whatever that of the run")                                                             \
    X(BOOL, present, present, "false", "", "", GN_KEY_ON(GN_OBSERVE_NTK), 0,                                 \
      "also the error along the present kernel's eigenvectors, mode_error_now; takes longer")                \
    X(BOOL, companion, companion, "false", "", "", GN_KEY_ON(GN_OBSERVE_DRIFT), 0,                           \
      "also train the linearised network beside, at the cost of the run again")                              \
    X(REALS, thresholds, thresholds, "[]", "", "(0, 1]", GN_KEY_ON(GN_OBSERVE_GENERALISATION), 0,            \
      "accuracies with labels, else parts of the first loss, for three rows in succession; "                 \
      "[]: 0.5 to 0.99, 0.5 to 0.05")                                                                        \
    X(REAL, loss_below, loss_below, "0", "", "[0, inf)", GN_KEY_ON(GN_OBSERVE_GENERALISATION), 0,            \
      "also the first rows with a loss below this; 0: not")                                                  \
    X(COUNT, points, points, "0", "samples", "[0, 1000000000]", GN_KEY_ON(GN_OBSERVE_CURVATURE), 0,          \
      "the first of the training set; 0: all")                                                               \
    X(COUNT, values, values, "20", "eigenvalues", "[1, 100000]", GN_KEY_ON(GN_OBSERVE_CURVATURE), 0,         \
      "of the largest, and of the smallest; at most steps")                                                  \
    X(COUNT, steps, steps, "80", "products", "[1, 100000]", GN_KEY_ON(GN_OBSERVE_CURVATURE), 0,              \
      "of Lanczos, a start")                                                                                 \
    X(COUNT, starts, starts, "4", "", "[1, 1000]", GN_KEY_ON(GN_OBSERVE_CURVATURE), 0,                       \
      "of Lanczos, for the spectral density; the first also gives the eigenvalues")                          \
    X(COUNT, probes, probes, "32", "products", "[1, 1000000]", GN_KEY_ON(GN_OBSERVE_CURVATURE), 0,           \
      "for traces and the residual term's share")                                                            \
    X(BOOL, hessian, hessian, "true", "", "", GN_KEY_ON(GN_OBSERVE_CURVATURE), 0,                            \
      "beside the Gauss-Newton matrix; false: that alone, by fewer and cheaper products")                    \
    X(COUNT, points, points, "64", "", "[4, 1000000]", GN_KEY_ON(GN_OBSERVE_RAYS), 0, "of a ray; even")      \
    X(COUNT, values, values, "21", "frequencies", "[1, 100000]", GN_KEY_ON(GN_OBSERVE_NUDFT), 0,             \
      "evenly spaced from 0")                                                                                \
    X(REAL, highest, highest, "20.0", "of exp(-i k x)", "(0, inf)", GN_KEY_ON(GN_OBSERVE_NUDFT), 0,          \
      "the last k; x: the input, or with several features their first principal component")

#define GN_PLOT_KEYS(X)                                                                                      \
    X(CHOICE, kind, kind, "none", "", "", GN_KEY_ALL, plots, "the figure that a run ends with")              \
    X(TEXT, title, title, "\"\"", "", "", GN_KEY_TITLED, 0, "")                                              \
    X(TEXTS, metrics, metrics, "[loss_train, loss_test]", "", "", GN_KEY_ON(GN_PLOT_METRICS), metrics,       \
      "columns of metrics.csv; OBSERVER/ARRAY: a number that one of `observe` sees at each look")            \
    X(TEXT, panels, panels, "\"\"", "", "", GN_KEY_SPLIT, 0,                                                 \
      "a dotted key of the grid: a panel for each of its values, as phases.0; empty: all in one")            \
    X(TEXT, lines, lines, "\"\"", "", "", GN_KEY_SPLIT, 0,                                                   \
      "a dotted key of the grid: of panels a colour for each of its values; empty: for all but panels'")     \
    X(CHOICE, x_scale, x_scale, "linear", "", "", GN_KEY_STEPS, scales, "")                                  \
    X(REAL, x_max, x_max, "0", "steps, or what x is", "[0, inf)", GN_KEY_STEPS, 0, "0: all")                 \
    X(REAL, y_min, y_min, "0", "", "[0, inf)", GN_KEY_FIGURE, 0, "0: by the data")                           \
    X(BOOL, rate, rate, "false", "", "", GN_KEY_CURVES, 0, "also the decay -ln(1 - learning_rate) a step")   \
    X(COUNT, columns, columns, "0", "panels", "[0, 100]", GN_KEY_ROWS, 0, "a row; 0: by their number")       \
    X(CHOICE, x, x, "step", "", "", GN_KEY_ON(GN_PLOT_METRICS), clocks,                                      \
      "what curves are drawn over; progress: -ln(L/L(0)) of the training loss, the best so far")             \
    X(TEXT, caption, caption, "\"\"", "", "", GN_KEY_ALL, 0, "of the figure in `gnewt report`")              \
    X(TEXT, expected, expected, "\"\"", "", "", GN_KEY_ALL, 0,                                               \
      "what should come out; a report shows it beside what was found")
#define GN_KEY_CURVES (GN_KEY_ON(GN_PLOT_METRICS) | GN_KEY_ON(GN_PLOT_FOURIER))
#define GN_KEY_SPLIT  (GN_KEY_ON(GN_PLOT_METRICS) | GN_KEY_ON(GN_PLOT_DRIFT))
#define GN_KEY_STEPS  (GN_KEY_CURVES | GN_KEY_SPLIT | GN_KEY_ON(GN_PLOT_CURVATURE) | GN_KEY_ON(GN_PLOT_NUDFT))
#define GN_KEY_FIGURE (GN_KEY_CURVES | GN_KEY_SPLIT | GN_KEY_ON(GN_PLOT_RATES))
#define GN_KEY_TITLED (GN_KEY_FIGURE | GN_KEY_ON(GN_PLOT_CURVATURE) | GN_KEY_ON(GN_PLOT_NUDFT))
#define GN_KEY_ROWS   (GN_KEY_FIGURE | GN_KEY_ON(GN_PLOT_NUDFT))

#define GN_SWEEP_KEYS(X)                                                                                     \
    X(TEXT, key, key, GN_KEY_NEEDED, "", "", GN_KEY_ALL, 0,                                                  \
      "a dotted path, as of --set, or `settings`: several together")                                         \
    X(VALUES, values, values, GN_KEY_NEEDED, "", "", GN_KEY_ALL, 0,                                          \
      "each any YAML; of settings mappings of dotted paths to values")

#define GN_QUICK_KEYS(X)                                                                                     \
    X(TEXT, leaves_out, key, GN_KEY_NEEDED, "", "", GN_KEY_ALL, 0,                                           \
      "said in the log, captions and reports of such runs")

#define GN_TARGET_KEYS(X)                                                                                    \
    X(CHOICE, metric, text, GN_KEY_NEEDED, "", "", GN_KEY_ALL, phase_metrics, "a recorded value")            \
    X(OPTIONAL_REAL, below, text, GN_KEY_NONE, "", "(-inf, inf)", GN_KEY_ALL, 0, "this, or above")           \
    X(OPTIONAL_REAL, above, text, GN_KEY_NONE, "", "(-inf, inf)", GN_KEY_ALL, 0, "this, or below")
#define GN_COMPARED_KEYS(X)                                                                                  \
    X(TEXT, label, text, GN_KEY_NEEDED, "", "", GN_KEY_ALL, 0, "of tables and figures")                      \
    X(VALUES, phases, text, GN_KEY_NEEDED, "", "", GN_KEY_ALL, 0, "in place of the file's")                  \
    X(COUNT, every, text, "1", "steps", GN_KEY_RANGE_SIZE, GN_KEY_ALL, 0,                                    \
      "between rows, where targets are looked for")                                                          \
    X(VALUES, grid, text, "{}", "", "", GN_KEY_ALL, 0,                                                       \
      "what it is tuned over: dotted keys, each with a list of values")
#define GN_BENCH_KEYS(X)                                                                                     \
    X(COUNTS, seeds, text, "[0, 1, 2]", "", "[0, 18446744073709551615]", GN_KEY_ALL, 0, "that are reported") \
    X(SEED, tuning_seed, text, "1000", "", "[0, 18446744073709551615]", GN_KEY_ALL, 0,                       \
      "of the runs that tune; none of seeds")                                                                \
    X(SECTIONS, targets, text, GN_KEY_NEEDED, "", "", GN_KEY_ALL, gn_target_section,                         \
      "the first is tuned for")                                                                              \
    X(SECTIONS, optimizers, text, GN_KEY_NEEDED, "", "", GN_KEY_ALL, gn_compared_section,                    \
      "all with grids of one size")

#define GN_CONFIG_KEYS(X)                                                                                    \
    X(TEXT, name, name, GN_KEY_COMPUTED, "", "", GN_KEY_ALL, 0,                                              \
      "of the run and its folder; the file's if absent")                                                     \
    X(CHOICE, precision, precision, "float64", "", "", GN_KEY_ALL, precisions, "of all arrays")              \
    X(TEXT, device, device, "auto", "", "", GN_KEY_ALL, 0, "auto, cpu, cuda, cuda:1, check")                 \
    X(SEED, seed, seed, "0", "", "[0, 18446744073709551615]", GN_KEY_ALL, 0,                                 \
      "of data, initial weights and batches")                                                                \
    X(SECTION, problem, problem, GN_KEY_NEEDED, "", "", GN_KEY_ALL, gn_problem_section, "")                  \
    X(SECTION, network, network, GN_KEY_NEEDED, "", "", GN_KEY_ALL, gn_network_section, "")                  \
    X(SECTION, loss, loss, "{}", "", "", GN_KEY_ALL, gn_loss_section, "")                                    \
    X(SECTION, batch, batch, "{}", "", "", GN_KEY_ALL, gn_batch_section, "")                                 \
    X(SECTIONS, phases, phases, GN_KEY_NEEDED, "", "", GN_KEY_ALL, gn_phase_section, "one after the other")  \
    X(SECTIONS, observe, observe, "[]", "", "", GN_KEY_ALL, gn_observer_section,                             \
      "what is watched meanwhile")                                                                           \
    X(SECTION, plot, plot, "{}", "", "", GN_KEY_ALL, gn_plot_section, "")                                    \
    X(SWEEP, sweep, name, "[]", "", "", GN_KEY_ALL, gn_sweep_section,                                        \
      "the grid of `gnewt sweep`: all combinations")                                                         \
    X(QUICK, quick, name, "{}", "", "", GN_KEY_ALL, gn_quick_section,                                        \
      "what --quick sets, before --set: the experiment in a size that ends within minutes")                  \
    X(BENCH, bench, name, "{}", "", "", GN_KEY_ALL, gn_bench_section,                                        \
      "of `gnewt bench`: optimisers, tuned with equal budgets, compared over seeds")

typedef enum gn_key_type {
    GN_KEY_TEXT,
    GN_KEY_NAME,
    GN_KEY_PATH,
    GN_KEY_REAL,
    GN_KEY_COUNT,
    GN_KEY_SEED,
    GN_KEY_BOOL,
    GN_KEY_CHOICE,
    GN_KEY_WORD_OR_COUNT,
    GN_KEY_COUNTS,
    GN_KEY_TEXTS,
    GN_KEY_VALUES,
    GN_KEY_SECTION,
    GN_KEY_SECTIONS,
    GN_KEY_SWEEP,
    GN_KEY_OPTIONAL_REAL,
    GN_KEY_OPTIONAL_SECTION,
    GN_KEY_REALS,
    GN_KEY_QUICK,
    GN_KEY_BENCH
} gn_key_type;

/* Left out of the resolved configuration where it is not given. */
#define GN_KEY_IS_OPTIONAL(type) ((type) == GN_KEY_OPTIONAL_REAL || (type) == GN_KEY_OPTIONAL_SECTION)

/* Taken apart on the tree, and no part of the resolved configuration. */
#define GN_KEY_IS_APART(type) ((type) == GN_KEY_SWEEP || (type) == GN_KEY_QUICK || (type) == GN_KEY_BENCH)

/* A name (str) that a value may have, and what it stands for (val); lists end with str NULL. */
typedef cyaml_strval_t gn_choice;

typedef struct gn_section gn_section;

typedef struct gn_key {
    gn_key_type type;
    const char *name, *fallback, *unit, *range;
    uint32_t kinds;
    const gn_choice *choices;
    const gn_section *section;
    size_t offset, size; /* of the member */
    const char *doc;
} gn_key;

struct gn_section {
    const gn_key *keys; /* ends with name NULL */
    const cyaml_schema_field_t *schema;
};

/* The whole file, its problem and its network, one entry of its sweep, and its bench. */
extern const gn_section gn_config_section, gn_problem_section, gn_network_section, gn_sweep_section,
    gn_bench_section;

/* Whether two structs of a section agree in every key, paths in the file they lead to; the section has
 * scalars and counts alone. */
bool gn_section_same(const gn_section *section, const void *one, const void *other);
/* The row of `name` for a kind (any kind where kind < 0), or NULL. */
const gn_key *gn_section_key(const gn_section *section, const char *name, int64_t kind);
/* The choices of the section's `kind`, or NULL where it has none. */
const gn_choice *gn_section_kinds(const gn_section *section);
/* The choice of that name, or NULL. */
const gn_choice *gn_choice_find(const gn_choice *choices, const char *name);

#endif
