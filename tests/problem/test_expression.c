/* Expressions: values against C's own, and what is said of mistakes. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "problem/expression.h"
#include "problem_test.h"

static const char *const axes[] = {"x", "t"};
static const char *const parameter[] = {"nu", "k2"};
static const double parameter_values[] = {0.25, -3};
static const gn_expression_names names = {.axes = 2,
                                          .axis = axes,
                                          .parameters = 2,
                                          .parameter = parameter,
                                          .value = parameter_values,
                                          .unknown = true};

static const double x = 0.7, t = 1.3, u = 0.6, u_x = -0.4, u_t = 1.1, u_xx = 2.5, u_tt = -0.9;

static void expect_value(gn_context *context, const char *text, double expected) {
    gn_expression e;
    OK(context, gn_expression_parse(context, "the residual", text, &names, &e));
    const double found = gn_expression_evaluate(&e, (double[]){x, t}, (double[]){u, u_x, u_t, u_xx, u_tt});
    cr_expect(fabs(found - expected) <= 1e-14 * (1 + fabs(expected)), "%s is %.17g, not %.17g", text, found,
              expected);
}

Test(expression, has_the_usual_precedence) {
    gn_context *context = device_open("check");
    expect_value(context, "1", 1);
    expect_value(context, " ( 1.5e1 ) ", 15);
    expect_value(context, ".5", 0.5);
    expect_value(context, "x - t - u", x - t - u);
    expect_value(context, "x / t / u", x / t / u);
    expect_value(context, "x - t * u", x - t * u);
    expect_value(context, "(x - t) * u", (x - t) * u);
    expect_value(context, "-x^2", -(x * x));
    expect_value(context, "x^-2", 1 / (x * x));
    expect_value(context, "x^2^3", pow(x, 8));
    expect_value(context, "2^-1^2", 0.5);
    expect_value(context, "--x", x);
    expect_value(context, "-x*-t", x * t);
    expect_value(context, "+x", x);
    expect_value(context, "x*-t^2", -x * t * t);
    gn_context_destroy(context);
}

Test(expression, knows_functions_names_and_channels) {
    gn_context *context = device_open("check");
    expect_value(context, "u_t + u*u_x - nu*u_xx", u_t + u * u_x - 0.25 * u_xx);
    expect_value(context, "u_tt - k2*u_xx", u_tt + 3 * u_xx);
    expect_value(context, "sin(pi*x)*cos(2*t)", sin(3.14159265358979323846 * x) * cos(2 * t));
    expect_value(context, "exp ( -x ) + tanh(t)", exp(-x) + tanh(t));
    expect_value(context, "log(x)*sqrt(t)", log(x) * sqrt(t));
    expect_value(context, "sqrt(sin(x)^2 + cos(x)^2)", 1);
    expect_value(context, "u^x", pow(u, x));
    gn_context_destroy(context);
}

Test(expression, makes_one_number_of_numbers) {
    gn_context *context = device_open("check");
    gn_expression e;
    OK(context, gn_expression_parse(context, "it", "(2^2 + 3*pi)*sin(nu)/-4", &names, &e));
    cr_expect_eq(e.length, 1);
    cr_expect_eq(e.code[0], GN_EXPRESSION_CONSTANT);
    cr_expect_float_eq(e.value[0], (4 + 3 * 3.14159265358979323846) * sin(0.25) / -4, 1e-15);
    OK(context, gn_expression_parse(context, "it", "x*(2 + 3)", &names, &e));
    cr_expect_eq(e.length, 3);
    cr_expect_eq(e.operand[2], 1, "no channel below");
    OK(context, gn_expression_parse(context, "it", "u*(2 + 3)", &names, &e));
    cr_expect_eq(e.operand[2], 0);
    gn_context_destroy(context);
}

static void expect_mistake(gn_context *context, const char *text, const char *part) {
    gn_expression e;
    FAILS(context, GN_ERROR_ARGUMENT, part, gn_expression_parse(context, "the residual", text, &names, &e));
}

Test(expression, says_what_is_wrong_and_where) {
    gn_context *context = device_open("check");
    expect_mistake(context, "", "the residual is empty");
    expect_mistake(context, "  ", "the residual is empty");
    expect_mistake(context, "x +", "column 4: it ends where");
    expect_mistake(context, "x + * t", "column 5: `*` stands where a number, a name or `(` must come");
    expect_mistake(context, "(x + t", "column 7: `)` is missing; `(` is at column 1");
    expect_mistake(context, "x)", "column 2: `)` stands where an operator or the end must come");
    expect_mistake(context, "2x", "column 2: `x` stands where an operator");
    expect_mistake(context, "u_y", "`u_y` is not known; known are pi, x, t, nu, k2, u, u_x, u_xx, u_t, u_tt");
    expect_mistake(context, "u + u_xt", "column 5: `u_xt` is a mixed derivative");
    expect_mistake(context, "sin x", "column 5: `sin` needs its argument in parentheses");
    expect_mistake(context, "cosh(x)", "`cosh` is not known");
    expect_mistake(context, "x^u", "column 2: the exponent of ^ holds the unknown; write exp(b * log(a))");
    expect_mistake(context, "x/(1 - 1)*0 + 1/0", "this is inf");
    expect_mistake(context, "0x10", "no number");
    expect_mistake(context, "1e999", "too large");
    expect_mistake(context, ".", "no number");
    expect_mistake(context, "x # t", "column 3: `#` stands where");
    expect_mistake(context, "x \xc3\xa4", "column 3: `?` stands where");
    gn_context_destroy(context);
}

/* n times `piece`, then `end`; for the caller to free. */
static char *repeated(const char *piece, size_t n, const char *end) {
    char *text = calloc(1, n * strlen(piece) + strlen(end) + 1);
    for (size_t i = 0; i < n; i++)
        strcat(text, piece);
    return strcat(text, end);
}

Test(expression, refuses_what_is_too_large) {
    gn_context *context = device_open("check");
    char *fits = repeated("u + ", 31, "u"), *long_one = repeated("u + ", 40, "u");
    char *deep = repeated("u - (", 12, "u"), *nested = repeated("(", 1000, "u"),
         *signs = repeated("-", 1000, "u");
    char *powers = repeated("u^", 1000, "2"), *name = repeated("a", 100, "");
    gn_expression e;
    OK(context, gn_expression_parse(context, "it", fits, &names, &e));
    cr_expect_eq(e.length, 63);
    expect_mistake(context, long_one, "too long");
    expect_mistake(context, deep, "nested too deeply");
    expect_mistake(context, nested, "nested too deeply");
    expect_mistake(context, signs, "too many signs");
    expect_mistake(context, powers, "nested too deeply");
    expect_mistake(context, name, "this name is too long");
    free(fits), free(long_one), free(deep), free(nested), free(signs), free(powers), free(name);
    gn_context_destroy(context);
}

Test(expression, without_an_unknown_has_none) {
    gn_context *context = device_open("check");
    const gn_expression_names plain = {.axes = 2, .axis = axes};
    gn_expression e;
    FAILS(context, GN_ERROR_ARGUMENT, "`u` is not known; known are pi, x, t and the functions",
          gn_expression_parse(context, "the solution", "x*u", &plain, &e));
    OK(context, gn_expression_parse(context, "the solution", "x*t", &plain, &e));
    cr_expect_float_eq(gn_expression_evaluate(&e, (double[]){x, t}, NULL), x * t, 1e-15);
    gn_context_destroy(context);
}

/* Against central differences of the values. */
Test(expression, has_derivatives) {
    static const char *const texts[] = {"x",
                                        "3",
                                        "-x + y * x - y / x",
                                        "sin(x * y) * cos(2 * x)",
                                        "exp(-x^2) / (1 + y^2)",
                                        "tanh(x / y)^3",
                                        "log(x) * sqrt(y)",
                                        "x^y",
                                        "2^x",
                                        "y^2 * x^0.5"};
    static const char *const plane[] = {"x", "y"};
    const gn_expression_names known = {.axes = 2, .axis = plane};
    gn_context *context = device_open("cpu");
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        gn_expression e;
        OK(context, gn_expression_parse(context, "it", texts[i], &known, &e));
        for (int axis = 0; axis < 2; axis++) {
            const double at[] = {0.7, 1.3}, h = 1e-5;
            double low[] = {at[0], at[1]}, high[] = {at[0], at[1]};
            low[axis] -= h;
            high[axis] += h;
            const double slope =
                (gn_expression_evaluate(&e, high, NULL) - gn_expression_evaluate(&e, low, NULL)) / (2 * h);
            cr_expect_float_eq(gn_expression_derivative(&e, at, axis), slope, 1e-9, "%s by %s", texts[i],
                               plane[axis]);
        }
    }
    gn_expression e;
    OK(context, gn_expression_parse(context, "it", "x^2 + y", &known, &e));
    cr_expect_eq(gn_expression_derivative(&e, (double[]){-3, 0}, 0), -6); /* log(-3) has no part in it */
    OK(context, gn_expression_parse(context, "it", "sqrt(y)", &known, &e));
    cr_expect_eq(gn_expression_derivative(&e, (double[]){1, 0}, 0), 0);
    cr_expect(isinf(gn_expression_derivative(&e, (double[]){1, 0}, 1)));
    gn_context_destroy(context);
}
