/* A small network (an mlp, or a transformer on tokens) with random weights and data, linearized: what most
 * tests of derivatives start from. */
#ifndef GN_TESTS_MLP_CASE_H
#define GN_TESTS_MLP_CASE_H

#include "gnewt/gnewt.h"

#define MLP_MOST_WIDTHS 6

typedef enum mlp_kind { MLP, QUADRATIC, COMMITTEE } mlp_kind;

typedef struct mlp_case {
    const char *name;
    mlp_kind kind;                  /* the others take widths {inputs, hidden, outputs}, alpha and epsilon */
    size_t widths[MLP_MOST_WIDTHS]; /* ends at the first 0 */
    const char *activation;
    size_t samples;
    bool no_bias;
    double output_scale; /* 0: 1 */
    bool centred;
    double alpha, epsilon;
    bool classes;                       /* one-hot targets and cross-entropy */
    gn_transformer_options transformer; /* layers > 0: this network instead, on random tokens */
    const char *pde;                    /* NULL, or a residual in as many of x, y, z as there are inputs */
} mlp_case;

typedef struct mlp_fixture {
    gn_context *context;
    gn_network *network;
    gn_linearization *lin;
    gn_array *theta, *theta0, *inputs, *targets;
    gn_dtype dtype;
    size_t n, c, m, p; /* N, C, M, P */
} mlp_fixture;

/* Fails the running test where anything fails. The point is set to theta. */
mlp_fixture mlp_setup(const char *device, gn_dtype dtype, const mlp_case *from);
void mlp_teardown(mlp_fixture *fixture);

/* One-hot targets (N x C): class 7 i mod C of sample i. For the caller to free. */
double *one_hot(size_t n, size_t c);

/* Positions whose outputs are classes of their own. */
size_t positions_read(const mlp_case *from);

/* The case's network. */
gn_network *case_network(gn_context *context, const mlp_case *from);

/* Shapes with one and several outputs, M above and below P, with and without bias, scale, centring. */
const mlp_case *mlp_shapes(size_t *count);
/* One net of each activation. */
const mlp_case *mlp_activations(size_t *count);
/* Nets of several classes under cross-entropy: M above and below P, one of them so large an output that
 * probabilities vanish. */
const mlp_case *mlp_classes(size_t *count);

/* Transformers: both norms, one and two layers, learned and sinusoidal positions, one and several positions
 * read, Grams by pairs of positions and by blocks of gradients, several tiles, two with cross-entropy. */
const mlp_case *mlp_transformers(size_t *count);
/* Nets whose output is the residual of a PDE: of each activation; of 1, 2 and 3 coordinates; with Grams by
 * pairs of channels and by blocks of J. Samples are of every kind. */
const mlp_case *mlp_pdes(size_t *count);

/* check() on each case, set up on a device; and on all networks but the class net whose loss is too steep for
 * differences. */
typedef void mlp_check(mlp_fixture *fixture, const char *name);
void mlp_on_each(const char *device, gn_dtype dtype, const mlp_case *cases, size_t count, mlp_check *check);
void mlp_on_all(const char *device, gn_dtype dtype, mlp_check *check);

/* Host values, for the caller to free; and back. */
double *host_values(const gn_array *array);
gn_array *device_array(gn_context *context, gn_dtype dtype, size_t rows, size_t columns,
                       const double *values);
/* count uniform values in [-1, 1). */
double *random_values(uint64_t seed, size_t count);
/* ||a - b|| / max(||b||, tiny) */
double relative_difference(size_t count, const double *a, const double *b);

/* Fails the running test unless the call gives GN_OK; the context's message is shown. */
#define OK(context, call) expect_ok(context, call, #call, __FILE__, __LINE__)
void expect_ok(gn_context *context, gn_status status, const char *call, const char *file, int line);

#endif
