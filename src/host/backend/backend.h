/* The table of primitives a device offers. Everything above src/host/backend knows devices only through it.
 *
 * Conventions. Matrices are row-major, `ld*` is the distance between rows in elements. Pointers are device
 * pointers unless named host_*. Buffers of one call have the type given by `type`; scalars that a reduction
 * produces (`double *slot`) live in device memory as float64, and sums are accumulated in float64.
 * Every function may be called with sizes of 0. Every reduction gives the same bits for the same input.
 * Letters: N samples, C outputs, R cotangents a sample, T positions (rows a sample), W features, P
 * parameters.
 *
 * An entry is REQUIRED or OPTIONAL (gn_backend_complete() fills in a default made of required ones). */
#ifndef GN_BACKEND_H
#define GN_BACKEND_H

#include <stdbool.h>
#include <stdint.h>

#include "gnewt/context.h"

/* Raised whenever an entry is added, removed or changed: a plugin built against another number is refused. */
#define GN_BACKEND_ABI 12u

typedef enum gn_activation {
    GN_ACTIVATION_IDENTITY,
    GN_ACTIVATION_TANH,
    GN_ACTIVATION_RELU,
    GN_ACTIVATION_GELU, /* z Phi(z), the exact form with erf */
    GN_ACTIVATION_SIN,
    GN_ACTIVATION_SIGMOID,
    GN_ACTIVATION_SOFTPLUS,
    GN_ACTIVATION_QUADRATIC, /* z^2 */
    GN_ACTIVATION_COUNT
} gn_activation;

/* A function of a point (d coordinates) and of a jet there (T = 1 + 2d channels), in postfix order: what the
 * residual of a PDE is. Every code takes its operands from a stack and leaves one value there; one value is
 * left at the end. problem/expression.h makes these from text. */
typedef struct gn_expression gn_expression;

typedef enum gn_expression_code {
    GN_EXPRESSION_CONSTANT,   /* value[k] */
    GN_EXPRESSION_COORDINATE, /* x_i, i = operand[k] < d */
    GN_EXPRESSION_CHANNEL,    /* operand[k] < T */
    GN_EXPRESSION_NEGATE,
    GN_EXPRESSION_SIN,
    GN_EXPRESSION_COS,
    GN_EXPRESSION_EXP,
    GN_EXPRESSION_TANH,
    GN_EXPRESSION_LOG,
    GN_EXPRESSION_SQRT,
    GN_EXPRESSION_ADD,
    GN_EXPRESSION_SUBTRACT,
    GN_EXPRESSION_MULTIPLY,
    GN_EXPRESSION_DIVIDE,
    GN_EXPRESSION_POWER, /* the exponent holds no channel */
    GN_EXPRESSION_CODES
} gn_expression_code;

enum { GN_EXPRESSION_LENGTH = 64, GN_EXPRESSION_DEPTH = 12, GN_EXPRESSION_AXES = 3 }; /* at most */

/* operand: for functions and operators, 1 where nothing below holds a channel, so that values are enough. */
struct gn_expression {
    int length, axes; /* d */
    uint8_t code[GN_EXPRESSION_LENGTH];
    uint8_t operand[GN_EXPRESSION_LENGTH];
    double value[GN_EXPRESSION_LENGTH];
};

/* What a backend gets from its context: where to write why something failed, and whom to tell of a way round
 * that was taken. */
typedef struct gn_backend_services {
    char *message;
    size_t message_size;
    gn_log_function log; /* may be NULL */
    void *log_user;
} gn_backend_services;

/* The hyperparameters of a first-order update that stay fixed during a phase. */
typedef struct gn_sgd_rule {
    double momentum;     /* v <- momentum v + g */
    double weight_decay; /* g <- g + weight_decay theta */
} gn_sgd_rule;

typedef struct gn_adam_rule {
    double beta1, beta2, epsilon;
    double weight_decay;
    bool decoupled; /* true: AdamW, theta <- (1 - rate weight_decay) theta first; false: added to g */
} gn_adam_rule;

/* What a solve by conjugate gradients or LSMR is asked, a row (a system); in device memory, so that a program
 * that solves is recorded once. */
typedef struct gn_solve_rule {
    double damping;  /* mu >= 0 */
    double relative; /* converged where the residual's norm <= relative * the right-hand side's */
    double absolute; /* or its largest absolute value <= absolute (CG) */
    double
        progress; /* CG: stop where the model gains less than this an iteration, relative to it; 0: never */
    double limit; /* of iterations */
} gn_solve_rule;

/* Where a row of a CG solve stands; in device memory. Written by the cg_ entries alone. */
typedef struct gn_cg_row {
    double reason;                             /* a gn_stop; GN_STOP_NONE while it runs */
    double iterations;                         /* steps taken */
    double goal;                               /* (relative ||b||)^2 */
    double rho;                                /* r'z */
    double rho_before;                         /* of the step before; infinite at first */
    double curvature;                          /* p'(A + mu I)p */
    double residual_squared, residual_largest; /* r'r, max |r_i| */
    double model;                              /* x'(A + mu I)x / 2 - b'x */
} gn_cg_row;

/* The device memory of a CG solve of R rows, beside its vectors. */
typedef struct gn_cg_slots {
    const gn_solve_rule *rules; /* R */
    gn_cg_row *rows;            /* R */
    double *models;             /* R x kept: the model after i steps at i % kept, for the last of them */
    size_t kept;                /* > max(10, limit / 10) */
    double *flag;               /* how many rows still run */
} gn_cg_slots;

/* Where a row of an LSMR solve stands; the same. u and v are kept with the lengths that they have when they
 * come out of a product: beta and alpha. The names of the rotations are the paper's. */
typedef struct gn_lsmr_row {
    double reason;
    double decided;    /* the reason that the update of x makes the row's */
    double iterations; /* -1: only u is there */
    double goal;       /* relative ||A'b|| */
    double residual;   /* ||A'(b - A x) - mu x||, |zetabar| in the paper */
    double alpha, beta, alpha_bar, rho, rho_bar, c_bar, s_bar, zeta_bar;
    double hbar_scale, x_scale, h_scale; /* of the next update */
} gn_lsmr_row;

typedef struct gn_lsmr_slots {
    const gn_solve_rule
        *rules;        /* R; the residual is that of the normal equations, its norm in both tolerances */
    gn_lsmr_row *rows; /* R */
    double *flag;
} gn_lsmr_slots;

/* How often a run of a program repeats its body: while *flag > 0 (so NaN ends it), looked at before each
 * pass, the first too, and at most *most times. The body's own calls write the flag. All are float64 in
 * device memory. */
typedef struct gn_program_loop {
    const double *flag;
    const double *most; /* NULL: no limit */
    double *count;      /* the passes of the last run; NULL: not wanted */
} gn_program_loop;

/* Causal attention of N samples, T positions and several heads of `width` features each, D = heads * width;
 * only the last `queries` positions ask. */
typedef struct gn_attention {
    size_t samples, positions, queries, heads, width;
} gn_attention;

/* Positions that attention takes at most. */
#define GN_ATTENTION_POSITIONS 1024

typedef struct gn_backend gn_backend;

/* What every state begins with. gn_backend_open() sets it, so that the defaults of OPTIONAL entries find the
 * REQUIRED ones. */
typedef struct gn_backend_state {
    const gn_backend *table;
} gn_backend_state;

struct gn_backend {
    uint32_t abi;  /* GN_BACKEND_ABI */
    uint32_t size; /* sizeof(gn_backend) */
    const char *name;
    size_t gram_tile; /* rows of a Gram tile that suit the device's caches */

    /* ---- device: REQUIRED ---- */
    /* Opens `device` (the text after "cuda:", or NULL); copies *services. state, which begins with a
     * gn_backend_state, is the first argument of all that follows. Callers use gn_backend_open(). */
    gn_status (*open)(const char *device, const gn_backend_services *services, void **state);
    void (*close)(void *state);
    const char *(*describe)(void *state);
    gn_status (*memory)(void *state, size_t *free_bytes, size_t *total_bytes);
    gn_status (*synchronize)(void *state);

    /* ---- memory: REQUIRED; allocations are 64-byte aligned ---- */
    gn_status (*allocate)(void *state, size_t bytes, void **pointer);
    gn_status (*release)(void *state, void *pointer);
    /* host_from may be reused on return */
    gn_status (*upload)(void *state, void *to, const void *host_from, size_t bytes);
    gn_status (*download)(void *state, void *host_to, const void *from,
                          size_t bytes); /* waits for the result */
    gn_status (*copy)(void *state, void *to, const void *from, size_t bytes);
    gn_status (*zero)(void *state, void *to, size_t bytes);

    /* ---- vectors: REQUIRED ---- */
    /* x = value */
    gn_status (*fill)(void *state, gn_dtype type, size_t n, double value, void *x);
    /* y = alpha x + beta y; beta = 0 does not read y; y may be x */
    gn_status (*axpby)(void *state, gn_dtype type, size_t n, double alpha, const void *x, double beta,
                       void *y);
    /* The same with alpha = (*a - *b) / *c of the device; a or b NULL: 0 in its place */
    gn_status (*axpby_ratio)(void *state, gn_dtype type, size_t n, const double *a, const double *b,
                             const double *c, const void *x, double beta, void *y);
    /* z = x .* y; z may be x or y */
    gn_status (*multiply)(void *state, gn_dtype type, size_t n, const void *x, const void *y, void *z);
    /* slot = x'y */
    gn_status (*dot)(void *state, gn_dtype type, size_t n, const void *x, const void *y, double *slot);
    /* to[i,:] = from[index[i],:], i < rows, `columns` elements a row; indices are in range */
    gn_status (*gather_rows)(void *state, gn_dtype type, size_t rows, size_t columns, const uint32_t *index,
                             const void *from, void *to);

    /* ---- products: REQUIRED ---- */
    /* C (m x n) = alpha op(A) op(B) + beta C, op(A) m x k, op(B) k x n; beta = 0 does not read C */
    gn_status (*gemm)(void *state, gn_dtype type, bool transpose_a, bool transpose_b, size_t m, size_t n,
                      size_t k, double alpha, const void *a, size_t lda, const void *b, size_t ldb,
                      double beta, void *c, size_t ldc);

    /* ---- dense linear algebra: REQUIRED; matrices symmetric, n x n, the lower triangle is read ---- */
    gn_status (*cholesky_workspace)(void *state, gn_dtype type, size_t n, size_t *bytes);
    /* The lower factor over the lower triangle. NOT_POSITIVE_DEFINITE where a pivot is not > 0. */
    gn_status (*cholesky)(void *state, gn_dtype type, size_t n, void *a, size_t lda, void *work,
                          size_t bytes);
    /* b <- (L L')^-1 b for each row of b (rows x n): a right-hand side */
    gn_status (*cholesky_solve)(void *state, gn_dtype type, size_t n, const void *l, size_t ldl, size_t rows,
                                void *b);
    gn_status (*eigh_workspace)(void *state, gn_dtype type, size_t n, size_t *bytes);
    /* Eigenvalues ascending in values (n); row i of a becomes eigenvector i. NO_CONVERGENCE where it fails;
     * devices other than the host then leave the lower triangle of a as it was, for gn_eigh(). */
    gn_status (*eigh)(void *state, gn_dtype type, size_t n, void *a, size_t lda, void *values, void *work,
                      size_t bytes);
    /* Copies the lower triangle to the upper. */
    gn_status (*symmetrize)(void *state, gn_dtype type, size_t n, void *a, size_t lda);
    /* a_ii += *slot where slot = max(damping, floor * trace(a)); writes slot */
    gn_status (*add_damping)(void *state, gn_dtype type, size_t n, void *a, size_t lda, double damping,
                             double floor, double *slot);
    /* For lambda_i = max(values[i], 0) (a Gram has no negative eigenvalues but rounding's) and
     * mu = max(damping, floor * max lambda): out[i] = in[i] / (lambda_i + mu) where lambda_i > cutoff * max
     * lambda, else 0; cutoff < 0 keeps all but 0 / 0. A NaN eigenvalue is kept, to be seen. slots[0] = mu,
     * slots[1] = number kept. out may be in. */
    gn_status (*spectral_filter)(void *state, gn_dtype type, size_t n, const void *values, double damping,
                                 double floor, double cutoff, const void *in, void *out, double *slots);

    /* For lambda_i = max(values[i], floor), floor >= 0, and g_i = (lambda_i + *mu)^-exponent (0 in place of
     * infinity): out[i] = in[i] g_order[i], order NULL: g_i, in NULL: 1; with `normalized` over max_i
     * lambda_i g_order[i], or 0 where that is 0. Where *mu < 0, it becomes -*mu max lambda first. A NaN
     * eigenvalue makes its own out NaN. out may be in. */
    gn_status (*spectral_power)(void *state, gn_dtype type, size_t n, const void *values, double exponent,
                                double floor, bool normalized, const uint32_t *order, double *mu,
                                const void *in, void *out);

    /* ---- network: REQUIRED ---- */
    /* y[i,:] = bias, i < rows (bias NULL: 0) */
    gn_status (*bias_rows)(void *state, gn_dtype type, size_t rows, size_t columns, const void *bias,
                           void *y);
    /* y[j] = sum_i x[i,j] */
    gn_status (*column_sums)(void *state, gn_dtype type, size_t rows, size_t columns, const void *x, void *y);
    /* a = phi(z), slope = phi'(z) (slope may be NULL) */
    gn_status (*activation)(void *state, gn_dtype type, gn_activation kind, size_t n, const void *z, void *a,
                            void *slope);
    /* out = phi'(z) .* d_dot + phi''(z) .* dz .* d: how phi'(z) .* d moves with z and d; out may be d_dot */
    gn_status (*activation_vjp_jvp)(void *state, gn_dtype type, gn_activation kind, size_t n, const void *z,
                                    const void *dz, const void *d, const void *d_dot, void *out);
    /* out[n,r,w] = in[n,r,w] * s[n,w], N x R x W; out may be in */
    gn_status (*multiply_rows)(void *state, gn_dtype type, size_t n, size_t r, size_t w, const void *in,
                               const void *s, void *out);
    /* out[n,w] = sum_r u[n,r] d[n,r,w] */
    gn_status (*contract_rows)(void *state, gn_dtype type, size_t n, size_t r, size_t w, const void *u,
                               const void *d, void *out);
    /* d[n,r,r'] = (r == r'), N x R x R: the cotangents that pick each output */
    gn_status (*unit_rows)(void *state, gn_dtype type, size_t n, size_t r, void *d);
    /* A linear layer's block of the Jacobian: j[m, o*in+i] = sum_t d[m,t,o] a[m/R,t,i] for m < n*R, and, with
     * bias, j[m, out*in+o] = sum_t d[m,t,o]. d is (N*R*T) x out, rows ldd apart, a is (N*T) x in. */
    gn_status (*jacobian_linear)(void *state, gn_dtype type, size_t n, size_t r, size_t t, size_t out,
                                 size_t in, const void *d, size_t ldd, const void *a, bool bias, void *j,
                                 size_t ldj);
    /* A linear layer's part of a Gram tile: k[m,m'] = beta k + sum_tt' s[m,t,m',t'] (g[m/R,t,m'/R,t'] +
     * shift), m < ni*R, m' < nj*R. s is (ni*R*T) x (nj*R*T), g is (ni*T) x (nj*T). lower: only m' <= m is
     * needed (what is above is undefined), s and g are symmetric and read on and below the diagonal. */
    gn_status (*gram_hadamard)(void *state, gn_dtype type, size_t ni, size_t nj, size_t r, size_t t,
                               const void *s, size_t lds, const void *g, size_t ldg, double shift,
                               double beta, bool lower, void *k, size_t ldk);
    /* out[n,p,w] = f sum_r d[n,r,t,w] d[n,r,t',w] for the pairs t' <= t, p = t (t+1) / 2 + t'; f is `twice`
     * where t' < t, else 1. d is N x R x T x W. */
    gn_status (*pair_products)(void *state, gn_dtype type, size_t n, size_t r, size_t t, size_t w,
                               double twice, const void *d, void *out);

    /* ---- losses: REQUIRED ---- */
    /* r = f - y over n elements; slot = sum r^2 */
    gn_status (*squared_loss)(void *state, gn_dtype type, size_t n, const void *f, const void *y, void *r,
                              double *slot);
    /* slot = number of samples with argmax_c f = argmax_c y (first index wins ties) in each of their t rows
     */
    gn_status (*count_correct)(void *state, gn_dtype type, size_t n, size_t t, size_t c, const void *f,
                               const void *y, double *slot);

    /* ---- first-order updates, one pass: REQUIRED. *rate: learning rate, in device memory ---- */
    /* g += wd theta; v = momentum v + g; theta -= rate v. v may be NULL where momentum is 0. */
    gn_status (*sgd_update)(void *state, gn_dtype type, size_t p, gn_sgd_rule rule, const double *rate,
                            const void *g, void *v, void *theta);
    /* *clock counts updates: it is raised by 1 first, and is the t of the bias corrections. */
    gn_status (*adam_update)(void *state, gn_dtype type, size_t p, gn_adam_rule rule, const double *rate,
                             double *clock, const void *g, void *m, void *v, void *theta);

    /* ---- classes: REQUIRED; n rows of c logits f, targets y whose rows sum to 1, p = softmax(f) ---- */
    /* p = softmax(f) and g = p - y, the gradient of the loss in f; slot = sum over rows of -sum_c y log p. g
     * may be f. */
    gn_status (*cross_entropy_loss)(void *state, gn_dtype type, size_t n, size_t c, const void *f,
                                    const void *y, void *p, void *g, double *slot);
    /* out = alpha H u, H = diag(p) - p p' of each row: the Hessian of the loss in f. out may be u. */
    gn_status (*softmax_hessian)(void *state, gn_dtype type, size_t n, size_t c, double alpha, const void *p,
                                 const void *u, void *out);
    /* A root of it, H = S S': S = diag(sqrt(q)) - q sqrt(q)' with q = max(p, eps^2), eps the type's, so that
     * softmax_root_solve() divides by no 0. Samples of t rows of c: d[n,r,:] = row r of the S' of a sample, N
     * x TC x TC, whose blocks are its rows'. */
    gn_status (*softmax_root)(void *state, gn_dtype type, size_t n, size_t t, size_t c, const void *p,
                              void *d);
    /* out = S u, or S'u, row by row; out may be u */
    gn_status (*softmax_root_multiply)(void *state, gn_dtype type, bool transpose, size_t n, size_t c,
                                       const void *p, const void *u, void *out);
    /* t with S t = g where the rows of g sum to 0: t = g / sqrt(q). n elements; t may be g. */
    gn_status (*softmax_root_solve)(void *state, gn_dtype type, size_t n, const void *p, const void *g,
                                    void *t);

    /* ---- solvers: REQUIRED. Vectors are rows x n, a row each system's own; a row whose reason is not
     * GN_STOP_NONE is left as it is. Nothing is read back: a loop runs while *slots.flag > 0. ---- */
    /* Begins a solve of (A + mu I) x = b. r holds b. ax = A x for the x to start from, or NULL: x = 0 then,
     * and is written. r -= ax + mu x. Where b = 0, x and r become 0. Writes all of a row: it stops at once
     * where r is small enough, the limit is 0 or a value is not finite. */
    gn_status (*cg_begin)(void *state, gn_dtype type, size_t rows, size_t n, const void *ax, void *x, void *r,
                          gn_cg_slots slots);
    /* p = z + (rho / rho_before) p, which reads p only after a first step. z is r, or the preconditioned r:
     * then rho = r'z first. */
    gn_status (*cg_direction)(void *state, gn_dtype type, size_t rows, size_t n, const void *r, const void *z,
                              void *p, gn_cg_slots slots);
    /* With q = A p and alpha = rho / p'(q + mu p): x += alpha p, r -= alpha (q + mu p); rho becomes r'r.
     * Where the step cannot be taken (rho or the curvature not positive, or not finite), x and r stay and the
     * reason says why; else the row stops where it has converged, the model gains too little or the limit is
     * reached. J. Martens, "Deep learning via Hessian-free optimization", ICML 2010, for the model's rule:
     * after i > k = max(10, i / 10) steps, (model_i - model_{i-k}) / model_i < k progress. */
    gn_status (*cg_step)(void *state, gn_dtype type, size_t rows, size_t n, const void *p, const void *q,
                         void *x, void *r, gn_cg_slots slots);

    /* LSMR for the least |b - A x|^2 + mu |x|^2. D. Fong and M. Saunders, "LSMR: an iterative algorithm for
     * sparse least-squares problems", SIAM J. Sci. Comput. 33 (2011). A pass is: A v, lsmr_left, A'u,
     * lsmr_right, lsmr_update. */
    /* u (R x m) = product / alpha - (alpha / beta) u, beta = |u|. product NULL begins a solve: u holds b. */
    gn_status (*lsmr_left)(void *state, gn_dtype type, size_t rows, size_t m, const void *product, void *u,
                           gn_lsmr_slots slots);
    /* v (R x n) = product / beta - (beta / alpha) v, where v is not read in the first call of a solve; alpha
     * = |v|; the rotations, and what they decide. */
    gn_status (*lsmr_right)(void *state, gn_dtype type, size_t rows, size_t n, const void *product, void *v,
                            gn_lsmr_slots slots);
    /* hbar = h + hbar_scale hbar, x += x_scale hbar, h = v / alpha + h_scale h; after 0 iterations h = v /
     * alpha, hbar = 0, x = 0. Then what was decided holds. */
    gn_status (*lsmr_update)(void *state, gn_dtype type, size_t rows, size_t n, const void *v, void *h,
                             void *hbar, void *x, gn_lsmr_slots slots);

    /* ---- sequences: REQUIRED. Tokens are numbers 0 ... V - 1 in the call's type; any other value is no
     * token.
     * ---- */
    /* to[i,:] = from[i,:], rows ldf and ldt apart */
    gn_status (*copy_rows)(void *state, gn_dtype type, size_t rows, size_t columns, const void *from,
                           size_t ldf, void *to, size_t ldt);
    /* out[i,:] = table[tokens[i],:], or NaN where that is no token; table is V x W */
    gn_status (*embed)(void *state, gn_dtype type, size_t rows, size_t w, size_t v, const void *tokens,
                       const void *table, void *out);
    /* to[v,:] = the sum of d's rows whose token is v (V x W); tokens are N x T. d has a row a position, N x T
     * x W, or, with pairs, one a pair of positions t' <= t, which counts where both have the token (N x T
     * (T+1)/2 x W, as of pair_products). work: V + 1 + N T numbers that it may write. */
    gn_status (*embed_adjoint)(void *state, gn_dtype type, size_t n, size_t t, bool pairs, size_t w, size_t v,
                               const void *tokens, const void *d, uint32_t *work, void *to);
    /* g[i,j] = (a[i] == b[j]) */
    gn_status (*embed_matches)(void *state, gn_dtype type, size_t rows, size_t columns, const void *a,
                               const void *b, void *g, size_t ldg);
    /* An embedding's block of the Jacobian: j[m, v*w+k] = sum of d[m,t,k] over the t with token v. d is
     * (N*R*T) x W. */
    gn_status (*jacobian_embed)(void *state, gn_dtype type, size_t n, size_t r, size_t t, size_t w, size_t v,
                                const void *tokens, const void *d, void *j, size_t ldj);
    /* For each row: xhat = (x - mean) rstd, rstd = 1 / sqrt(variance + epsilon), y = xhat .* weight + bias */
    gn_status (*layer_norm)(void *state, gn_dtype type, size_t rows, size_t w, double epsilon, const void *x,
                            const void *weight, const void *bias, void *y, void *xhat, void *rstd);
    /* dy = weight .* dxhat + dweight .* xhat + dbias, dxhat = rstd (dx - mean(dx) - xhat mean(xhat .* dx)) */
    gn_status (*layer_norm_jvp)(void *state, gn_dtype type, size_t rows, size_t w, const void *xhat,
                                const void *rstd, const void *weight, const void *dweight, const void *dbias,
                                const void *dx, void *dy);
    /* to = rstd (g - mean(g) - xhat mean(xhat .* g)) + beta to, g = d .* weight; d and to are N x R x T x W,
     * xhat is N x T x W; beta = 0 does not read to */
    gn_status (*layer_norm_vjp)(void *state, gn_dtype type, size_t n, size_t r, size_t t, size_t w,
                                const void *xhat, const void *rstd, const void *weight, const void *d,
                                double beta, void *to);
    /* How layer_norm_vjp's result moves with x, weight and d: to = rstd (h - mean(h) - xhat (mean(xhat .* h)
     * + mean(dxhat .* g)) - dxhat mean(xhat .* g)) - rstd mean(xhat .* dx) q + beta to, where g = d .*
     * weight, h = d_dot .* weight + d .* dweight, q = rstd (g - mean(g) - xhat mean(xhat .* g)) and dxhat as
     * in layer_norm_jvp. products = d_dot .* xhat + d .* dxhat. beta = 0 does not read to. */
    gn_status (*layer_norm_vjp_jvp)(void *state, gn_dtype type, size_t rows, size_t w, const void *xhat,
                                    const void *rstd, const void *weight, const void *dweight, const void *dx,
                                    const void *d, const void *d_dot, double beta, void *to, void *products);
    /* weight[k] = sum_i d[i,k] x[i,k], bias[k] = sum_i d[i,k] */
    gn_status (*scale_gradient)(void *state, gn_dtype type, size_t rows, size_t w, const void *d,
                                const void *x, void *weight, void *bias);
    /* j[m,k] = sum_t d[m,t,k] x[m/R,t,k], j[m,w+k] = sum_t d[m,t,k] for m < n*R */
    gn_status (*jacobian_scale)(void *state, gn_dtype type, size_t n, size_t r, size_t t, size_t w,
                                const void *d, const void *x, void *j, size_t ldj);
    /* qkv is N x T x 3D: query, key, value, heads one after the other within each. p = softmax over s <= t of
     * q_t'k_s / sqrt(width), N x heads x queries x T, 0 where s > t; out[n,t,head] = sum_s p[t,s] v_s, N x
     * queries x D. Dot products as gemm's: in the type. UNSUPPORTED beyond GN_ATTENTION_POSITIONS. */
    gn_status (*attention)(void *state, gn_dtype type, const gn_attention *shape, const void *qkv, void *p,
                           void *out);
    /* dout from dqkv, at qkv and its p */
    gn_status (*attention_jvp)(void *state, gn_dtype type, const gn_attention *shape, const void *qkv,
                               const void *p, const void *dqkv, void *dout);
    /* to (N x R x T x 3D) = the adjoint of attention_jvp on d (N x R x queries x D) */
    gn_status (*attention_vjp)(void *state, gn_dtype type, const gn_attention *shape, size_t r,
                               const void *qkv, const void *p, const void *d, void *to);
    /* to (N x T x 3D) = how attention_vjp's result (R = 1) moves with qkv, along dqkv, and with d, along
     * d_dot
     */
    gn_status (*attention_vjp_jvp)(void *state, gn_dtype type, const gn_attention *shape, const void *qkv,
                                   const void *p, const void *dqkv, const void *d, const void *d_dot,
                                   void *to);
    /* ---- jets: REQUIRED. A function of d coordinates as T = 1 + 2d channels: its value u, its first
     * derivatives u_i and its second ones u_ii, i = 1..d, in this order ---- */
    /* The coordinates' own jets, out N x T x d: x[n,:], the unit vectors, zeros; x has rows of `columns` >= d
     */
    gn_status (*jet_inputs)(void *state, gn_dtype type, size_t n, size_t d, size_t columns, const void *x,
                            void *out);
    /* a = phi(z) of jets, both N x T x W: a_0 = phi(z_0), a_i = phi' z_i, a_ii = phi'' z_i^2 + phi' z_ii;
     * slopes (N x T x W) is what jet_multiply needs of them: phi', p_i = phi'' z_i, q_i = phi''' z_i^2 +
     * phi'' z_ii. a may be z. */
    gn_status (*jet_activation)(void *state, gn_dtype type, gn_activation kind, size_t n, size_t d, size_t w,
                                const void *z, void *a, void *slopes);
    /* The derivative of that, or its transpose, of R jets a sample; in and out N x R x T x W:
     * out_0 = phi' in_0, out_i = p_i in_0 + phi' in_i, out_ii = q_i in_0 + 2 p_i in_i + phi' in_ii;
     * transposed out_0 = phi' in_0 + sum_i (p_i in_i + q_i in_ii), out_i = phi' in_i + 2 p_i in_ii, out_ii =
     * phi' in_ii. out may be in. */
    gn_status (*jet_multiply)(void *state, gn_dtype type, bool transpose, size_t n, size_t r, size_t d,
                              size_t w, const void *in, const void *slopes, void *out);
    /* How jet_multiply's transposed result (R = 1) on d moves with z, along dz, and with d, along d_dot: with
     * the slopes at z and their tangents, out_0 = phi' d_dot_0 + phi'' dz_0 d_0 + ...; all N x T x W; out may
     * be d_dot */
    gn_status (*jet_vjp_jvp)(void *state, gn_dtype type, gn_activation kind, size_t n, size_t d, size_t w,
                             const void *z, const void *dz, const void *cotangent, const void *cotangent_dot,
                             void *out);
    /* r (N) and its derivatives by the channels of u, partials (N x T; u N x T). x is N x (d + 1):
     * coordinates and the row's kind. Kind 0: r = the expression; kind k > 0: r = channel k - 1. d <=
     * GN_EXPRESSION_AXES */
    gn_status (*jet_residual)(void *state, gn_dtype type, const gn_expression *expression, size_t n, size_t d,
                              const void *x, const void *u, void *r, void *partials);
    /* out (N x T) = partials d_dot + (the tangent of partials where u moves along du) d; d and d_dot are (N)
     */
    gn_status (*jet_residual_vjp_jvp)(void *state, gn_dtype type, const gn_expression *expression, size_t n,
                                      size_t axes, const void *x, const void *u, const void *du,
                                      const void *d, const void *d_dot, void *out);

    /* ---- OPTIONAL ---- */
    /* c (n x n, lower triangle) = alpha a a' + beta c, a n x k (transpose: a k x n, a'a).
     * Default: gemm, which fills both triangles. */
    gn_status (*syrk)(void *state, gn_dtype type, bool transpose, size_t n, size_t k, double alpha,
                      const void *a, size_t lda, double beta, void *c, size_t ldc);
    /* y = alpha op(A) x + beta y, A m x n. Default: gemm. */
    gn_status (*gemv)(void *state, gn_dtype type, bool transpose, size_t m, size_t n, double alpha,
                      const void *a, size_t lda, const void *x, double beta, void *y);
    /* Eigenvalues as eigh's, without the eigenvectors; a is lost. Where it fails, what is said of eigh holds.
     * Work as eigh's. Default: eigh. */
    gn_status (*eigenvalues)(void *state, gn_dtype type, size_t n, void *a, size_t lda, void *values,
                             void *work, size_t bytes);

    /* Programs: a body of calls to this table that only give the device work (nothing that allocates, moves
     * data from or to the host, waits, or factors a matrix), always the same calls with the same arguments:
     * then a device may record them once and repeat them as one. `loop` (copied) NULL: a run is one pass. The
     * first run calls the body; later ones may or may not. A body that breaks these rules is called at each
     * pass instead, and the log says why. user and what the calls point at must outlive the program. Default:
     * a loop on the host. All three or none. */
    gn_status (*program_create)(void *state, gn_status (*body)(void *user), void *user,
                                const gn_program_loop *loop, void **program);
    gn_status (*program_run)(void *state, void *program);
    void (*program_destroy)(void *state, void *program);
};

/* One entry of the table, for completeness checks and for tests that must reach every entry. */
typedef struct gn_backend_entry {
    const char *name;
    size_t offset;
    bool required;
} gn_backend_entry;

/* All entries, in the table's order; *count is their number. */
const gn_backend_entry *gn_backend_entries(size_t *count);

/* Fills in the defaults of absent OPTIONAL entries. UNSUPPORTED, with the entry's name in *missing, where a
 * REQUIRED one is absent or abi/size differ from this build's. */
gn_status gn_backend_complete(gn_backend *backend, const char **missing);

/* Opens a complete table, which must stay where it is until close(). */
gn_status gn_backend_open(const gn_backend *backend, const char *device, const gn_backend_services *services,
                          void **state);

/* Repeats a body as `loop` says, reading the flag back before each pass: what devices do that cannot do
 * better.
 */
gn_status gn_program_loop_on_host(void *state, const gn_program_loop *loop, gn_status (*body)(void *user),
                                  void *user);

#endif
