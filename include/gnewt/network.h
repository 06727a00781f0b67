/* Networks: a static graph of operations. A network holds shapes, no weights: parameters theta are a flat
 * array (P) in declaration order, row-major, with PyTorch's names and shapes. */
#ifndef GNEWT_NETWORK_H
#define GNEWT_NETWORK_H

#include <stdbool.h>
#include <stdint.h>

#include "gnewt/array.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct gn_network gn_network;

/* Uniform kinds draw from U(-b, b): Kaiming b = sqrt(6 / fan_in), Glorot b = sqrt(6 / (fan_in + fan_out)),
 * torch b = 1 / sqrt(fan_in) (PyTorch's default, biases too). Normal kinds have the same variances: 2 /
 * fan_in and 2 / (fan_in + fan_out); GN_INIT_STANDARD_NORMAL is N(0, 1). Biases start at 0 except for torch.
 *
 * A transformer takes GN_INIT_MODEL: embeddings and positions N(0, 1), attention.in Glorot uniform as one 3D
 * x D matrix, the other matrices torch uniform, layer norms 1 and 0; or GN_INIT_TORCH_UNIFORM: the same with
 * attention.in torch uniform too. Other networks have no MODEL. */
typedef enum gn_init {
    GN_INIT_KAIMING_UNIFORM,
    GN_INIT_KAIMING_NORMAL,
    GN_INIT_GLOROT_UNIFORM,
    GN_INIT_GLOROT_NORMAL,
    GN_INIT_TORCH_UNIFORM,
    GN_INIT_STANDARD_NORMAL,
    GN_INIT_MODEL
} gn_init;

/* f(x) = output_scale * net(x), less the same at theta_0 where centred. */
typedef struct gn_mlp_options {
    const size_t *widths;   /* depth + 1 sizes: inputs, hidden ..., outputs */
    size_t depth;           /* linear maps */
    const char *activation; /* between linear maps: tanh relu gelu sin sigmoid softplus quadratic identity */
    bool bias;
    double output_scale;
    bool centred;
} gn_mlp_options;

/* tanh, bias, output_scale 1, not centred; widths and depth are the caller's to set. */
gn_mlp_options gn_mlp_options_default(void);

/* Errors: ARGUMENT (a width of 0, depth 0, no such activation: the message lists them), MEMORY. */
gn_status gn_network_create_mlp(gn_context *context, const gn_mlp_options *options, gn_network **network);

/* f(x) = alpha^2 / (D H) W1 (W0 x)^2, D = inputs, H = hidden, the square taken elementwise, no biases: the
 * network of modular addition in Gromov, arXiv 2301.02679, with the output scale of Kumar et al., arXiv
 * 2310.06110. Parameters: layers.0.weight (H x D), layers.1.weight (C x H). */
typedef struct gn_quadratic_options {
    size_t inputs, hidden, outputs;
    double alpha;
} gn_quadratic_options;
/* Errors: ARGUMENT (a size or alpha of 0), MEMORY. */
gn_status gn_network_create_quadratic(gn_context *context, const gn_quadratic_options *options,
                                      gn_network **network);

/* f(x) = alpha / H sum_i phi(w_i'x), phi(h) = h + epsilon h^2 / 2, less the same at theta_0 where centred: a
 * committee machine, whose readouts are fixed at 1 (Kumar et al., arXiv 2310.06110, eq. 3). One output.
 * Parameters: layers.0.weight (H x D). */
typedef struct gn_committee_options {
    size_t inputs, hidden;
    double alpha, epsilon;
    bool centred;
} gn_committee_options;
/* Errors: ARGUMENT (a size or alpha of 0), MEMORY. */
gn_status gn_network_create_committee(gn_context *context, const gn_committee_options *options,
                                      gn_network **network);

/* A decoder of tokens: embedding and positions, then `layers` blocks of causal attention with several heads
 * and a feed-forward net (relu), both residual, then a linear head to the vocabulary; no biases but the layer
 * norms', whose epsilon is 1e-5. norm post: x = LN(x + attention(x)), x = LN(x + ffn(x)); pre: x = x +
 * attention(LN(x)), x = x + ffn(LN(x)). Vaswani et al., arXiv 1706.03762.
 *
 * Inputs are tokens, N x context, each a number 0 ... vocabulary - 1 (see gn_network_check_inputs). Outputs
 * are the logits of the last `read` positions, C = read * vocabulary.
 *
 * Parameters, with D = width: embed.weight (vocabulary x D), position.weight (context x D, unless
 * sinusoidal), then of each block l blocks.<l>.attention.in.weight (3D x D: query, key, value, heads one
 * after the other within each), .attention.out.weight (D x D), .norm1.weight, .norm1.bias, .ffn.0.weight
 * (ffn_width x D), .ffn.1.weight (D x ffn_width), .norm2.weight, .norm2.bias, and last head.weight
 * (vocabulary x D). */
typedef enum gn_norm { GN_NORM_POST, GN_NORM_PRE } gn_norm;
typedef struct gn_transformer_options {
    size_t layers, width, heads, ffn_width, vocabulary, context;
    gn_norm norm;
    bool sinusoidal; /* positions: sines and cosines in place of parameters */
    size_t read;     /* positions, the last ones, whose logits are outputs */
} gn_transformer_options;
/* 2 layers, width 128, 4 heads, ffn_width 512, norm post, learned positions, 1 position read; vocabulary and
 * context are the caller's to set. */
gn_transformer_options gn_transformer_options_default(void);
/* Errors: ARGUMENT (a size of 0, a width that the heads do not divide, read), UNSUPPORTED (a context above
 * 1024), MEMORY. */
gn_status gn_network_create_transformer(gn_context *context, const gn_transformer_options *options,
                                        gn_network **network);
/* GN_OK where every element of inputs (N x inputs) is what the network takes: tokens of its vocabulary;
 * networks of numbers take any. Reads them back from the device. Errors: ARGUMENT (the first that is no
 * token), SHAPE, MEMORY. A token that is none makes outputs NaN. */
gn_status gn_network_check_inputs(const gn_network *network, const gn_array *inputs);

void gn_network_destroy(gn_network *network);

size_t gn_network_inputs(const gn_network *network);     /* features of one sample */
size_t gn_network_outputs(const gn_network *network);    /* C */
size_t gn_network_parameters(const gn_network *network); /* P */

typedef struct gn_parameter {
    char name[64];   /* "layers.0.weight" */
    int rank;        /* 1 or 2 */
    size_t shape[2]; /* out x in; or out */
    size_t offset;   /* of the first element in theta */
    size_t count;
} gn_parameter;

size_t gn_network_parameter_count(const gn_network *network);
/* The i-th named parameter, i < gn_network_parameter_count(). */
gn_parameter gn_network_parameter(const gn_network *network, size_t i);

/* theta (P) = scale * a draw from `init` with the seed's GN_STREAM_INIT (a layer norm's 1 and 0 are not
 * drawn, nor scaled); the same bits on every device. Errors: ARGUMENT (an init that the network does not
 * take), SHAPE, MEMORY. */
gn_status gn_network_initialize(const gn_network *network, gn_init init, double scale, uint64_t seed,
                                gn_array *theta);

#ifdef __cplusplus
}
#endif
#endif
