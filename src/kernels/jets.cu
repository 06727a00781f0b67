/* Jets: a function's value with its first and second derivatives by d coordinates, T = 1 + 2d channels a
 * sample, and residuals made of them.
 *
 * jet_activation and jet_multiply are bound by memory: each element of a channel is read and written once. A
 * thread keeps its columns, walks down the samples and goes through their channels, so that phi and its
 * derivatives are computed once a sample and column. jet_residual interprets a short program, a thread a row:
 * its time is the launch's for any batch that trains. */
#include "activations.cuh"

/* ---- jet_inputs: writes s bytes an element of N x T x d ---- */

template <class T>
__global__ void jet_inputs_kernel(size_t rows, size_t d, size_t columns, const T *__restrict__ x,
                                  T *__restrict__ out) {
    for_columns<1>(d, [&](size_t c, auto) {
        for (row_walk row(1 + 2 * d); row.m < rows; row.next())
            out[row.m * d + c] = row.r == 0 ? x[row.n * columns + c] : row.r == 1 + c ? (T)1 : (T)0;
    });
}

template <class T>
static gn_status jet_inputs(cudaStream_t stream, size_t n, size_t d, size_t columns, const void *x,
                            void *out) {
    const size_t rows = n * (1 + 2 * d);
    const plane p = plane_of(rows, d);
    if (n == 0 || d == 0)
        return GN_OK;
    LAUNCH(jet_inputs_kernel<T>, p.grid, p.block, 0, stream, rows, d, columns, as<T>(x), as<T>(out));
    return launched();
}

gn_status gn_cuda_jet_inputs(cudaStream_t stream, int type, size_t n, size_t d, size_t columns, const void *x,
                             void *out) {
    return BY_TYPE(type, jet_inputs, stream, n, d, columns, x, out);
}

/* ---- jet_activation: reads s, writes 2 s bytes an element of N x T x W ---- */

template <class T, int V, class Function>
__global__ void jet_activation_kernel(size_t n, size_t d, size_t columns, const T *z, T *a,
                                      T *__restrict__ slopes) {
    for_columns<V>(columns, [&](size_t c, auto w) {
        constexpr int W = decltype(w)::value;
        for (size_t row = first_row(); row < n; row += row_step()) {
            const size_t base = row * (1 + 2 * d) * columns + c;
            const pack<T, W> x = load<W>(z + base);
            pack<T, W> value, first, second, third;
            for (int k = 0; k < W; k++) {
                Function::at(x.at[k], &value.at[k], &first.at[k]);
                Function::curve(x.at[k], value.at[k], first.at[k], &second.at[k], &third.at[k]);
            }
            store<W>(a + base, value);
            store<W>(slopes + base, first);
            for (size_t i = 1; i <= d; i++) {
                const size_t at1 = base + i * columns, at2 = base + (d + i) * columns;
                const pack<T, W> z1 = load<W>(z + at1), z2 = load<W>(z + at2);
                pack<T, W> a1, a2, p, q;
                for (int k = 0; k < W; k++) {
                    p.at[k] = second.at[k] * z1.at[k];
                    q.at[k] = third.at[k] * z1.at[k] * z1.at[k] + second.at[k] * z2.at[k];
                    a1.at[k] = first.at[k] * z1.at[k];
                    a2.at[k] = p.at[k] * z1.at[k] + first.at[k] * z2.at[k];
                }
                store<W>(a + at1, a1);
                store<W>(a + at2, a2);
                store<W>(slopes + at1, p);
                store<W>(slopes + at2, q);
            }
        }
    });
}

template <class T, class Function>
static gn_status jet_activation_of(cudaStream_t stream, size_t n, size_t d, size_t w, const void *z, void *a,
                                   void *slopes) {
    const bool packed = w % PACK<T> == 0 && aligned(z, a, slopes);
    const plane p = plane_of(n, units_of(w, packed, PACK<T>));
    if (n == 0 || w == 0)
        return GN_OK;
    if (packed)
        LAUNCH((jet_activation_kernel<T, PACK<T>, Function>), p.grid, p.block, 0, stream, n, d, w, as<T>(z),
               as<T>(a), as<T>(slopes));
    else
        LAUNCH((jet_activation_kernel<T, 1, Function>), p.grid, p.block, 0, stream, n, d, w, as<T>(z),
               as<T>(a), as<T>(slopes));
    return launched();
}

template <class T>
static gn_status jet_activation(cudaStream_t stream, int kind, size_t n, size_t d, size_t w, const void *z,
                                void *a, void *slopes) {
    return BY_ACTIVATION(kind, T, jet_activation_of, stream, n, d, w, z, a, slopes);
}

gn_status gn_cuda_jet_activation(cudaStream_t stream, int type, int kind, size_t n, size_t d, size_t w,
                                 const void *z, void *a, void *slopes) {
    return BY_TYPE(type, jet_activation, stream, kind, n, d, w, z, a, slopes);
}

/* ---- jet_multiply: reads s (1 + 1/R), writes s bytes an element of N x R x T x W. Where out is in, a thread
 * reads a channel's element before it writes it, and nobody else touches it. ---- */

template <class T, int V, bool TRANSPOSE>
__global__ void jet_multiply_kernel(size_t rows, size_t r, size_t d, size_t columns, const T *in,
                                    const T *__restrict__ slopes, T *out) {
    const size_t size = (1 + 2 * d) * columns;
    for_columns<V>(columns, [&](size_t c, auto w) {
        constexpr int W = decltype(w)::value;
        for (row_walk row(r); row.m < rows; row.next()) {
            const T *from = in + row.m * size + c, *slope = slopes + row.n * size + c;
            T *to = out + row.m * size + c;
            const pack<T, W> first = load<W>(slope), x = load<W>(from);
            pack<T, W> sum;
            for (int k = 0; k < W; k++)
                sum.at[k] = first.at[k] * x.at[k];
            for (size_t i = 1; i <= d; i++) {
                const size_t at1 = i * columns, at2 = (d + i) * columns;
                const pack<T, W> p = load<W>(slope + at1), q = load<W>(slope + at2);
                const pack<T, W> x1 = load<W>(from + at1), x2 = load<W>(from + at2);
                pack<T, W> to1, to2;
                for (int k = 0; k < W; k++) {
                    to1.at[k] = first.at[k] * x1.at[k];
                    to2.at[k] = first.at[k] * x2.at[k];
                    if (TRANSPOSE) {
                        sum.at[k] += p.at[k] * x1.at[k] + q.at[k] * x2.at[k];
                        to1.at[k] += 2 * p.at[k] * x2.at[k];
                    } else {
                        to1.at[k] += p.at[k] * x.at[k];
                        to2.at[k] += q.at[k] * x.at[k] + 2 * p.at[k] * x1.at[k];
                    }
                }
                store<W>(to + at1, to1);
                store<W>(to + at2, to2);
            }
            store<W>(to, sum);
        }
    });
}

template <class T, int V>
static void launch_multiply(bool transpose, plane p, cudaStream_t stream, size_t rows, size_t r, size_t d,
                            size_t w, const T *in, const T *slopes, T *out) {
    if (transpose)
        LAUNCH((jet_multiply_kernel<T, V, true>), p.grid, p.block, 0, stream, rows, r, d, w, in, slopes, out);
    else
        LAUNCH((jet_multiply_kernel<T, V, false>), p.grid, p.block, 0, stream, rows, r, d, w, in, slopes,
               out);
}

template <class T>
static gn_status jet_multiply(cudaStream_t stream, bool transpose, size_t n, size_t r, size_t d, size_t w,
                              const void *in, const void *slopes, void *out) {
    const bool packed = w % PACK<T> == 0 && aligned(in, slopes, out);
    const plane p = plane_of(n * r, units_of(w, packed, PACK<T>));
    if (n == 0 || r == 0 || w == 0)
        return GN_OK;
    if (packed)
        launch_multiply<T, PACK<T>>(transpose, p, stream, n * r, r, d, w, as<T>(in), as<T>(slopes),
                                    as<T>(out));
    else
        launch_multiply<T, 1>(transpose, p, stream, n * r, r, d, w, as<T>(in), as<T>(slopes), as<T>(out));
    return launched();
}

gn_status gn_cuda_jet_multiply(cudaStream_t stream, int type, bool transpose, size_t n, size_t r, size_t d,
                               size_t w, const void *in, const void *slopes, void *out) {
    return BY_TYPE(type, jet_multiply, stream, transpose, n, r, d, w, in, slopes, out);
}

/* ---- jet_vjp_jvp: reads 4 s, writes s bytes an element of N x T x W. Where out is d_dot it is as above.
 * ---- */

/* phi and its derivatives at one element, and the tangents of the first three. */
template <class T> struct bends { T slope, second, third, slope_dot, second_dot, third_dot; };

template <class Function, class T> __device__ __forceinline__ bends<T> bends_at(T x, T dx) {
    T value, slope, second, third;
    Function::at(x, &value, &slope);
    Function::curve(x, value, slope, &second, &third);
    return {slope, second, third, second * dx, third * dx, Function::fourth(x, value, slope, second) * dx};
}

template <class T, int V, class Function>
__global__ void jet_vjp_jvp_kernel(size_t n, size_t d, size_t columns, const T *__restrict__ z,
                                   const T *__restrict__ dz, const T *__restrict__ cotangent,
                                   const T *cotangent_dot, T *out) {
    for_columns<V>(columns, [&](size_t c, auto w) {
        constexpr int W = decltype(w)::value;
        for (size_t row = first_row(); row < n; row += row_step()) {
            const size_t base = row * (1 + 2 * d) * columns + c;
            const pack<T, W> x = load<W>(z + base), dx = load<W>(dz + base), u = load<W>(cotangent + base);
            pack<T, W> value = load<W>(cotangent_dot + base);
            bends<T> f[W];
            for (int k = 0; k < W; k++) {
                f[k] = bends_at<Function>(x.at[k], dx.at[k]);
                value.at[k] = f[k].slope * value.at[k] + f[k].slope_dot * u.at[k];
            }
            for (size_t i = 1; i <= d; i++) {
                const size_t one = base + i * columns, two = base + (d + i) * columns;
                const pack<T, W> x1 = load<W>(z + one), x2 = load<W>(z + two);
                const pack<T, W> t1 = load<W>(dz + one), t2 = load<W>(dz + two);
                const pack<T, W> d1 = load<W>(cotangent + one), d2 = load<W>(cotangent + two);
                pack<T, W> e1 = load<W>(cotangent_dot + one), e2 = load<W>(cotangent_dot + two);
                for (int k = 0; k < W; k++) {
                    const bends<T> &b = f[k];
                    const T p = b.second * x1.at[k], p_dot = b.second_dot * x1.at[k] + b.second * t1.at[k];
                    const T q = b.third * x1.at[k] * x1.at[k] + b.second * x2.at[k];
                    const T q_dot = b.third_dot * x1.at[k] * x1.at[k] + 2 * b.third * x1.at[k] * t1.at[k] +
                                    b.second_dot * x2.at[k] + b.second * t2.at[k];
                    value.at[k] += p * e1.at[k] + p_dot * d1.at[k] + q * e2.at[k] + q_dot * d2.at[k];
                    e1.at[k] =
                        b.slope * e1.at[k] + b.slope_dot * d1.at[k] + 2 * (p * e2.at[k] + p_dot * d2.at[k]);
                    e2.at[k] = b.slope * e2.at[k] + b.slope_dot * d2.at[k];
                }
                store<W>(out + one, e1);
                store<W>(out + two, e2);
            }
            store<W>(out + base, value);
        }
    });
}

template <class T, class Function>
static gn_status jet_vjp_jvp_of(cudaStream_t stream, size_t n, size_t d, size_t w, const void *z,
                                const void *dz, const void *cotangent, const void *cotangent_dot, void *out) {
    const bool packed = w % PACK<T> == 0 && aligned(z, dz, cotangent, cotangent_dot, out);
    const plane p = plane_of(n, units_of(w, packed, PACK<T>));
    if (n == 0 || w == 0)
        return GN_OK;
    if (packed)
        LAUNCH((jet_vjp_jvp_kernel<T, PACK<T>, Function>), p.grid, p.block, 0, stream, n, d, w, as<T>(z),
               as<T>(dz), as<T>(cotangent), as<T>(cotangent_dot), as<T>(out));
    else
        LAUNCH((jet_vjp_jvp_kernel<T, 1, Function>), p.grid, p.block, 0, stream, n, d, w, as<T>(z), as<T>(dz),
               as<T>(cotangent), as<T>(cotangent_dot), as<T>(out));
    return launched();
}

template <class T>
static gn_status jet_vjp_jvp(cudaStream_t stream, int kind, size_t n, size_t d, size_t w, const void *z,
                             const void *dz, const void *cotangent, const void *cotangent_dot, void *out) {
    return BY_ACTIVATION(kind, T, jet_vjp_jvp_of, stream, n, d, w, z, dz, cotangent, cotangent_dot, out);
}

gn_status gn_cuda_jet_vjp_jvp(cudaStream_t stream, int type, int kind, size_t n, size_t d, size_t w,
                              const void *z, const void *dz, const void *cotangent, const void *cotangent_dot,
                              void *out) {
    return BY_TYPE(type, jet_vjp_jvp, stream, kind, n, d, w, z, dz, cotangent, cotangent_dot, out);
}

/* ---- jet_residual: a program with its partial derivatives, forward; a thread a row ---- */

constexpr int MOST_CODES = 64, MOST_DEPTH = 12, MOST_AXES = 3, MOST_CHANNELS = 1 + 2 * MOST_AXES;

/* The values of gn_expression_code. */
enum expression_code : uint8_t {
    CONSTANT,
    COORDINATE,
    CHANNEL,
    NEGATE,
    SIN,
    COS,
    EXP,
    TANH,
    LOG,
    SQRT,
    ADD,
    SUBTRACT,
    MULTIPLY,
    DIVIDE,
    POWER
};

/* By value, as a parameter of the kernel: a graph keeps its own copy. */
struct residual_program {
    int length;
    uint8_t codes[MOST_CODES], operands[MOST_CODES];
    double values[MOST_CODES];
};

template <class T> struct dual { T value, partial[MOST_CHANNELS]; };

__device__ inline float logarithm(float x) {
    return logf(x);
}
__device__ inline double logarithm(double x) {
    return log(x);
}
__device__ inline float square_root(float x) {
    return sqrtf(x);
}
__device__ inline double square_root(double x) {
    return sqrt(x);
}
__device__ inline float raise(float x, float y) {
    return powf(x, y);
}
__device__ inline double raise(double x, double y) {
    return pow(x, y);
}

/* a = f(a); returns f'(a) */
template <class T> __device__ T apply(int code, T *a) {
    const T x = *a;
    T s, c;
    switch (code) {
    case NEGATE:
        *a = -x;
        return -1;
    case SIN:
        sine_cosine(x, &s, &c);
        *a = s;
        return c;
    case COS:
        sine_cosine(x, &s, &c);
        *a = c;
        return -s;
    case EXP:
        return *a = exponential(x);
    case TANH:
        *a = hyperbolic_tangent(x);
        return 1 - *a * *a;
    case LOG:
        *a = logarithm(x);
        return 1 / x;
    default: /* SQRT */
        *a = square_root(x);
        return (T)0.5 / *a;
    }
}

/* a = f(a, b), with the derivatives by a and b */
template <class T> __device__ void combine(int code, T *a, T b, T *by_a, T *by_b) {
    const T x = *a;
    *by_a = *by_b = 1;
    switch (code) {
    case ADD:
        *a = x + b;
        break;
    case SUBTRACT:
        *a = x - b;
        *by_b = -1;
        break;
    case MULTIPLY:
        *a = x * b;
        *by_a = b;
        *by_b = x;
        break;
    case DIVIDE:
        *a = x / b;
        *by_a = 1 / b;
        *by_b = -x / (b * b);
        break;
    default: /* POWER; of exponent 0 the slope is 0, at 0 too */
        *a = raise(x, b);
        *by_a = b == 0 ? 0 : b * raise(x, b - 1);
        *by_b = 0;
    }
}

/* Leaves the result in stack[0]. */
template <class T>
__device__ void evaluate(const residual_program &program, int d, const T *x, const T *u, dual<T> *stack) {
    const int channels = 1 + 2 * d;
    int depth = 0;
    for (int k = 0; k < program.length; k++) {
        const int code = program.codes[k], operand = program.operands[k];
        if (code <= CHANNEL) {
            dual<T> &top = stack[depth++];
            top.value = code == COORDINATE ? x[operand] : code == CHANNEL ? u[operand] : (T)program.values[k];
            for (int c = 0; c < channels; c++)
                top.partial[c] = code == CHANNEL && c == operand ? 1 : 0;
        } else if (code < ADD) {
            dual<T> &top = stack[depth - 1];
            const T slope = apply(code, &top.value);
            for (int c = 0; c < channels && !operand; c++)
                top.partial[c] *= slope;
        } else {
            T by_a, by_b;
            dual<T> &a = stack[depth - 2], &b = stack[depth - 1];
            combine(code, &a.value, b.value, &by_a, &by_b);
            for (int c = 0; c < channels && !operand; c++)
                a.partial[c] = by_a * a.partial[c] + by_b * b.partial[c];
            depth--;
        }
    }
}

template <class T>
__global__ void jet_residual_kernel(residual_program program, size_t n, int d, const T *__restrict__ x,
                                    const T *__restrict__ u, T *__restrict__ r, T *__restrict__ partials) {
    const int channels = 1 + 2 * d;
    for_elements<1>(n, [&](size_t row, auto) {
        dual<T> stack[MOST_DEPTH];
        const T *point = x + row * (size_t)(d + 1), *jet = u + row * (size_t)channels;
        const int kind = (int)point[d];
        if (kind == 0)
            evaluate(program, d, point, jet, stack);
        r[row] = kind == 0 ? stack[0].value : jet[kind - 1];
        for (int c = 0; c < channels; c++)
            partials[row * (size_t)channels + c] = kind == 0 ? stack[0].partial[c] : (T)(c == kind - 1);
    });
}

template <class T>
static gn_status jet_residual(cudaStream_t stream, const residual_program &program, size_t n, int d,
                              const void *x, const void *u, void *r, void *partials) {
    if (n == 0)
        return GN_OK;
    LAUNCH(jet_residual_kernel<T>, line_grid(n, MOST_BLOCKS), THREADS, 0, stream, program, n, d, as<T>(x),
           as<T>(u), as<T>(r), as<T>(partials));
    return launched();
}

static gn_status fill_program(int length, const uint8_t *codes, const uint8_t *operands, const double *values,
                              size_t d, residual_program *program) {
    if (length < 0 || length > MOST_CODES || d > (size_t)MOST_AXES)
        return GN_ERROR_ARGUMENT;
    program->length = length;
    for (int k = 0; k < length; k++) {
        program->codes[k] = codes[k];
        program->operands[k] = operands[k];
        program->values[k] = values[k];
    }
    return GN_OK;
}

gn_status gn_cuda_jet_residual(cudaStream_t stream, int type, int length, const uint8_t *codes,
                               const uint8_t *operands, const double *values, size_t n, size_t d,
                               const void *x, const void *u, void *r, void *partials) {
    residual_program program = {};
    const gn_status status = fill_program(length, codes, operands, values, d, &program);
    if (status != GN_OK)
        return status;
    return BY_TYPE(type, jet_residual, stream, program, n, (int)d, x, u, r, partials);
}

/* ---- jet_residual_vjp_jvp: the same program, every value and partial derivative with its tangent ---- */

template <class T> struct moving_dual { dual<T> at, dot; };

/* f''(a), where v = f(a) and s = f'(a) */
template <class T> __device__ T bend_of(int code, T a, T v, T s) {
    switch (code) {
    case NEGATE:
        return 0;
    case SIN:
    case COS:
        return -v;
    case EXP:
        return v;
    case TANH:
        return -2 * v * s;
    case LOG:
        return -s * s;
    default: /* SQRT */
        return (T)-0.5 * s / a;
    }
}

/* The second derivatives of f(a, b). */
template <class T> __device__ void bends_of(int code, T a, T b, T *by_aa, T *by_ab, T *by_bb) {
    *by_aa = *by_ab = *by_bb = 0;
    if (code == MULTIPLY)
        *by_ab = 1;
    if (code == DIVIDE) {
        *by_ab = -1 / (b * b);
        *by_bb = 2 * a / (b * b * b);
    }
    if (code == POWER && b != 0 && b != 1) /* of these it is 0, at 0 too */
        *by_aa = b * (b - 1) * raise(a, b - 2);
}

/* a = f(a), with all that hangs on it */
template <class T> __device__ void move_one(int code, bool plain, int channels, moving_dual<T> &a) {
    const T before = a.at.value, slope = apply(code, &a.at.value);
    if (plain)
        return;
    const T turn = bend_of(code, before, a.at.value, slope) * a.dot.value;
    for (int c = 0; c < channels; c++) {
        a.dot.partial[c] = turn * a.at.partial[c] + slope * a.dot.partial[c];
        a.at.partial[c] *= slope;
    }
    a.dot.value *= slope;
}

/* a = f(a, b) */
template <class T>
__device__ void move_two(int code, bool plain, int channels, moving_dual<T> &a, const moving_dual<T> &b) {
    T by_a, by_b, aa, ab, bb;
    bends_of(code, a.at.value, b.at.value, &aa, &ab, &bb);
    combine(code, &a.at.value, b.at.value, &by_a, &by_b);
    if (plain)
        return;
    const T turn_a = aa * a.dot.value + ab * b.dot.value, turn_b = ab * a.dot.value + bb * b.dot.value;
    for (int c = 0; c < channels; c++) {
        a.dot.partial[c] = turn_a * a.at.partial[c] + turn_b * b.at.partial[c] + by_a * a.dot.partial[c] +
                           by_b * b.dot.partial[c];
        a.at.partial[c] = by_a * a.at.partial[c] + by_b * b.at.partial[c];
    }
    a.dot.value = by_a * a.dot.value + by_b * b.dot.value;
}

/* Leaves the result in stack[0]. */
template <class T>
__device__ void move(const residual_program &program, int d, const T *x, const T *u, const T *du,
                     moving_dual<T> *stack) {
    const int channels = 1 + 2 * d;
    int depth = 0;
    for (int k = 0; k < program.length; k++) {
        const int code = program.codes[k], operand = program.operands[k];
        if (code <= CHANNEL) {
            moving_dual<T> &top = stack[depth++];
            top.at.value = code == COORDINATE ? x[operand]
                           : code == CHANNEL  ? u[operand]
                                              : (T)program.values[k];
            top.dot.value = code == CHANNEL ? du[operand] : (T)0;
            for (int c = 0; c < channels; c++) {
                top.at.partial[c] = code == CHANNEL && c == operand ? 1 : 0;
                top.dot.partial[c] = 0;
            }
        } else if (code < ADD) {
            move_one(code, operand != 0, channels, stack[depth - 1]);
        } else {
            depth--;
            move_two(code, operand != 0, channels, stack[depth - 1], stack[depth]);
        }
    }
}

template <class T>
__global__ void jet_residual_vjp_jvp_kernel(residual_program program, size_t n, int axes,
                                            const T *__restrict__ x, const T *__restrict__ u,
                                            const T *__restrict__ du, const T *__restrict__ d,
                                            const T *__restrict__ d_dot, T *__restrict__ out) {
    const int channels = 1 + 2 * axes;
    for_elements<1>(n, [&](size_t row, auto) {
        moving_dual<T> stack[MOST_DEPTH];
        const size_t first = row * (size_t)channels;
        const T *point = x + row * (size_t)(axes + 1);
        const int kind = (int)point[axes];
        if (kind == 0)
            move(program, axes, point, u + first, du + first, stack);
        for (int c = 0; c < channels; c++)
            out[first + c] = kind == 0
                                 ? stack[0].at.partial[c] * d_dot[row] + stack[0].dot.partial[c] * d[row]
                             : c == kind - 1 ? d_dot[row]
                                             : (T)0;
    });
}

template <class T>
static gn_status jet_residual_vjp_jvp(cudaStream_t stream, const residual_program &program, size_t n,
                                      int axes, const void *x, const void *u, const void *du, const void *d,
                                      const void *d_dot, void *out) {
    if (n == 0)
        return GN_OK;
    LAUNCH(jet_residual_vjp_jvp_kernel<T>, line_grid(n, MOST_BLOCKS), THREADS, 0, stream, program, n, axes,
           as<T>(x), as<T>(u), as<T>(du), as<T>(d), as<T>(d_dot), as<T>(out));
    return launched();
}

gn_status gn_cuda_jet_residual_vjp_jvp(cudaStream_t stream, int type, int length, const uint8_t *codes,
                                       const uint8_t *operands, const double *values, size_t n, size_t axes,
                                       const void *x, const void *u, const void *du, const void *d,
                                       const void *d_dot, void *out) {
    residual_program program = {};
    const gn_status status = fill_program(length, codes, operands, values, axes, &program);
    if (status != GN_OK)
        return status;
    return BY_TYPE(type, jet_residual_vjp_jvp, stream, program, n, (int)axes, x, u, du, d, d_dot, out);
}
