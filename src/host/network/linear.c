/* linear: z = x W' + b, x is N x in, W out x in (PyTorch's layout). */
#include "network/tape.h"

static gn_status forward(gn_tape *tape, size_t i) {
    const gn_node *node = &tape->network->nodes[i];
    void *z = tape->value[i].data;
    bool bias = node->bias != GN_NO_PARAMETER;
    if (bias)
        GN_TRY(GN_OP(tape->context, bias_rows, tape->dtype, tape->samples, node->width,
                     gn_tape_at(tape, tape->theta, node->bias), z));
    return GN_OP(tape->context, gemm, tape->dtype, false, true, tape->samples, node->width, node->inputs, 1.0,
                 gn_tape_value(tape, node->input), node->inputs, gn_tape_at(tape, tape->theta, node->weight),
                 node->inputs, bias ? 1.0 : 0.0, z, node->width);
}

/* dz = x dW' + db + dx W' */
static gn_status jvp(gn_tape *tape, size_t i, const void *v) {
    const gn_node *node = &tape->network->nodes[i];
    void *dz = tape->tangent[i].data;
    bool bias = node->bias != GN_NO_PARAMETER;
    if (bias)
        GN_TRY(GN_OP(tape->context, bias_rows, tape->dtype, tape->samples, node->width,
                     gn_tape_at(tape, v, node->bias), dz));
    GN_TRY(GN_OP(tape->context, gemm, tape->dtype, false, true, tape->samples, node->width, node->inputs, 1.0,
                 gn_tape_value(tape, node->input), node->inputs, gn_tape_at(tape, v, node->weight),
                 node->inputs, bias ? 1.0 : 0.0, dz, node->width));
    if (node->input == 0)
        return GN_OK; /* the data do not move */
    return GN_OP(tape->context, gemm, tape->dtype, false, true, tape->samples, node->width, node->inputs, 1.0,
                 tape->tangent[node->input].data, node->inputs, gn_tape_at(tape, tape->theta, node->weight),
                 node->inputs, 1.0, dz, node->width);
}

static gn_status pull(const gn_tape *tape, size_t i, size_t r, const void *d, void *to) {
    const gn_node *node = &tape->network->nodes[i];
    return GN_OP(tape->context, gemm, tape->dtype, false, false, tape->samples * r, node->inputs, node->width,
                 1.0, d, node->width, gn_tape_at(tape, tape->theta, node->weight), node->inputs, 0.0, to,
                 node->inputs);
}

/* dL/dW = d'x, dL/db = sum of d's rows */
static gn_status gradient(const gn_tape *tape, size_t i, const void *d, void *out) {
    const gn_node *node = &tape->network->nodes[i];
    if (node->bias != GN_NO_PARAMETER)
        GN_TRY(GN_OP(tape->context, column_sums, tape->dtype, tape->samples, node->width, d,
                     gn_tape_at(tape, out, node->bias)));
    return GN_OP(tape->context, gemm, tape->dtype, true, false, node->width, node->inputs, tape->samples, 1.0,
                 d, node->width, gn_tape_value(tape, node->input), node->inputs, 0.0,
                 gn_tape_at(tape, out, node->weight), node->inputs);
}

static gn_status jacobian(const gn_tape *tape, size_t i, size_t first, size_t n, void *j, size_t ldj) {
    const gn_node *node = &tape->network->nodes[i];
    const void *d = gn_tape_at(tape, tape->rows[i].data, first * tape->outputs * node->width);
    const void *x = gn_tape_at(tape, gn_tape_value(tape, node->input), first * node->inputs);
    return GN_OP(tape->context, jacobian_linear, tape->dtype, n, tape->outputs, node->width, node->inputs, d,
                 x, node->bias != GN_NO_PARAMETER, gn_tape_at(tape, j, node->weight), ldj);
}

/* c = x y' (rows_x x rows_y), both `width` wide; of a symmetric tile the lower triangle is enough. */
static gn_status inner_products(const gn_tape *tape, bool lower, size_t rows_x, const void *x, size_t rows_y,
                                const void *y, size_t width, void *c) {
    if (lower)
        return GN_OP(tape->context, syrk, tape->dtype, false, rows_x, width, 1.0, x, width, 0.0, c, rows_y);
    return GN_OP(tape->context, gemm, tape->dtype, false, true, rows_x, rows_y, width, 1.0, x, width, y,
                 width, 0.0, c, rows_y);
}

/* K += (D D') .* (X X' + 1): the layer's own rows of J are d (x) [x, 1], so their inner products factor. */
static gn_status gram(const gn_gram_tile *tile, size_t i) {
    const gn_tape *a = tile->a, *b = tile->b;
    const gn_node *node = &a->network->nodes[i];
    size_t c = a->outputs;
    const void *da = gn_tape_at(a, a->rows[i].data, tile->i * c * node->width);
    const void *db = gn_tape_at(b, b->rows[i].data, tile->j * c * node->width);
    const void *xa = gn_tape_at(a, gn_tape_value(a, node->input), tile->i * node->inputs);
    const void *xb = gn_tape_at(b, gn_tape_value(b, node->input), tile->j * node->inputs);
    GN_TRY(inner_products(a, tile->lower, tile->ni * c, da, tile->nj * c, db, node->width, tile->s));
    GN_TRY(inner_products(a, tile->lower, tile->ni, xa, tile->nj, xb, node->inputs, tile->g));
    return GN_OP(a->context, gram_hadamard, a->dtype, tile->ni, tile->nj, c, tile->s, tile->nj * c, tile->g,
                 tile->nj, node->bias != GN_NO_PARAMETER ? 1.0 : 0.0, tile->beta, tile->lower, tile->k,
                 tile->ldk);
}

/* diag: sum_n (sum_c d[n,c,o]^2) x[n,i]^2 */
static gn_status diagonal(const gn_tape *tape, size_t i, void *squares, void *sums, void *inputs, void *out) {
    const gn_node *node = &tape->network->nodes[i];
    size_t n = tape->samples, c = tape->outputs;
    const void *rows = tape->rows[i].data, *x = gn_tape_value(tape, node->input);
    GN_TRY(GN_OP(tape->context, multiply, tape->dtype, n * c * node->width, rows, rows, squares));
    GN_TRY(
        GN_OP(tape->context, contract_rows, tape->dtype, n, c, node->width, tape->seed.data, squares, sums));
    GN_TRY(GN_OP(tape->context, multiply, tape->dtype, n * node->inputs, x, x, inputs));
    if (node->bias != GN_NO_PARAMETER)
        GN_TRY(GN_OP(tape->context, column_sums, tape->dtype, n, node->width, sums,
                     gn_tape_at(tape, out, node->bias)));
    return GN_OP(tape->context, gemm, tape->dtype, true, false, node->width, node->inputs, n, 1.0, sums,
                 node->width, inputs, node->inputs, 0.0, gn_tape_at(tape, out, node->weight), node->inputs);
}

const gn_operation gn_operation_linear = {
    .name = "linear",
    .forward = forward,
    .jvp = jvp,
    .pull = pull,
    .gradient = gradient,
    .jacobian = jacobian,
    .gram = gram,
    .diagonal = diagonal,
};
