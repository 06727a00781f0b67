/* Problems: data sets on the device, and the order in which batches come. */
#ifndef GNEWT_PROBLEM_H
#define GNEWT_PROBLEM_H

#include <stdbool.h>
#include <stdint.h>

#include "gnewt/network.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Training and test data. Owns its arrays; test_inputs and test_targets are NULL where there is no test set.
 */
typedef struct gn_dataset {
    gn_array *inputs, *targets;           /* N x features, N x C */
    gn_array *test_inputs, *test_targets; /* N' x features, N' x C */
    size_t labels; /* a target is so many one-hot classes of one size; 0: it is none, and has no accuracy */
    /* Where the training inputs are a periodic grid in row-major order: its axes and points an axis; else 0.
     */
    int grid_rank;
    size_t grid[2];
    /* A PDE's, else NULL and 0: what the network's outputs are (gn_mlp_options), the rows' weights in the
     * loss (N), and how many rows, the last ones, lie on the boundary: batches take their share of both. */
    gn_expression *residual;
    gn_array *weights;
    size_t boundary;
    gn_array *test_slopes; /* a PDE's, where there is a test set: N' x 2, derivatives of the exact solution */
    /* polynomial's, where it is not of eigenvectors, else NULL and 0: b (features) and the factor; the target
     * anywhere is factor (b'x)^2. */
    gn_array *direction;
    double factor;
} gn_dataset;

/* u(x) = sum_k (k/3) sin((2k+1) pi x - k), k = 1..3, on x_j = -1 + 2j/points; test: uniform points drawn with
 * the seed's GN_STREAM_DATA. (arXiv 2601.03162, Fig. 3; u is our reading of it.) */
gn_status gn_dataset_multi_sine_1d(gn_context *context, gn_dtype dtype, size_t points, size_t test_points,
                                   uint64_t seed, gn_dataset *dataset);
/* y(x) = sin(k x) / (k x), k > 0, on `points` >= 2 evenly spaced x from -1 to 1, both included; test: uniform
 * points drawn with the seed's GN_STREAM_DATA. Errors: ARGUMENT, MEMORY. */
gn_status gn_dataset_sinc_1d(gn_context *context, gn_dtype dtype, size_t points, size_t test_points, double k,
                             uint64_t seed, gn_dataset *dataset);
/* y(x) = sin 6x on [-pi, pi] (Zhou et al., arXiv 2405.17479). Of `points` training points near_sin_x are
 * those of 10 000 even ones (both ends included) where |sin x - sin 6x| is least, near_sin_3x the same with
 * sin 3x, and the others are random (the seed's GN_STREAM_DATA) or, with `grid`, even; a point that is chosen
 * twice is there twice. test: even points. Errors: ARGUMENT (no points, or more chosen than there are),
 * MEMORY. */
typedef struct gn_frequency_mismatch_options {
    size_t points, test_points, near_sin_x, near_sin_3x;
    bool grid;
    uint64_t seed;
} gn_frequency_mismatch_options;
/* 65 points, 20 and 10 of them chosen; 1000 test points. */
gn_frequency_mismatch_options gn_frequency_mismatch_options_default(void);
gn_status gn_dataset_frequency_mismatch_1d(gn_context *context, gn_dtype dtype,
                                           const gn_frequency_mismatch_options *options, gn_dataset *dataset);
/* u(x,y) = sign(x) sign(y) on the cell-centred grid x_i = -1 + (2i+1)/points of [-1,1)^2, points^2 samples.
 */
gn_status gn_dataset_step_2d(gn_context *context, gn_dtype dtype, size_t points, size_t test_points,
                             uint64_t seed, gn_dataset *dataset);

/* (a, b) -> (a + b) mod p over all p^2 pairs: inputs one-hot a, then one-hot b (2p), targets one-hot (p). The
 * first floor(train_fraction p^2) of a permutation of the pairs by the seed's GN_STREAM_DATA are for
 * training, the others for the test. Errors: ARGUMENT (modulus below 2, a fraction outside (0, 1] or that
 * leaves nothing to train on). */
gn_status gn_dataset_modular_addition(gn_context *context, gn_dtype dtype, size_t modulus,
                                      double train_fraction, uint64_t seed, gn_dataset *dataset);
/* The same as tokens, for a transformer: inputs are the four tokens a, op, b, eq (N x 4, numbers), where op
 * is p + 1 and eq is p, targets one-hot over the vocabulary of p + 2 (the sum is read at the last token). The
 * same pairs in the same order. */
gn_status gn_dataset_modular_addition_tokens(gn_context *context, gn_dtype dtype, size_t modulus,
                                             double train_fraction, uint64_t seed, gn_dataset *dataset);
/* The same as whole equations (Power et al., arXiv 2201.02177): inputs are the six tokens eos, a, op, b, eq,
 * c, where c is the sum and eos p + 2, targets what comes after each of the last two, c and eos, one-hot over
 * `vocabulary` tokens each (N x 2 vocabulary); 0: p + 3, the tokens there are. For a transformer that reads
 * two positions. Errors: as above; ARGUMENT (a vocabulary that is too small). */
gn_status gn_dataset_modular_addition_equations(gn_context *context, gn_dtype dtype, size_t modulus,
                                                size_t vocabulary, double train_fraction, uint64_t seed,
                                                gn_dataset *dataset);
/* y = factor (b'x)^2 with x ~ N(0, I/D), b ~ N(0, I), D = features, all drawn with the seed's GN_STREAM_DATA:
 * Kumar et al., arXiv 2310.06110, with factor 1/2 (fig. 1) or 1 (fig. 3). */
typedef struct gn_polynomial_options {
    size_t features, points, test_points;
    double factor;
    uint64_t seed;
} gn_polynomial_options;
gn_status gn_dataset_polynomial(gn_context *context, gn_dtype dtype, const gn_polynomial_options *options,
                                gn_dataset *dataset);

/* An HDF5 file and the arrays in it: inputs N x features (or N), targets N x C (or N), numbers of any type.
 * test_* may be NULL or "", both. Targets of which every row is a single 1 among zeros are labels; inputs of
 * one feature, evenly spaced and ascending, are one period of a 1-D grid. Errors name the file and the array:
 * IO, FORMAT (absent array, shapes, NaN with its first index), MEMORY. */
typedef struct gn_arrays_options {
    const char *file, *inputs, *targets, *test_inputs, *test_targets;
} gn_arrays_options;
gn_status gn_dataset_arrays(gn_context *context, gn_dtype dtype, const gn_arrays_options *options,
                            gn_dataset *dataset);

/* MNIST's idx files, plain or gzip, in `folder`: train-images-idx3-ubyte[.gz], train-labels-idx1-ubyte[.gz],
 * t10k-... Inputs: pixels * (1 / `maximum`), flattened; targets: one-hot over as many classes as the largest
 * label of both files asks for. The first train_count and test_count samples; 0: all. Errors name the file:
 * IO, FORMAT (magic, truncated, images and labels differ), ARGUMENT (a count larger than the file), MEMORY.
 */
typedef struct gn_idx_options {
    const char *folder;
    size_t train_count, test_count;
    double maximum; /* the largest pixel value: 255 for MNIST */
} gn_idx_options;
gn_status gn_dataset_idx(gn_context *context, gn_dtype dtype, const gn_idx_options *options,
                         gn_dataset *dataset);

/* A PDE in two coordinates on a box, as text: numbers, pi, the coordinates, and in the residual u and its
 * derivatives ("u_x", "u_xx"; no mixed ones), + - * / ^ ( ) sin cos exp tanh log sqrt. */
typedef struct gn_pde {
    const char *axes[2];    /* names of the coordinates: "x", "y" */
    double low[2], high[2]; /* the box */
    const char *residual;   /* 0 where u solves it: "u_xx + u_yy + 1" */
    const char *solution;   /* exact: its values are given on the boundary, and are what the test set holds */
    bool evolves;           /* the second coordinate is time: nothing is given at its end */
} gn_pde;

/* `interior` random points in the box and `boundary` on its sides, alike on each; grid: a lattice, and equal
 * distances. The test set is a grid of test_points^2, its sides included; 0: none. */
typedef struct gn_pde_points {
    size_t interior, boundary, test_points;
    bool grid;
    uint64_t seed;
} gn_pde_points;

/* The inputs are two coordinates and a kind (gn_mlp_options: 0 inside, 1 on the boundary and in the test
 * set), the targets 0 inside and the solution elsewhere. The mean loss is the interior's plus the boundary's
 * mean square. Errors: ARGUMENT (which text, where), MEMORY. */
gn_status gn_dataset_pde(gn_context *context, gn_dtype dtype, const gn_pde *pde, const gn_pde_points *points,
                         gn_dataset *dataset);
/* u_xx + u_yy = -(n^2 + m^2) pi^2 u*, u* = sin(n pi x) sin(m pi y), on the unit square */
gn_status gn_dataset_poisson_2d(gn_context *context, gn_dtype dtype, double n, double m,
                                const gn_pde_points *points, gn_dataset *dataset);
/* u_xx + u_yy + k^2 u = (k^2 - (n^2 + m^2) pi^2) u*, u* as above */
gn_status gn_dataset_helmholtz_2d(gn_context *context, gn_dtype dtype, double n, double m, double k,
                                  const gn_pde_points *points, gn_dataset *dataset);
/* u_t + u u_x = viscosity u_xx on [-1, 1] x [0, 1], a moving front */
gn_status gn_dataset_burgers_1d(gn_context *context, gn_dtype dtype, double viscosity,
                                const gn_pde_points *points, gn_dataset *dataset);

/* Frees the arrays and zeroes the struct. */
void gn_dataset_destroy(gn_dataset *dataset);

/* Batches: the whole set in order where size is 0 or N; else `size` samples in an order reshuffled each epoch
 * (GN_STREAM_BATCH, number of the epoch); the last batch of an epoch holds what remains. Of a PDE's points
 * each batch holds the same shares of both kinds, and an epoch ends where either is too few. */
typedef struct gn_sampler gn_sampler;
gn_status gn_sampler_create(gn_context *context, const gn_dataset *dataset, size_t size, uint64_t seed,
                            gn_sampler **sampler);
void gn_sampler_destroy(gn_sampler *sampler);
/* The batch of step `step` (from 0). The arrays are the sampler's, valid until the next call. A sampler has
 * no history: any step may be asked for, so a resumed run sees the batches it would have seen. */
gn_status gn_sampler_batch(gn_sampler *sampler, uint64_t step, gn_array **inputs, gn_array **targets);
/* The weights of a batch's rows in the loss (as many as its samples), or NULL. */
const gn_array *gn_sampler_weights(const gn_sampler *sampler);
/* Samples of the largest batch. */
size_t gn_sampler_capacity(const gn_sampler *sampler);

#ifdef __cplusplus
}
#endif
#endif
