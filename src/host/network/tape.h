/* The tape: what one network computed on one batch at one theta, and the buffers for its derivatives. */
#ifndef GN_NETWORK_TAPE_H
#define GN_NETWORK_TAPE_H

#include "network/network.h"

struct gn_tape {
    const gn_network *network;
    gn_context *context;
    gn_dtype dtype;
    size_t capacity, samples; /* N <= capacity */
    size_t outputs;           /* C */
    const void *inputs;       /* N x features, borrowed */
    const void *theta;        /* P, borrowed */
    /* One an node; node 0 has none (its value is `inputs`). Nodes share buffers where share.h says so. */
    gn_array *value;     /* N x T x W */
    gn_array *saved;     /* what forward leaves for the derivatives, as the operation says */
    gn_array *tangent;   /* N x T x W */
    gn_array *cotangent; /* N x T x W */
    /* Of second derivatives, made at the first need: the cotangents' tangents, and value and tangent where
     * nothing lies over what is looked at again. Most are value's and tangent's own buffers. */
    gn_array *cotangent_dot, *kept_value, *kept_tangent;
    gn_array *rows;                  /* N x C x T x W, made at the first need */
    gn_array row_pairs, input_pairs; /* scratch of the diagonal, made at the first need */
    bool second_made;                /* all of these are allocated */
    bool rows_made;                  /* all of rows is allocated */
    bool rows_ready;                 /* they belong to the current point */
    const void *root; /* N x C probabilities: rows of S' at the output (softmax_root); NULL: of I */
    bool contract;    /* a vjp from the rows, once there, is cheaper than a backward pass */
    gn_array theta0;  /* P, centred networks only */
    bool base_ready;  /* the centring's f(theta_0) belongs to the current batch */
};

/* Errors: MEMORY; UNSUPPORTED where a node has two users and one cannot add to its cotangent. */
gn_status gn_tape_create(const gn_network *network, gn_dtype dtype, size_t capacity, gn_tape **tape);
void gn_tape_destroy(gn_tape *tape);

/* The batch: N x features, borrowed. */
void gn_tape_set_inputs(gn_tape *tape, const void *inputs, size_t samples);
/* theta_0 of a centred network (others ignore it): copied. */
gn_status gn_tape_set_reference(gn_tape *tape, const gn_array *theta0);

/* A new point: what is known of the one before ends; a centred network evaluates f(theta_0) of a new batch.
 */
gn_status gn_tape_begin(gn_tape *tape, const void *theta);
/* Every node's value at it. */
gn_status gn_tape_forward(gn_tape *tape);
/* f (N x C) at the point. */
const void *gn_tape_outputs(const gn_tape *tape);
/* jv (N x C) = J v; jtu (P) = J'u, u is N x C. */
gn_status gn_tape_jvp(gn_tape *tape, const void *v, void *jv);
gn_status gn_tape_vjp(gn_tape *tape, const void *u, void *jtu);
/* out (P) = J'du + sum_m u_m (d2 f_m) v, u and du (N x C): the tangent along v of J'u where du is that of u.
 * Before it come gn_tape_reserve_second() and gn_tape_second_jvp() of v. A layer costs five products of its
 * size, and its jvp two; a forward pass takes one, a backward pass two. */
gn_status gn_tape_second(gn_tape *tape, const void *v, const void *u, const void *du, void *out);
/* gn_tape_jvp(), which leaves what gn_tape_second() takes. Layers whose values an operation lies over are
 * evaluated again, a product more for each. */
gn_status gn_tape_second_jvp(gn_tape *tape, const void *v, void *jv);
/* Makes the buffers of both. MEMORY; UNSUPPORTED, naming the operation, where one's second derivative is
 * unknown. */
gn_status gn_tape_reserve_second(gn_tape *tape);
/* What the rows begin with at the output: NULL for the unit vectors, so that they are the rows of J's
 * factors; probabilities for the rows of S' (softmax_root), so that they are those of S'J. */
void gn_tape_seed_rows(gn_tape *tape, const void *root);
/* out (P) = J'S u from the rows, which are ready and began with S'. */
gn_status gn_tape_vjp_rows(gn_tape *tape, const void *u, void *out);
/* Makes rows ready: the cotangents of every output at every node. MEMORY where they do not fit. */
gn_status gn_tape_rows(gn_tape *tape);
/* Makes the buffers of the rows, which gn_tape_rows() otherwise does at its first call. MEMORY as there. */
gn_status gn_tape_reserve_rows(gn_tape *tape);
/* The same of what a diagonal needs besides. */
gn_status gn_tape_reserve_pairs(gn_tape *tape);
/* d (P) = diagonal of J'J; rest: 0 in what has Kronecker factors. */
gn_status gn_tape_diagonal(gn_tape *tape, bool rest, void *d);

/* ---- J'J (or J'H J, as the rows begin) from the layers' factors ---- */

/* Whether it can be had so, all parameters being of linear layers of one position, for less than J's rows
 * cost. */
bool gn_tape_normal_pays(const gn_tape *tape);
/* Elements of scratch a sample. */
size_t gn_tape_normal_scratch(const gn_tape *tape);
/* k (P x P), its lower triangle; some of the upper one is written too. `elements` of scratch: for one sample
 * or more; it does not change the bits but by where it cuts the sum over samples. */
gn_status gn_tape_normal(gn_tape *tape, void *scratch, size_t elements, void *k);

/* ---- Gram tiles ---- */

/* Samples of a tile's side that suit the device's caches. */
size_t gn_gram_tile_samples(const gn_network *network);
/* The scratch that any rule needs for a tile of n x n samples. */
gn_gram_scratch gn_gram_scratch_of(const gn_network *network, size_t n);
/* c (rows_x x rows_y) = x y' + beta c, both `width` wide; lower: x is y, and the lower triangle is enough. */
gn_status gn_gram_products(const gn_tape *tape, bool lower, size_t rows_x, const void *x, size_t rows_y,
                           const void *y, size_t width, double beta, void *c, size_t ldc);

/* Hands the cotangents d (N x R x T x W) of node i, among `buffers`, on to its inputs. The data need none. */
gn_status gn_tape_pull(const gn_tape *tape, size_t i, size_t r, const gn_array *buffers);

/* ---- for operations ---- */

/* Pairs t' <= t of T positions. */
static inline size_t gn_position_pairs(size_t positions) {
    return positions * (positions + 1) / 2;
}

/* pairs (N x pairs x W) = products of node i's rows at two positions, summed over the outputs; twice where
 * the positions differ, so that sums over pairs are sums over all t and t'. */
gn_status gn_tape_row_pairs(const gn_tape *tape, size_t i, void *pairs);

/* Node i's value, N x T x W. */
static inline const void *gn_tape_value(const gn_tape *tape, size_t i) {
    return i == 0 ? tape->inputs : tape->value[i].data;
}

/* Element `count` of a buffer of the tape's type. */
static inline void *gn_tape_at(const gn_tape *tape, const void *buffer, size_t count) {
    return (char *)buffer + count * gn_dtype_size(tape->dtype);
}

/* Node i's value and rows from sample `first` on. */
static inline const void *gn_tape_value_at(const gn_tape *tape, size_t i, size_t first) {
    return gn_tape_at(tape, gn_tape_value(tape, i), first * gn_node_size(&tape->network->nodes[i]));
}

static inline const void *gn_tape_rows_at(const gn_tape *tape, size_t i, size_t first) {
    return gn_tape_at(tape, tape->rows[i].data,
                      first * tape->outputs * gn_node_size(&tape->network->nodes[i]));
}

#endif
