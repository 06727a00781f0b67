/* Expressions as text: what the residual of a PDE, its solution and its boundary values are written in.
 *
 * Numbers, pi, coordinates, parameters, the unknown and its derivatives; + - * / ^ with the usual precedence,
 * parentheses, sin cos exp tanh log sqrt. With coordinates x and t the unknown's channels are u, u_x, u_t,
 * u_xx and u_tt. */
#ifndef GN_PROBLEM_EXPRESSION_H
#define GN_PROBLEM_EXPRESSION_H

#include "backend/context.h"

/* What names an expression may use. */
typedef struct gn_expression_names {
    size_t axes; /* d <= GN_EXPRESSION_AXES */
    const char *const *axis;
    size_t parameters;
    const char *const *parameter;
    const double *value;
    bool unknown; /* u and its derivatives too */
} gn_expression_names;

/* Text -> program; parts made of numbers alone become one. ARGUMENT: the message says what is wrong at which
 * column of `what` (as "the residual"). */
gn_status gn_expression_parse(gn_context *context, const char *what, const char *text,
                              const gn_expression_names *names, gn_expression *expression);

/* Its value on the host, in float64: x (d), u (T; NULL where it has no channel). */
double gn_expression_evaluate(const gn_expression *expression, const double *x, const double *u);
/* Its derivative by coordinate `axis`, exact; of one without channels. May be not finite where there is none.
 */
double gn_expression_derivative(const gn_expression *expression, const double *x, int axis);

#endif
