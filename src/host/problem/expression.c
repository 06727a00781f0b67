/* Recursive descent that writes postfix as it goes. */
#include "problem/expression.h"

#include <ctype.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const double pi = 3.14159265358979323846;

enum { MOST_NESTING = 100, MOST_NAME = 48 };

static const struct function {
    const char *name;
    gn_expression_code code;
} functions[] = {{"sin", GN_EXPRESSION_SIN},   {"cos", GN_EXPRESSION_COS}, {"exp", GN_EXPRESSION_EXP},
                 {"tanh", GN_EXPRESSION_TANH}, {"log", GN_EXPRESSION_LOG}, {"sqrt", GN_EXPRESSION_SQRT}};
enum { FUNCTIONS = sizeof(functions) / sizeof(functions[0]) };

typedef struct parser {
    gn_context *context;
    const char *what, *text, *at;
    const gn_expression_names *names;
    gn_expression *out;
    bool plain[GN_EXPRESSION_DEPTH]; /* of each value on the stack: it holds no channel */
    int depth, nesting;
} parser;

/* ---- evaluation ---- */

static double apply(int code, double a, double b) {
    switch (code) {
    case GN_EXPRESSION_NEGATE:
        return -a;
    case GN_EXPRESSION_SIN:
        return sin(a);
    case GN_EXPRESSION_COS:
        return cos(a);
    case GN_EXPRESSION_EXP:
        return exp(a);
    case GN_EXPRESSION_TANH:
        return tanh(a);
    case GN_EXPRESSION_LOG:
        return log(a);
    case GN_EXPRESSION_SQRT:
        return sqrt(a);
    case GN_EXPRESSION_ADD:
        return a + b;
    case GN_EXPRESSION_SUBTRACT:
        return a - b;
    case GN_EXPRESSION_MULTIPLY:
        return a * b;
    case GN_EXPRESSION_DIVIDE:
        return a / b;
    default:
        return pow(a, b);
    }
}

static bool is_binary(int code) {
    return code >= GN_EXPRESSION_ADD;
}

double gn_expression_evaluate(const gn_expression *e, const double *x, const double *u) {
    double stack[GN_EXPRESSION_DEPTH] = {0};
    int depth = 0;
    for (int k = 0; k < e->length; k++) {
        const int code = e->code[k];
        if (code <= GN_EXPRESSION_CHANNEL) {
            stack[depth++] = code == GN_EXPRESSION_CONSTANT     ? e->value[k]
                             : code == GN_EXPRESSION_COORDINATE ? x[e->operand[k]]
                                                                : u[e->operand[k]];
            continue;
        }
        depth -= is_binary(code);
        stack[depth - 1] = apply(code, stack[depth - 1], is_binary(code) ? stack[depth] : 0);
    }
    return stack[0];
}

/* ---- errors ---- */

/* "the residual, column 7: ..." */
__attribute__((format(printf, 3, 4))) static gn_status fail_at(const parser *p, const char *where,
                                                               const char *format, ...) {
    char reason[320];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(reason, sizeof(reason), format, arguments);
    va_end(arguments);
    return gn_fail(p->context, GN_ERROR_ARGUMENT, "%s `%.200s`, column %zu: %s", p->what, p->text,
                   (size_t)(where - p->text) + 1, reason);
}

static char shown(char c) {
    return isprint((unsigned char)c) ? c : '?';
}

/* ---- writing ---- */

static gn_status emit(parser *p, const char *where, int code, int operand, double value) {
    gn_expression *e = p->out;
    if (e->length == GN_EXPRESSION_LENGTH)
        return fail_at(p, where, "it is too long: at most %d numbers, names and operators work",
                       GN_EXPRESSION_LENGTH);
    e->code[e->length] = (uint8_t)code;
    e->operand[e->length] = (uint8_t)operand;
    e->value[e->length] = value;
    e->length++;
    return GN_OK;
}

static gn_status push(parser *p, const char *where, int code, int operand, double value) {
    if (p->depth == GN_EXPRESSION_DEPTH)
        return fail_at(p, where, "it is nested too deeply: at most %d values may wait for an operator",
                       GN_EXPRESSION_DEPTH);
    p->plain[p->depth++] = code != GN_EXPRESSION_CHANNEL;
    return emit(p, where, code, operand, value);
}

/* A function or an operator over what the stack holds; of numbers alone it is done at once. */
static gn_status operate(parser *p, const char *where, int code) {
    gn_expression *e = p->out;
    const int operands = is_binary(code) ? 2 : 1, first = e->length - operands;
    bool constant = true;
    for (int k = first; k < e->length; k++)
        constant = constant && e->code[k] == GN_EXPRESSION_CONSTANT;
    if (is_binary(code)) {
        if (code == GN_EXPRESSION_POWER && !p->plain[p->depth - 1])
            return fail_at(p, where, "the exponent of ^ holds the unknown; write exp(b * log(a)) for a^b");
        p->depth--;
        p->plain[p->depth - 1] = p->plain[p->depth - 1] && p->plain[p->depth];
    }
    if (!constant)
        return emit(p, where, code, p->plain[p->depth - 1], 0);
    e->value[first] = apply(code, e->value[first], e->value[e->length - 1]);
    e->length = first + 1;
    if (!isfinite(e->value[first]))
        return fail_at(p, where, "this is %g", e->value[first]);
    return GN_OK;
}

/* ---- names ---- */

/* The channel that `name` stands for; -1: none, -2: a mixed derivative. */
static int find_channel(const gn_expression_names *names, const char *name) {
    char wanted[2 * MOST_NAME + 8];
    if (!names->unknown || name[0] != 'u')
        return -1;
    if (name[1] == '\0')
        return 0;
    for (size_t i = 0; i < names->axes; i++)
        for (size_t j = 0; j <= names->axes; j++) {
            snprintf(wanted, sizeof(wanted), "u_%s%s", names->axis[i], j < names->axes ? names->axis[j] : "");
            if (strcmp(name, wanted) == 0)
                return j == names->axes ? (int)(1 + i) : i == j ? (int)(1 + names->axes + i) : -2;
        }
    return -1;
}

static void list_names(const gn_expression_names *names, char *text, size_t size) {
    size_t used = (size_t)snprintf(text, size, "pi");
    for (size_t i = 0; i < names->axes && used < size; i++)
        used += (size_t)snprintf(text + used, size - used, ", %s", names->axis[i]);
    for (size_t i = 0; i < names->parameters && used < size; i++)
        used += (size_t)snprintf(text + used, size - used, ", %s", names->parameter[i]);
    if (names->unknown && used < size)
        used += (size_t)snprintf(text + used, size - used, ", u");
    for (size_t i = 0; names->unknown && i < names->axes && used < size; i++)
        used += (size_t)snprintf(text + used, size - used, ", u_%s, u_%s%s", names->axis[i], names->axis[i],
                                 names->axis[i]);
}

static gn_status name_value(parser *p, const char *where, const char *name) {
    const gn_expression_names *n = p->names;
    char known[200];
    for (size_t i = 0; i < n->axes; i++)
        if (strcmp(name, n->axis[i]) == 0)
            return push(p, where, GN_EXPRESSION_COORDINATE, (int)i, 0);
    for (size_t i = 0; i < n->parameters; i++)
        if (strcmp(name, n->parameter[i]) == 0)
            return push(p, where, GN_EXPRESSION_CONSTANT, 0, n->value[i]);
    if (strcmp(name, "pi") == 0)
        return push(p, where, GN_EXPRESSION_CONSTANT, 0, pi);
    const int channel = find_channel(n, name);
    if (channel >= 0)
        return push(p, where, GN_EXPRESSION_CHANNEL, channel, 0);
    if (channel == -2)
        return fail_at(p, where, "`%s` is a mixed derivative; only u_aa, by one coordinate twice, is there",
                       name);
    list_names(n, known, sizeof(known));
    return fail_at(p, where,
                   "`%s` is not known; known are %s and the functions sin, cos, exp, tanh, log, sqrt", name,
                   known);
}

/* ---- grammar ---- */

static gn_status sum(parser *p);
static gn_status factor(parser *p);

static char peek(parser *p) {
    while (isspace((unsigned char)*p->at))
        p->at++;
    return *p->at;
}

static gn_status parenthesis(parser *p) {
    const char *where = p->at;
    if (++p->nesting > MOST_NESTING)
        return fail_at(p, where, "it is nested too deeply");
    p->at++;
    GN_TRY(sum(p));
    if (peek(p) != ')')
        return fail_at(p, p->at, "`)` is missing; `(` is at column %zu", (size_t)(where - p->text) + 1);
    p->at++;
    p->nesting--;
    return GN_OK;
}

static gn_status number(parser *p) {
    char *end;
    const char *where = p->at;
    const bool hexadecimal = where[0] == '0' && (where[1] == 'x' || where[1] == 'X');
    const double value = strtod(where, &end);
    if (hexadecimal || end == where)
        return fail_at(p, where, "this is no number");
    if (!isfinite(value))
        return fail_at(p, where, "this number is too large");
    p->at = end;
    return push(p, where, GN_EXPRESSION_CONSTANT, 0, value);
}

/* A name, or a function of what stands in parentheses. */
static gn_status name(parser *p) {
    char text[MOST_NAME];
    const char *where = p->at;
    size_t length = 0;
    while (isalnum((unsigned char)where[length]) || where[length] == '_')
        length++;
    if (length >= sizeof(text))
        return fail_at(p, where, "this name is too long");
    memcpy(text, where, length);
    text[length] = '\0';
    p->at += length;
    for (int i = 0; i < FUNCTIONS; i++)
        if (strcmp(text, functions[i].name) == 0) {
            if (peek(p) != '(')
                return fail_at(p, p->at, "`%s` needs its argument in parentheses", text);
            GN_TRY(parenthesis(p));
            return operate(p, where, functions[i].code);
        }
    return name_value(p, where, text);
}

static gn_status primary(parser *p) {
    const char c = peek(p);
    if (c == '(')
        return parenthesis(p);
    if (isdigit((unsigned char)c) || c == '.')
        return number(p);
    if (isalpha((unsigned char)c) || c == '_')
        return name(p);
    if (c == '\0')
        return fail_at(p, p->at, "it ends where a number, a name or `(` must come");
    return fail_at(p, p->at, "`%c` stands where a number, a name or `(` must come", shown(c));
}

/* a^b^c is a^(b^c) */
static gn_status power(parser *p) {
    GN_TRY(primary(p));
    if (peek(p) != '^')
        return GN_OK;
    const char *where = p->at++;
    GN_TRY(factor(p));
    return operate(p, where, GN_EXPRESSION_POWER);
}

/* -a^b is -(a^b) */
static gn_status factor(parser *p) {
    const char *where;
    const char sign = peek(p);
    if (sign != '-' && sign != '+')
        return power(p);
    where = p->at++;
    if (++p->nesting > MOST_NESTING)
        return fail_at(p, where, "it has too many signs");
    GN_TRY(factor(p));
    p->nesting--;
    return sign == '-' ? operate(p, where, GN_EXPRESSION_NEGATE) : GN_OK;
}

static gn_status product(parser *p) {
    GN_TRY(factor(p));
    for (char c = peek(p); c == '*' || c == '/'; c = peek(p)) {
        const char *where = p->at++;
        GN_TRY(factor(p));
        GN_TRY(operate(p, where, c == '*' ? GN_EXPRESSION_MULTIPLY : GN_EXPRESSION_DIVIDE));
    }
    return GN_OK;
}

static gn_status sum(parser *p) {
    GN_TRY(product(p));
    for (char c = peek(p); c == '+' || c == '-'; c = peek(p)) {
        const char *where = p->at++;
        GN_TRY(product(p));
        GN_TRY(operate(p, where, c == '+' ? GN_EXPRESSION_ADD : GN_EXPRESSION_SUBTRACT));
    }
    return GN_OK;
}

gn_status gn_expression_parse(gn_context *context, const char *what, const char *text,
                              const gn_expression_names *names, gn_expression *expression) {
    parser p = {
        .context = context, .what = what, .text = text, .at = text, .names = names, .out = expression};
    *expression = (gn_expression){.axes = (int)names->axes};
    if (peek(&p) == '\0')
        return gn_fail(context, GN_ERROR_ARGUMENT, "%s is empty; give an expression", what);
    GN_TRY(sum(&p));
    if (peek(&p) != '\0')
        return fail_at(&p, p.at, "`%c` stands where an operator or the end must come", shown(*p.at));
    return GN_OK;
}
