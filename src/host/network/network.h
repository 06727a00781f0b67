/* The inside of a network: nodes in topological order, and what an operation is. */
#ifndef GN_NETWORK_NETWORK_H
#define GN_NETWORK_NETWORK_H

#include "backend/context.h"
#include "gnewt/network.h"

typedef struct gn_tape gn_tape;
typedef struct gn_operation gn_operation;

#define GN_NO_PARAMETER ((size_t)-1)

typedef struct gn_node {
    const gn_operation *operation; /* NULL for node 0, the inputs */
    size_t input;                  /* the node whose value it takes */
    size_t inputs, width;          /* features in and out */
    size_t weight, bias;           /* offsets in theta, or GN_NO_PARAMETER */
    gn_activation activation;      /* activation */
    double scale;                  /* scale, committee */
    double epsilon;                /* committee */
} gn_node;

struct gn_network {
    gn_context *context;
    gn_node *nodes; /* the last one's value is f */
    size_t node_count;
    gn_parameter *parameters;
    size_t parameter_count;
    size_t size; /* P */
};

/* A tile of a Gram matrix between two tapes of one network: samples i..i+ni of `a` against j..j+nj of `b`. */
typedef struct gn_gram_tile {
    const gn_tape *a, *b;
    size_t i, ni, j, nj;
    bool lower;  /* a square tile on the diagonal: only its lower triangle is needed */
    double beta; /* 0 for the first rule that writes the tile, then 1 */
    void *k;     /* (ni C) x (nj C), rows ldk apart */
    size_t ldk;
    void *s, *g; /* scratch: (ni C) x (nj C) and ni x nj */
} gn_gram_tile;

/* An operation's rules. `i` is the node's index; buffers are found on the tape. Rules of parameters are NULL
 * for operations that have none. d: cotangents of the node's output, N x W; rows: one a sample and output, N
 * x C x W. */
struct gn_operation {
    const char *name;
    gn_status (*forward)(gn_tape *tape, size_t i);
    /* tangent[i] from tangent[input] and v (P) */
    gn_status (*jvp)(gn_tape *tape, size_t i, const void *v);
    /* to (N x R x inputs) from d (N x R x W) */
    gn_status (*pull)(const gn_tape *tape, size_t i, size_t r, const void *d, void *to);
    /* its part of gradient (P), overwritten */
    gn_status (*gradient)(const gn_tape *tape, size_t i, const void *d, void *gradient);
    /* its columns of j ((N C) x P): samples first..first+n */
    gn_status (*jacobian)(const gn_tape *tape, size_t i, size_t first, size_t n, void *j, size_t ldj);
    gn_status (*gram)(const gn_gram_tile *tile, size_t i);
    /* its part of the diagonal of J'J (P); scratch: as large as rows, and as the input's value */
    gn_status (*diagonal)(const gn_tape *tape, size_t i, void *squares, void *sums, void *inputs,
                          void *diagonal);
};

extern const gn_operation gn_operation_linear;
extern const gn_operation gn_operation_activation;
extern const gn_operation gn_operation_scale;
extern const gn_operation gn_operation_centring;
extern const gn_operation gn_operation_committee;

#endif
