/* Derivatives of expressions by a coordinate: values that carry their derivative. */
#include <math.h>

#include "problem/expression.h"

typedef struct dual {
    double value, by; /* by: its derivative */
} dual;

static dual function(int code, dual a) {
    switch (code) {
    case GN_EXPRESSION_NEGATE:
        return (dual){-a.value, -a.by};
    case GN_EXPRESSION_SIN:
        return (dual){sin(a.value), cos(a.value) * a.by};
    case GN_EXPRESSION_COS:
        return (dual){cos(a.value), -sin(a.value) * a.by};
    case GN_EXPRESSION_EXP:
        return (dual){exp(a.value), exp(a.value) * a.by};
    case GN_EXPRESSION_TANH:
        return (dual){tanh(a.value), (1 - tanh(a.value) * tanh(a.value)) * a.by};
    case GN_EXPRESSION_LOG:
        return (dual){log(a.value), a.by / a.value};
    default:
        return (dual){sqrt(a.value), a.by == 0 ? 0 : 0.5 * a.by / sqrt(a.value)};
    }
}

/* What does not change leaves no term: log(a) may not be there. */
static dual power(dual a, dual b) {
    const double value = pow(a.value, b.value);
    const double base = a.by == 0 ? 0 : b.value * pow(a.value, b.value - 1) * a.by;
    return (dual){value, base + (b.by == 0 ? 0 : value * log(a.value) * b.by)};
}

static dual operation(int code, dual a, dual b) {
    switch (code) {
    case GN_EXPRESSION_ADD:
        return (dual){a.value + b.value, a.by + b.by};
    case GN_EXPRESSION_SUBTRACT:
        return (dual){a.value - b.value, a.by - b.by};
    case GN_EXPRESSION_MULTIPLY:
        return (dual){a.value * b.value, a.by * b.value + a.value * b.by};
    case GN_EXPRESSION_DIVIDE:
        return (dual){a.value / b.value, (a.by - a.value / b.value * b.by) / b.value};
    default:
        return power(a, b);
    }
}

double gn_expression_derivative(const gn_expression *e, const double *x, int axis) {
    dual stack[GN_EXPRESSION_DEPTH] = {{0}};
    int depth = 0;
    for (int k = 0; k < e->length; k++) {
        const int code = e->code[k];
        if (code == GN_EXPRESSION_CONSTANT)
            stack[depth++] = (dual){e->value[k], 0};
        else if (code == GN_EXPRESSION_COORDINATE)
            stack[depth++] = (dual){x[e->operand[k]], e->operand[k] == axis};
        else if (code < GN_EXPRESSION_ADD)
            stack[depth - 1] = function(code, stack[depth - 1]);
        else {
            depth--;
            stack[depth - 1] = operation(code, stack[depth - 1], stack[depth]);
        }
    }
    return stack[0].by;
}
