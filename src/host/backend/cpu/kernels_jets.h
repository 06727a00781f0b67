/* The loops over jets, for one REAL; included by kernels_types.h only, once a type, after kernels_vectors.h.
 * A jet has T = 1 + 2d channels: u, u_1..u_d, u_11..u_dd. */

/* ---- second and third derivatives at x, where value v and slope s are known ---- */

static inline void NAME(identity_curve)(REAL x, REAL v, REAL s, REAL *second, REAL *third) {
    (void)x, (void)v, (void)s;
    *second = *third = 0;
}

static inline void NAME(tanh_curve)(REAL x, REAL v, REAL s, REAL *second, REAL *third) {
    (void)x;
    *second = -2 * v * s;
    *third = s * (6 * v * v - 2);
}

static inline void NAME(relu_curve)(REAL x, REAL v, REAL s, REAL *second, REAL *third) {
    (void)x, (void)v, (void)s;
    *second = *third = 0;
}

/* The density p times polynomials: p (2 - x^2), p (x^3 - 4x). */
static inline void NAME(gelu_curve)(REAL x, REAL v, REAL s, REAL *second, REAL *third) {
    (void)v, (void)s;
    const REAL above = x < -40 ? -40 : x, inside = above > 40 ? 40 : above, square = inside * inside;
    const REAL density = (REAL)0.39894228040143267794 * MATH(exp)((REAL)-0.5 * square);
    *second = density * (2 - square);
    *third = density * inside * (square - 4);
}

static inline void NAME(sin_curve)(REAL x, REAL v, REAL s, REAL *second, REAL *third) {
    (void)x;
    *second = -v;
    *third = -s;
}

static inline void NAME(sigmoid_curve)(REAL x, REAL v, REAL s, REAL *second, REAL *third) {
    (void)x;
    *second = s * (1 - 2 * v);
    *third = s * (1 - 6 * s);
}

/* The sigmoid's first two: afresh, because 1 - s has no digits far above 0. */
static inline void NAME(softplus_curve)(REAL x, REAL v, REAL s, REAL *second, REAL *third) {
    REAL value, slope;
    (void)v;
    NAME(sigmoid_at)(x, &value, &slope);
    *second = slope;
    *third = slope * (1 - 2 * s);
}

static inline void NAME(quadratic_curve)(REAL x, REAL v, REAL s, REAL *second, REAL *third) {
    (void)x, (void)v, (void)s;
    *second = 2;
    *third = 0;
}

#define CURVES(kind)                                                                                         \
    static void NAME(kind##_curves)(size_t count, const REAL *z, REAL *a, REAL *first, REAL *second,         \
                                    REAL *third) {                                                           \
        _Pragma("omp simd") for (size_t i = 0; i < count; i++) {                                             \
            REAL v, s, p, q;                                                                                 \
            const REAL x = z[i];                                                                             \
            NAME(kind##_at)(x, &v, &s);                                                                      \
            NAME(kind##_curve)(x, v, s, &p, &q);                                                             \
            a[i] = v;                                                                                        \
            first[i] = s;                                                                                    \
            second[i] = p;                                                                                   \
            third[i] = q;                                                                                    \
        }                                                                                                    \
    }

/* ---- the fourth derivative, where the second one p is known as well ---- */

static inline REAL NAME(identity_fourth)(REAL x, REAL v, REAL s, REAL p) {
    (void)x, (void)v, (void)s, (void)p;
    return 0;
}

/* (6 v^2 - 2)' s + (6 v^2 - 2) p, p = -2 v s */
static inline REAL NAME(tanh_fourth)(REAL x, REAL v, REAL s, REAL p) {
    (void)x, (void)s;
    return p * (12 * v * v - 8);
}

static inline REAL NAME(relu_fourth)(REAL x, REAL v, REAL s, REAL p) {
    (void)x, (void)v, (void)s, (void)p;
    return 0;
}

/* The density times -x^4 + 7 x^2 - 4. */
static inline REAL NAME(gelu_fourth)(REAL x, REAL v, REAL s, REAL p) {
    (void)v, (void)s, (void)p;
    const REAL above = x < -40 ? -40 : x, inside = above > 40 ? 40 : above, square = inside * inside;
    const REAL density = (REAL)0.39894228040143267794 * MATH(exp)((REAL)-0.5 * square);
    return density * (square * (7 - square) - 4);
}

static inline REAL NAME(sin_fourth)(REAL x, REAL v, REAL s, REAL p) {
    (void)x, (void)s, (void)p;
    return v;
}

static inline REAL NAME(sigmoid_fourth)(REAL x, REAL v, REAL s, REAL p) {
    (void)x, (void)v;
    return p * (1 - 12 * s);
}

/* The sigmoid's third; its slope is p. */
static inline REAL NAME(softplus_fourth)(REAL x, REAL v, REAL s, REAL p) {
    (void)x, (void)v, (void)s;
    return p * (1 - 6 * p);
}

static inline REAL NAME(quadratic_fourth)(REAL x, REAL v, REAL s, REAL p) {
    (void)x, (void)v, (void)s, (void)p;
    return 0;
}

/* The first four, rows of STRIP. */
#define BENDS(kind)                                                                                          \
    static void NAME(kind##_bends)(size_t count, const REAL *z, REAL(*f)[NAME(STRIP)]) {                     \
        _Pragma("omp simd") for (size_t i = 0; i < count; i++) {                                             \
            REAL v, s, p, q;                                                                                 \
            const REAL x = z[i];                                                                             \
            NAME(kind##_at)(x, &v, &s);                                                                      \
            NAME(kind##_curve)(x, v, s, &p, &q);                                                             \
            f[0][i] = s;                                                                                     \
            f[1][i] = p;                                                                                     \
            f[2][i] = q;                                                                                     \
            f[3][i] = NAME(kind##_fourth)(x, v, s, p);                                                       \
        }                                                                                                    \
    }

CURVES(identity)
CURVES(tanh)
CURVES(relu)
CURVES(gelu)
CURVES(sin)
CURVES(sigmoid)
CURVES(softplus)
CURVES(quadratic)
#undef CURVES

BENDS(identity)
BENDS(tanh)
BENDS(relu)
BENDS(gelu)
BENDS(sin)
BENDS(sigmoid)
BENDS(softplus)
BENDS(quadratic)
#undef BENDS

static void (*const NAME(curves)[GN_ACTIVATION_COUNT])(size_t count, const REAL *z, REAL *a, REAL *first,
                                                       REAL *second, REAL *third) = {
    NAME(identity_curves), NAME(tanh_curves),    NAME(relu_curves),     NAME(gelu_curves),
    NAME(sin_curves),      NAME(sigmoid_curves), NAME(softplus_curves), NAME(quadratic_curves)};

/* ---- the derivative of phi'(z) d ---- */

#define VJP_JVP(kind)                                                                                        \
    static void NAME(kind##_vjp_jvp)(size_t begin, size_t end, const REAL *z, const REAL *dz, const REAL *d, \
                                     const REAL *d_dot, REAL *out) {                                         \
        _Pragma("omp simd") for (size_t i = begin; i < end; i++) {                                           \
            REAL v, s, p, q;                                                                                 \
            NAME(kind##_at)(z[i], &v, &s);                                                                   \
            NAME(kind##_curve)(z[i], v, s, &p, &q);                                                          \
            out[i] = s * d_dot[i] + p * dz[i] * d[i];                                                        \
        }                                                                                                    \
    }

VJP_JVP(identity)
VJP_JVP(tanh)
VJP_JVP(relu)
VJP_JVP(gelu)
VJP_JVP(sin)
VJP_JVP(sigmoid)
VJP_JVP(softplus)
VJP_JVP(quadratic)
#undef VJP_JVP

static void NAME(activation_vjp_jvp)(size_t begin, size_t end, gn_activation kind, const void *z,
                                     const void *dz, const void *d, const void *d_dot, void *out) {
    static void (*const all[GN_ACTIVATION_COUNT])(size_t, size_t, const REAL *, const REAL *, const REAL *,
                                                  const REAL *, REAL *) = {
        NAME(identity_vjp_jvp), NAME(tanh_vjp_jvp),    NAME(relu_vjp_jvp),     NAME(gelu_vjp_jvp),
        NAME(sin_vjp_jvp),      NAME(sigmoid_vjp_jvp), NAME(softplus_vjp_jvp), NAME(quadratic_vjp_jvp)};
    all[kind](begin, end, z, dz, d, d_dot, out);
}

/* ---- jets through a network ---- */

static void NAME(jet_inputs)(size_t begin, size_t end, size_t d, size_t columns, const void *vx, void *vout) {
    const size_t t = 1 + 2 * d;
    for (size_t n = begin; n < end; n++) {
        const REAL *x = (const REAL *)vx + n * columns;
        REAL *out = (REAL *)vout + n * t * d;
        memcpy(out, x, d * sizeof(REAL));
        memset(out + d, 0, 2 * d * d * sizeof(REAL));
        for (size_t i = 0; i < d; i++)
            out[(1 + i) * d + i] = 1;
    }
}

/* Coordinate i of the channels: z1 = z_i and z2 = z_ii, likewise a and slopes. */
static void NAME(jet_axis)(size_t width, const REAL *first, const REAL *second, const REAL *third,
                           const REAL *z1, const REAL *z2, REAL *a1, REAL *a2, REAL *p, REAL *q) {
#pragma omp simd
    for (size_t j = 0; j < width; j++) {
        const REAL x1 = z1[j], x2 = z2[j], bend = second[j] * x1;
        p[j] = bend;
        q[j] = third[j] * x1 * x1 + second[j] * x2;
        a1[j] = first[j] * x1;
        a2[j] = bend * x1 + first[j] * x2;
    }
}

static void NAME(jet_activation)(size_t begin, size_t end, gn_activation kind, size_t d, size_t w,
                                 const void *vz, void *va, void *vslopes) {
    REAL second[NAME(STRIP)], third[NAME(STRIP)];
    const size_t size = (1 + 2 * d) * w;
    for (size_t n = begin; n < end; n++)
        for (size_t at = 0; at < w; at += NAME(STRIP)) {
            const size_t width = w - at < NAME(STRIP) ? w - at : NAME(STRIP);
            const REAL *z = (const REAL *)vz + n * size + at;
            REAL *a = (REAL *)va + n * size + at, *slopes = (REAL *)vslopes + n * size + at;
            NAME(curves)[kind](width, z, a, slopes, second, third);
            for (size_t i = 1; i <= d; i++)
                NAME(jet_axis)
            (width, slopes, second, third, z + i * w, z + (d + i) * w, a + i * w, a + (d + i) * w,
             slopes + i * w, slopes + (d + i) * w);
        }
}

/* The value's channel is read by all others: it is written last. */
static void NAME(jet_multiply)(size_t begin, size_t end, size_t r, size_t d, size_t w, const void *vin,
                               const void *vslopes, void *vout) {
    const size_t size = (1 + 2 * d) * w;
    for (size_t m = begin * r; m < end * r; m++) {
        const REAL *in = (const REAL *)vin + m * size, *first = (const REAL *)vslopes + m / r * size;
        REAL *out = (REAL *)vout + m * size;
        for (size_t i = 1; i <= d; i++) {
            const REAL *p = first + i * w, *q = first + (d + i) * w;
            const REAL *in1 = in + i * w, *in2 = in + (d + i) * w;
            REAL *out1 = out + i * w, *out2 = out + (d + i) * w;
#pragma omp simd
            for (size_t j = 0; j < w; j++) {
                const REAL x = in[j], x1 = in1[j], x2 = in2[j];
                out1[j] = p[j] * x + first[j] * x1;
                out2[j] = q[j] * x + 2 * p[j] * x1 + first[j] * x2;
            }
        }
#pragma omp simd
        for (size_t j = 0; j < w; j++)
            out[j] = first[j] * in[j];
    }
}

/* The value's channel gathers from all others: it is begun first. */
static void NAME(jet_multiply_transposed)(size_t begin, size_t end, size_t r, size_t d, size_t w,
                                          const void *vin, const void *vslopes, void *vout) {
    const size_t size = (1 + 2 * d) * w;
    for (size_t m = begin * r; m < end * r; m++) {
        const REAL *in = (const REAL *)vin + m * size, *first = (const REAL *)vslopes + m / r * size;
        REAL *out = (REAL *)vout + m * size;
#pragma omp simd
        for (size_t j = 0; j < w; j++)
            out[j] = first[j] * in[j];
        for (size_t i = 1; i <= d; i++) {
            const REAL *p = first + i * w, *q = first + (d + i) * w;
            const REAL *in1 = in + i * w, *in2 = in + (d + i) * w;
            REAL *out1 = out + i * w, *out2 = out + (d + i) * w;
#pragma omp simd
            for (size_t j = 0; j < w; j++) {
                const REAL x1 = in1[j], x2 = in2[j];
                out[j] += p[j] * x1 + q[j] * x2;
                out1[j] = first[j] * x1 + 2 * p[j] * x2;
                out2[j] = first[j] * x2;
            }
        }
    }
}

/* Coordinate i of jet_vjp_jvp: x are z's channels, t dz's, d and e the cotangents'; value gathers. */
static void NAME(jet_axis_vjp_jvp)(size_t width, REAL (*f)[NAME(STRIP)], const REAL *t0, const REAL *x1,
                                   const REAL *x2, const REAL *t1, const REAL *t2, const REAL *d1,
                                   const REAL *d2, const REAL *e1, const REAL *e2, REAL *value, REAL *out1,
                                   REAL *out2) {
#pragma omp simd
    for (size_t j = 0; j < width; j++) {
        const REAL second = f[1][j], third = f[2][j], slope = f[0][j], slope_dot = second * t0[j];
        const REAL second_dot = third * t0[j], third_dot = f[3][j] * t0[j];
        const REAL p = second * x1[j], p_dot = second_dot * x1[j] + second * t1[j];
        const REAL q = third * x1[j] * x1[j] + second * x2[j];
        const REAL q_dot =
            third_dot * x1[j] * x1[j] + 2 * third * x1[j] * t1[j] + second_dot * x2[j] + second * t2[j];
        const REAL from1 = e1[j], from2 = e2[j];
        value[j] += p * from1 + p_dot * d1[j] + q * from2 + q_dot * d2[j];
        out1[j] = slope * from1 + slope_dot * d1[j] + 2 * (p * from2 + p_dot * d2[j]);
        out2[j] = slope * from2 + slope_dot * d2[j];
    }
}

static void (*const NAME(bends)[GN_ACTIVATION_COUNT])(size_t count, const REAL *z, REAL (*f)[NAME(STRIP)]) = {
    NAME(identity_bends), NAME(tanh_bends),    NAME(relu_bends),     NAME(gelu_bends),
    NAME(sin_bends),      NAME(sigmoid_bends), NAME(softplus_bends), NAME(quadratic_bends)};

static void NAME(jet_vjp_jvp)(size_t begin, size_t end, gn_activation kind, size_t d, size_t w,
                              const void *vz, const void *vdz, const void *vd, const void *vd_dot,
                              void *vout) {
    REAL f[4][NAME(STRIP)];
    const size_t size = (1 + 2 * d) * w;
    for (size_t n = begin; n < end; n++)
        for (size_t at = 0; at < w; at += NAME(STRIP)) {
            const size_t width = w - at < NAME(STRIP) ? w - at : NAME(STRIP), base = n * size + at;
            const REAL *z = (const REAL *)vz + base, *dz = (const REAL *)vdz + base;
            const REAL *u = (const REAL *)vd + base, *u_dot = (const REAL *)vd_dot + base;
            REAL *out = (REAL *)vout + base;
            NAME(bends)[kind](width, z, f);
#pragma omp simd
            for (size_t j = 0; j < width; j++)
                out[j] = f[0][j] * u_dot[j] + f[1][j] * dz[j] * u[j];
            for (size_t i = 1; i <= d; i++) {
                const size_t one = i * w, two = (d + i) * w;
                NAME(jet_axis_vjp_jvp)
                (width, f, dz, z + one, z + two, dz + one, dz + two, u + one, u + two, u_dot + one,
                 u_dot + two, out, out + one, out + two);
            }
        }
}

/* ---- residuals: an expression with its partial derivatives, forward, for LANES rows at once ---- */

enum { NAME(LANES) = 32, NAME(CHANNELS) = 1 + 2 * GN_EXPRESSION_AXES };

typedef struct NAME(dual) {
    REAL value[NAME(LANES)];
    REAL partial[NAME(CHANNELS)][NAME(LANES)];
} NAME(dual);

/* Lanes that stand for no row hold what the row before them does. */
static void NAME(push)(int code, int operand, double constant, size_t rows, size_t d, const REAL *x,
                       const REAL *u, NAME(dual) * top) {
    const size_t t = 1 + 2 * d;
    for (size_t k = 0; k < NAME(LANES); k++) {
        const size_t n = k < rows ? k : rows - 1;
        top->value[k] = code == GN_EXPRESSION_COORDINATE ? x[n * (d + 1) + operand]
                        : code == GN_EXPRESSION_CHANNEL  ? u[n * t + operand]
                                                         : (REAL)constant;
    }
    memset(top->partial, 0, t * sizeof(top->partial[0]));
    if (code == GN_EXPRESSION_CHANNEL)
        NAME(fill)(0, NAME(LANES), 1, top->partial[operand]);
}

/* value = f(value), slope = f'(value) */
static void NAME(apply)(int code, REAL *value, REAL *slope) {
#define EACH_LANE(...)                                                                                       \
    _Pragma("omp simd") for (size_t k = 0; k < NAME(LANES); k++) {                                           \
        const REAL a = value[k];                                                                             \
        __VA_ARGS__                                                                                          \
    }                                                                                                        \
    break
    switch (code) {
    case GN_EXPRESSION_NEGATE:
        EACH_LANE(value[k] = -a; slope[k] = -1;);
    case GN_EXPRESSION_SIN:
        EACH_LANE(value[k] = MATH(sin)(a); slope[k] = MATH(cosine)(a););
    case GN_EXPRESSION_COS:
        EACH_LANE(value[k] = MATH(cosine)(a); slope[k] = -MATH(sin)(a););
    case GN_EXPRESSION_EXP:
        EACH_LANE(const REAL e = MATH(exp)(a); value[k] = e; slope[k] = e;);
    case GN_EXPRESSION_TANH:
        EACH_LANE(const REAL t = NAME(tanh_value)(a); value[k] = t; slope[k] = 1 - t * t;);
    case GN_EXPRESSION_LOG:
        EACH_LANE(value[k] = MATH(log)(a); slope[k] = 1 / a;);
    default: /* SQRT */
        EACH_LANE(const REAL s = SQRT(a); value[k] = s; slope[k] = (REAL)0.5 / s;);
    }
#undef EACH_LANE
}

/* a = f(a, b), by_a and by_b its derivatives */
static void NAME(combine)(int code, REAL *va, const REAL *vb, REAL *by_a, REAL *by_b) {
#define EACH_LANE(value, slope_a, slope_b)                                                                   \
    _Pragma("omp simd") for (size_t k = 0; k < NAME(LANES); k++) {                                           \
        const REAL a = va[k], b = vb[k];                                                                     \
        (void)a, (void)b;                                                                                    \
        va[k] = (value);                                                                                     \
        by_a[k] = (slope_a);                                                                                 \
        by_b[k] = (slope_b);                                                                                 \
    }                                                                                                        \
    break
    switch (code) {
    case GN_EXPRESSION_ADD:
        EACH_LANE(a + b, 1, 1);
    case GN_EXPRESSION_SUBTRACT:
        EACH_LANE(a - b, 1, -1);
    case GN_EXPRESSION_MULTIPLY:
        EACH_LANE(a * b, b, a);
    case GN_EXPRESSION_DIVIDE:
        EACH_LANE(a / b, 1 / b, -a / (b * b));
    default: /* POWER; of exponent 0 the slope is 0, at 0 too */
        EACH_LANE(MATH(pow)(a, b), b == 0 ? 0 : b * MATH(pow)(a, b - 1), 0);
    }
#undef EACH_LANE
}

/* One code; returns the new number of values on the stack. `plain`: no operand has partial derivatives. */
static int NAME(step)(int code, bool plain, size_t t, NAME(dual) * stack, int depth) {
    REAL by_a[NAME(LANES)], by_b[NAME(LANES)];
    const bool binary = code >= GN_EXPRESSION_ADD;
    NAME(dual) *a = &stack[depth - (binary ? 2 : 1)], *b = a + 1;
    if (binary)
        NAME(combine)(code, a->value, b->value, by_a, by_b);
    else
        NAME(apply)(code, a->value, by_a);
    for (size_t c = 0; c < t && !plain; c++) {
        REAL *to = a->partial[c];
        const REAL *from = b->partial[c];
        if (binary)
#pragma omp simd
            for (size_t k = 0; k < NAME(LANES); k++)
                to[k] = by_a[k] * to[k] + by_b[k] * from[k];
        else
#pragma omp simd
            for (size_t k = 0; k < NAME(LANES); k++)
                to[k] *= by_a[k];
    }
    return depth - binary;
}

static void NAME(jet_residual)(size_t begin, size_t end, const gn_expression *e, size_t d, const void *vx,
                               const void *vu, void *vr, void *vpartials) {
    NAME(dual) stack[GN_EXPRESSION_DEPTH];
    const size_t t = 1 + 2 * d;
    for (size_t first = begin; first < end; first += NAME(LANES)) {
        const size_t rows = end - first < NAME(LANES) ? end - first : NAME(LANES);
        const REAL *x = (const REAL *)vx + first * (d + 1), *u = (const REAL *)vu + first * t;
        REAL *r = (REAL *)vr + first, *partials = (REAL *)vpartials + first * t;
        int depth = 0;
        for (int k = 0; k < e->length; k++)
            if (e->code[k] <= GN_EXPRESSION_CHANNEL)
                NAME(push)(e->code[k], e->operand[k], e->value[k], rows, d, x, u, &stack[depth++]);
            else
                depth = NAME(step)(e->code[k], e->operand[k] != 0, t, stack, depth);
        for (size_t n = 0; n < rows; n++) {
            const size_t kind = (size_t)x[n * (d + 1) + d];
            r[n] = kind == 0 ? stack[0].value[n] : u[n * t + kind - 1];
            for (size_t c = 0; c < t; c++)
                partials[n * t + c] = kind == 0 ? stack[0].partial[c][n] : c == kind - 1;
        }
    }
}

/* ---- the same where the channels move: every value and partial derivative with its tangent ---- */

typedef struct NAME(moving_dual) {
    NAME(dual) at, dot;
} NAME(moving_dual);

/* f''(a), where v = f(a) and s = f'(a) */
static void NAME(bend_of)(int code, const REAL *va, const REAL *vv, const REAL *vs, REAL *bend) {
#define EACH_LANE(value)                                                                                     \
    _Pragma("omp simd") for (size_t k = 0; k < NAME(LANES); k++) {                                           \
        const REAL a = va[k], v = vv[k], s = vs[k];                                                          \
        (void)a, (void)v, (void)s;                                                                           \
        bend[k] = (value);                                                                                   \
    }                                                                                                        \
    break
    switch (code) {
    case GN_EXPRESSION_NEGATE:
        EACH_LANE(0);
    case GN_EXPRESSION_SIN:
    case GN_EXPRESSION_COS:
        EACH_LANE(-v);
    case GN_EXPRESSION_EXP:
        EACH_LANE(v);
    case GN_EXPRESSION_TANH:
        EACH_LANE(-2 * v * s);
    case GN_EXPRESSION_LOG:
        EACH_LANE(-s * s);
    default: /* SQRT */
        EACH_LANE((REAL)-0.5 * s / a);
    }
#undef EACH_LANE
}

/* The second derivatives of f(a, b); none by b twice but a quotient's. */
static void NAME(bends_of)(int code, const REAL *va, const REAL *vb, REAL *by_aa, REAL *by_ab, REAL *by_bb) {
#define EACH_LANE(aa, ab, bb)                                                                                \
    _Pragma("omp simd") for (size_t k = 0; k < NAME(LANES); k++) {                                           \
        const REAL a = va[k], b = vb[k];                                                                     \
        (void)a, (void)b;                                                                                    \
        by_aa[k] = (aa);                                                                                     \
        by_ab[k] = (ab);                                                                                     \
        by_bb[k] = (bb);                                                                                     \
    }                                                                                                        \
    break
    switch (code) {
    case GN_EXPRESSION_MULTIPLY:
        EACH_LANE(0, 1, 0);
    case GN_EXPRESSION_DIVIDE:
        EACH_LANE(0, -1 / (b * b), 2 * a / (b * b * b));
    case GN_EXPRESSION_POWER: /* of exponents 0 and 1 it is 0, at 0 too */
        EACH_LANE(b == 0 || b == 1 ? 0 : b * (b - 1) * MATH(pow)(a, b - 2), 0, 0);
    default:
        EACH_LANE(0, 0, 0);
    }
#undef EACH_LANE
}

/* a = f(a), with all that hangs on it */
static void NAME(move_one)(int code, bool plain, size_t t, NAME(moving_dual) * a) {
    REAL before[NAME(LANES)], slope[NAME(LANES)], bend[NAME(LANES)];
    memcpy(before, a->at.value, sizeof(before));
    NAME(apply)(code, a->at.value, slope);
    if (plain)
        return;
    NAME(bend_of)(code, before, a->at.value, slope, bend);
    for (size_t c = 0; c < t; c++)
#pragma omp simd
        for (size_t k = 0; k < NAME(LANES); k++) {
            const REAL partial = a->at.partial[c][k];
            a->dot.partial[c][k] = bend[k] * a->dot.value[k] * partial + slope[k] * a->dot.partial[c][k];
            a->at.partial[c][k] = slope[k] * partial;
        }
#pragma omp simd
    for (size_t k = 0; k < NAME(LANES); k++)
        a->dot.value[k] *= slope[k];
}

/* a = f(a, b) */
static void NAME(move_two)(int code, bool plain, size_t t, NAME(moving_dual) * a,
                           const NAME(moving_dual) * b) {
    REAL by_a[NAME(LANES)], by_b[NAME(LANES)], aa[NAME(LANES)], ab[NAME(LANES)], bb[NAME(LANES)];
    if (!plain)
        NAME(bends_of)(code, a->at.value, b->at.value, aa, ab, bb);
    NAME(combine)(code, a->at.value, b->at.value, by_a, by_b);
    if (plain)
        return;
    for (size_t c = 0; c < t; c++)
#pragma omp simd
        for (size_t k = 0; k < NAME(LANES); k++) {
            const REAL x = a->at.partial[c][k], y = b->at.partial[c][k];
            const REAL dx = a->dot.value[k], dy = b->dot.value[k];
            a->dot.partial[c][k] = (aa[k] * dx + ab[k] * dy) * x + (ab[k] * dx + bb[k] * dy) * y +
                                   by_a[k] * a->dot.partial[c][k] + by_b[k] * b->dot.partial[c][k];
            a->at.partial[c][k] = by_a[k] * x + by_b[k] * y;
        }
#pragma omp simd
    for (size_t k = 0; k < NAME(LANES); k++)
        a->dot.value[k] = by_a[k] * a->dot.value[k] + by_b[k] * b->dot.value[k];
}

/* Leaves the result of `rows` rows in stack[0]. */
static void NAME(move)(const gn_expression *e, size_t rows, size_t d, const REAL *x, const REAL *u,
                       const REAL *du, NAME(moving_dual) * stack) {
    const size_t t = 1 + 2 * d;
    int depth = 0;
    for (int k = 0; k < e->length; k++) {
        const int code = e->code[k], operand = e->operand[k];
        if (code <= GN_EXPRESSION_CHANNEL) {
            NAME(moving_dual) *top = &stack[depth++];
            NAME(push)(code, operand, e->value[k], rows, d, x, u, &top->at);
            /* the tangent is one of numbers, and that of the partial derivatives 0 */
            NAME(push)
            (code == GN_EXPRESSION_CHANNEL ? code : GN_EXPRESSION_CONSTANT, operand, 0, rows, d, x, du,
             &top->dot);
            memset(top->dot.partial, 0, t * sizeof(top->dot.partial[0]));
        } else if (code >= GN_EXPRESSION_ADD) {
            depth--;
            NAME(move_two)(code, operand != 0, t, &stack[depth - 1], &stack[depth]);
        } else {
            NAME(move_one)(code, operand != 0, t, &stack[depth - 1]);
        }
    }
}

static void NAME(jet_residual_vjp_jvp)(size_t begin, size_t end, const gn_expression *e, size_t axes,
                                       const void *vx, const void *vu, const void *vdu, const void *vd,
                                       const void *vd_dot, void *vout) {
    NAME(moving_dual) stack[GN_EXPRESSION_DEPTH];
    const size_t t = 1 + 2 * axes;
    const REAL *d = vd, *d_dot = vd_dot;
    for (size_t first = begin; first < end; first += NAME(LANES)) {
        const size_t rows = end - first < NAME(LANES) ? end - first : NAME(LANES);
        const REAL *x = (const REAL *)vx + first * (axes + 1);
        NAME(move)(e, rows, axes, x, (const REAL *)vu + first * t, (const REAL *)vdu + first * t, stack);
        for (size_t k = 0; k < rows; k++) {
            const size_t n = first + k, kind = (size_t)x[k * (axes + 1) + axes];
            for (size_t c = 0; c < t; c++) {
                const REAL partial = kind == 0 ? stack[0].at.partial[c][k] : c == kind - 1;
                const REAL dot = kind == 0 ? stack[0].dot.partial[c][k] : 0;
                ((REAL *)vout)[n * t + c] = partial * d_dot[n] + dot * d[n];
            }
        }
    }
}
