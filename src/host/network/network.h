/* The inside of a network: nodes in topological order, and what an operation is. */
#ifndef GN_NETWORK_NETWORK_H
#define GN_NETWORK_NETWORK_H

#include "backend/context.h"
#include "gnewt/network.h"

typedef struct gn_tape gn_tape;
typedef struct gn_operation gn_operation;

#define GN_NO_PARAMETER ((size_t)-1)
#define GN_NO_NODE      ((size_t)-1)

/* A node's value has T rows (positions) of W features a sample: N x T x W. An mlp's nodes have T = 1. */
typedef struct gn_node {
    const gn_operation *operation; /* NULL for node 0, the inputs */
    size_t input;                  /* the node whose value it takes */
    size_t second;                 /* the other one of a sum, or GN_NO_NODE */
    size_t inputs, width;          /* features in and out */
    size_t positions;              /* T */
    size_t input_positions;        /* of the node whose value it takes */
    size_t weight, bias;           /* offsets in theta, or GN_NO_PARAMETER */
    gn_activation activation;      /* activation */
    double scale;                  /* scale, committee */
    double epsilon;                /* committee, layer norm */
    size_t vocabulary;             /* embedding */
    size_t heads;                  /* attention */
    bool data; /* its value hangs on the inputs alone: it has no tangent and needs no cotangent */
    /* Who takes its value: how many nodes, the first of them and the last. */
    size_t uses, first_use, last_use;
} gn_node;

/* How one parameter of a ready model starts. */
typedef struct gn_initial {
    enum { GN_INITIAL_NORMAL, GN_INITIAL_UNIFORM, GN_INITIAL_CONSTANT } kind;
    double value; /* deviation, bound, or the value itself */
} gn_initial;

struct gn_network {
    gn_context *context;
    gn_node *nodes; /* the last one's value is f */
    size_t node_count;
    gn_parameter *parameters;
    size_t parameter_count;
    gn_initial *initial;     /* one a parameter, or NULL: as gn_init says */
    size_t size;             /* P */
    gn_expression *residual; /* of a PDE, what its last node gives; or NULL */
};

/* Elements a sample. */
static inline size_t gn_node_size(const gn_node *node) {
    return node->positions * node->width;
}

/* An empty network with room for so many nodes and parameters, for a ready model to fill. MEMORY. */
gn_status gn_network_allocate(gn_context *context, size_t nodes, size_t parameters, gn_network **network);
/* A node after the last one, which takes node `input`: as many positions and features as that. Of the first
 * one, the inputs, `input` is GN_NO_NODE and the caller sets positions and width. */
gn_node *gn_network_add_node(gn_network *network, const gn_operation *operation, size_t input);
/* Says that node `user` takes `input` as well; add_node() does it for the input that it is given. */
void gn_network_use(gn_network *network, size_t input, size_t user);
/* A parameter after the last one (columns 0: a vector); returns its offset. The name is printed as by printf.
 */
size_t gn_network_add_parameter(gn_network *network, size_t rows, size_t columns, const char *name, ...)
    __attribute__((format(printf, 4, 5)));

/* A tile of a Gram matrix between two tapes of one network: samples i..i+ni of `a` against j..j+nj of `b`. */
typedef struct gn_gram_tile {
    const gn_tape *a, *b;
    size_t i, ni, j, nj;
    bool lower;  /* a square tile on the diagonal: only its lower triangle is needed */
    double beta; /* 0 for the first rule that writes the tile, then 1 */
    void *k;     /* (ni C) x (nj C), rows ldk apart */
    size_t ldk;
    void *s, *g; /* scratch: as large as the rules' `scratch` asks for */
} gn_gram_tile;

/* Elements of a Gram tile's scratch, and the rows of its products that a row of J stands for: T where
 * positions are paired, else 1. */
typedef struct gn_gram_scratch {
    size_t s, g, rows;
} gn_gram_scratch;

/* An operation's rules. `i` is the node's index; buffers are found on the tape. Rules of parameters are NULL
 * for operations that have none. d: cotangents of the node's output, N x T x W; rows: one a sample and
 * output, N x C x T x W. */
struct gn_operation {
    const char *name;
    bool in_place; /* pull allows `to` to be d; with two inputs it hands d on unchanged */
    bool adds;     /* pull allows beta = 1 */
    bool over;     /* value and tangent may lie in the input's buffer: forward and jvp allow it */
    bool straight; /* the value is affine in inputs and parameters together: it has no second derivative */
    gn_status (*forward)(gn_tape *tape, size_t i);
    /* tangent[i] from tangent[input] and v (P) */
    gn_status (*jvp)(gn_tape *tape, size_t i, const void *v);
    /* to (N x R x inputs) = what d (N x R x T x W) says of the input + beta to. Called once an input. */
    gn_status (*pull)(const gn_tape *tape, size_t i, size_t r, const void *d, double beta, void *to);
    /* its part of gradient (P), overwritten */
    gn_status (*gradient)(const gn_tape *tape, size_t i, const void *d, void *gradient);
    /* Second derivatives along v, where the value has any (it has one input then): d_dot is the tangent of d;
     * to = the tangent of what pull says of the input + beta to, and gradient (P) the tangent of what it says
     * of the parameters, overwritten. Called before pull. to may be d_dot where in_place is set, and is NULL
     * where the input needs none. tangent[i] may be written to. NULL: unknown. */
    gn_status (*second)(const gn_tape *tape, size_t i, const void *v, const void *d, const void *d_dot,
                        double beta, void *to, void *gradient);
    /* its columns of j ((N C) x P): samples first..first+n */
    gn_status (*jacobian)(const gn_tape *tape, size_t i, size_t first, size_t n, void *j, size_t ldj);
    gn_status (*gram)(const gn_gram_tile *tile, size_t i);
    /* what gram needs for a tile of n x n samples */
    gn_gram_scratch (*scratch)(const gn_network *network, size_t i, size_t n);
    /* its part of the diagonal of J'J (P); scratch: for gn_tape_pairs() of its rows and of its input */
    gn_status (*diagonal)(const gn_tape *tape, size_t i, void *pairs, void *input_pairs, void *diagonal);
    /* Kronecker factors of its block of J'J: about b (x) a, the lower triangles of a (in' x in', in' with the
     * bias last) and b (width x width) times scale. NULL: its diagonal has to do. Rows are ready. */
    gn_status (*factors)(const gn_tape *tape, size_t i, double scale, void *a, void *b);
    /* elements of saved[i], where forward leaves what the derivatives need of so many samples; NULL: none */
    size_t (*saved)(const gn_node *node, size_t samples);
    /* fills saved[i] once with what no batch or point changes; or NULL */
    gn_status (*prepare)(gn_tape *tape, size_t i);
};

extern const gn_operation gn_operation_linear;
extern const gn_operation gn_operation_activation;
extern const gn_operation gn_operation_scale;
extern const gn_operation gn_operation_centring;
extern const gn_operation gn_operation_add;
extern const gn_operation gn_operation_embedding;
extern const gn_operation gn_operation_position;
extern const gn_operation gn_operation_sinusoidal;
extern const gn_operation gn_operation_layer_norm;
extern const gn_operation gn_operation_attention;
extern const gn_operation gn_operation_last;
extern const gn_operation gn_operation_committee;
extern const gn_operation gn_operation_jet_inputs;
extern const gn_operation gn_operation_jet_bias;
extern const gn_operation gn_operation_jet_activation;
extern const gn_operation gn_operation_jet_residual;

#endif
