/* J'J of linear layers of one position from their inputs and cotangents. A layer's rows of J are d (x) [a,
 * 1], so its block of J'J with another layer is, for the outputs o and o' of the two, sum over samples of
 * (sum over the network's outputs of d[o] d'[o']) [a, 1]' [a', 1]: N P^2 operations where J's rows take N C
 * P^2. */
#include "network/tape.h"

/* Making and reading a product of the cotangents with an input costs about this many GEMM flops. */
#define PRODUCT_FLOPS 16

typedef struct factors {
    const gn_tape *tape;
    size_t first, n;              /* samples */
    double beta;                  /* 0 for the first samples, then 1 */
    void *product, *s, *u, *ones; /* scratch: n x columns, n x width, n x C, n */
    void *k;                      /* P x P */
} factors;

static const gn_node *node_of(const gn_tape *tape, size_t i) {
    return &tape->network->nodes[i];
}

static bool has_bias(const gn_node *node) {
    return node->bias != GN_NO_PARAMETER;
}

/* Parameters of a linear layer: the weights, then the bias. */
static size_t columns_of(const gn_node *node) {
    return node->width * (node->inputs + has_bias(node));
}

bool gn_tape_normal_pays(const gn_tape *tape) {
    const gn_network *network = tape->network;
    double outputs = 0;
    for (size_t i = 1; i < network->node_count; i++) {
        const gn_node *node = &network->nodes[i];
        if (!node->operation->jacobian)
            continue;
        if (node->operation != &gn_operation_linear || node->positions != 1)
            return false;
        outputs += (double)node->width;
    }
    const double p = (double)network->size;
    return p + PRODUCT_FLOPS * outputs < (double)tape->outputs * p;
}

/* Outputs and parameters of the largest layers. */
static void find_largest(const gn_tape *tape, size_t *width, size_t *columns) {
    *width = *columns = 0;
    for (size_t i = 1; i < tape->network->node_count; i++) {
        const gn_node *node = node_of(tape, i);
        if (node->operation != &gn_operation_linear)
            continue;
        *width = node->width > *width ? node->width : *width;
        *columns = columns_of(node) > *columns ? columns_of(node) : *columns;
    }
}

size_t gn_tape_normal_scratch(const gn_tape *tape) {
    size_t width, columns;
    find_largest(tape, &width, &columns);
    return columns + width + tape->outputs + 1;
}

/* k[row.., column..] (rows x columns) = x' product + beta k, x being n x rows */
static gn_status multiply(const factors *f, size_t rows, const void *x, size_t columns, size_t ld, size_t row,
                          size_t column) {
    const size_t p = f->tape->network->size;
    return GN_OP(f->tape->context, gemm, f->tape->dtype, true, false, rows, columns, f->n, 1.0, x, rows,
                 f->product, ld, f->beta, gn_tape_at(f->tape, f->k, row * p + column), p);
}

/* The rows of output o of layer i, whose cotangents are in u, against layer j. */
static gn_status fill_block(const factors *f, size_t i, size_t o, size_t j) {
    const gn_tape *tape = f->tape;
    const gn_node *node = node_of(tape, i), *other = node_of(tape, j);
    const size_t columns = columns_of(other), weights = i == j ? (o + 1) * node->inputs : columns;
    GN_TRY(GN_OP(tape->context, contract_rows, tape->dtype, f->n, tape->outputs, other->width, f->u,
                 gn_tape_rows_at(tape, j, f->first), f->s));
    GN_TRY(GN_OP(tape->context, jacobian_linear, tape->dtype, f->n, 1, 1, other->width, other->inputs, f->s,
                 other->width, gn_tape_value_at(tape, other->input, f->first), has_bias(other), f->product,
                 columns));
    GN_TRY(multiply(f, node->inputs, gn_tape_value_at(tape, node->input, f->first), weights, columns,
                    node->weight + o * node->inputs, other->weight));
    if (!has_bias(node))
        return GN_OK;
    return multiply(f, 1, f->ones, i == j ? node->width * node->inputs + o + 1 : columns, columns,
                    node->bias + o, other->weight);
}

static gn_status fill_samples(const factors *f) {
    const gn_tape *tape = f->tape;
    GN_TRY(GN_OP(tape->context, unit_rows, tape->dtype, f->n, 1, f->ones));
    for (size_t i = 1; i < tape->network->node_count; i++) {
        const gn_node *node = node_of(tape, i);
        for (size_t o = 0; node->operation == &gn_operation_linear && o < node->width; o++) {
            GN_TRY(GN_OP(tape->context, copy_rows, tape->dtype, f->n * tape->outputs, 1,
                         gn_tape_at(tape, gn_tape_rows_at(tape, i, f->first), o), node->width, f->u, 1));
            for (size_t j = 1; j <= i; j++)
                if (node_of(tape, j)->operation == &gn_operation_linear)
                    GN_TRY(fill_block(f, i, o, j));
        }
    }
    return GN_OK;
}

gn_status gn_tape_normal(gn_tape *tape, void *scratch, size_t elements, void *k) {
    size_t width, columns, step = elements / gn_tape_normal_scratch(tape);
    find_largest(tape, &width, &columns);
    GN_TRY(gn_tape_rows(tape));
    for (size_t first = 0; first < tape->samples; first += step) {
        const size_t rest = tape->samples - first, n = rest < step ? rest : step;
        factors f = {.tape = tape, .first = first, .n = n, .beta = first ? 1 : 0, .product = scratch, .k = k};
        f.s = gn_tape_at(tape, f.product, n * columns);
        f.u = gn_tape_at(tape, f.s, n * width);
        f.ones = gn_tape_at(tape, f.u, n * tape->outputs);
        GN_TRY(fill_samples(&f));
    }
    return GN_OK;
}
