/* The only door to the CUDA kernels: launchers in C, one an entry of the backend's table, plus what loops
 * that live on the device need.
 *
 * Conventions. `stream` orders the work; a launcher only enqueues, never waits, never allocates, and may be
 * captured into a graph. `type` is the value of a gn_dtype: 0 float32, 1 float64; pointers without a type
 * point to elements of it. All pointers are device pointers. Matrices are row-major, `ld*` is the distance
 * between rows in elements. Sizes may be 0. Scalars (`double *slot`) live in device memory. Buffers of one
 * call do not overlap, except where an entry says that they may.
 *
 * Sums are accumulated in float64, in an order that depends on the sizes alone and on whether the operands
 * begin at multiples of 16 bytes: the same call gives the same bits.
 *
 * Errors. Every launch is checked. GN_ERROR_DEVICE: the cause is what cudaGetLastError() then says (it also
 * clears it). GN_ERROR_ARGUMENT: a `type` or `kind` outside the list, or momentum without a velocity;
 * GN_ERROR_UNSUPPORTED: a matrix wider than a grid (2^31 strips of 32 columns); nothing was launched.
 *
 * Letters: N samples, C outputs, R cotangents a sample, T positions (rows a sample), W features, P
 * parameters. */
#ifndef GN_KERNELS_H
#define GN_KERNELS_H

#include <cuda_runtime_api.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gnewt/status.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Scratch of the reductions and of adam_update: device memory of this size, 16-byte aligned, zeroed once when
 * it is allocated. A kernel leaves it ready for the next; two streams must not share one. */
#define GN_CUDA_SCRATCH_BYTES ((size_t)(16384 * 8 + 256 * 4))

/* ---- vectors.cu ---- */

/* x = value */
gn_status gn_cuda_fill(cudaStream_t stream, int type, size_t n, double value, void *x);
/* y = alpha x + beta y; beta = 0 does not read y; y may be x */
gn_status gn_cuda_axpby(cudaStream_t stream, int type, size_t n, double alpha, const void *x, double beta,
                        void *y);
/* The same with alpha = (*a - *b) / *c; a or b NULL: 0 in its place */
gn_status gn_cuda_axpby_ratio(cudaStream_t stream, int type, size_t n, const double *a, const double *b,
                              const double *c, const void *x, double beta, void *y);
/* z = x .* y; z may be x or y */
gn_status gn_cuda_multiply(cudaStream_t stream, int type, size_t n, const void *x, const void *y, void *z);
/* to[i,:] = from[index[i],:], i < rows, `columns` elements a row */
gn_status gn_cuda_gather_rows(cudaStream_t stream, int type, size_t rows, size_t columns,
                              const uint32_t *index, const void *from, void *to);

/* ---- reduce.cu ---- */

/* slot = x'y */
gn_status gn_cuda_dot(cudaStream_t stream, int type, size_t n, const void *x, const void *y, double *slot,
                      void *scratch);
/* y[j] = sum_i x[i,j] */
gn_status gn_cuda_column_sums(cudaStream_t stream, int type, size_t rows, size_t columns, const void *x,
                              void *y, void *scratch);
/* r = f - y; slot = sum r^2 */
gn_status gn_cuda_squared_loss(cudaStream_t stream, int type, size_t n, const void *f, const void *y, void *r,
                               double *slot, void *scratch);
/* slot = number of samples with argmax_c f = argmax_c y (first index wins ties) in each of their t rows */
gn_status gn_cuda_count_correct(cudaStream_t stream, int type, size_t n, size_t t, size_t c, const void *f,
                                const void *y, double *slot, void *scratch);

/* ---- dense.cu; matrices n x n, the lower triangle is read ---- */

/* Copies the lower triangle to the upper. */
gn_status gn_cuda_symmetrize(cudaStream_t stream, int type, size_t n, void *a, size_t lda);
/* a_ii += *slot where slot = max(damping, floor * trace(a)); writes slot */
gn_status gn_cuda_add_damping(cudaStream_t stream, int type, size_t n, void *a, size_t lda, double damping,
                              double floor, double *slot);
/* For lambda_i = max(values[i], 0), mu = max(damping, floor * max lambda): out[i] = in[i] / (lambda_i + mu)
 * where lambda_i > cutoff * max lambda, else 0. slots[0] = mu, slots[1] = number kept. out may be in. */
gn_status gn_cuda_spectral_filter(cudaStream_t stream, int type, size_t n, const void *values, double damping,
                                  double floor, double cutoff, const void *in, void *out, double *slots);
/* For lambda_i = max(values[i], floor), floor >= 0, and g_i = (lambda_i + *mu)^-exponent (0 in place of
 * infinity): out[i] = in[i] g_order[i], order NULL: g_i, in NULL: 1; with `normalized` over max_i lambda_i
 * g_order[i], or 0 where that is 0. Where *mu < 0, it becomes -*mu max lambda first. out may be in. */
gn_status gn_cuda_spectral_power(cudaStream_t stream, int type, size_t n, const void *values, double exponent,
                                 double floor, bool normalized, const uint32_t *order, double *mu,
                                 const void *in, void *out);
/* slot = i + 1 for the first a_ii that is not > 0 (NaN is not), 0 where all are: what a Cholesky factor that
 * came out of NaN does not tell by itself. */
gn_status gn_cuda_first_pivot(cudaStream_t stream, int type, size_t n, const void *a, size_t lda,
                              double *slot);
/* slot = 0 where every element of the lower triangle is finite, else more */
gn_status gn_cuda_lower_faults(cudaStream_t stream, int type, size_t n, const void *a, size_t lda,
                               double *slot, void *scratch);

/* ---- network.cu ---- */

/* y[i,:] = bias, i < rows (bias NULL: 0) */
gn_status gn_cuda_bias_rows(cudaStream_t stream, int type, size_t rows, size_t columns, const void *bias,
                            void *y);
/* a = phi(z), slope = phi'(z) (slope may be NULL; a may be z). `kind` is the value of a gn_activation:
 * identity, tanh, relu, gelu, sin, sigmoid, softplus, quadratic. */
gn_status gn_cuda_activation(cudaStream_t stream, int type, int kind, size_t n, const void *z, void *a,
                             void *slope);
/* out = phi'(z) .* d_dot + phi''(z) .* dz .* d; out may be d_dot */
gn_status gn_cuda_activation_vjp_jvp(cudaStream_t stream, int type, int kind, size_t n, const void *z,
                                     const void *dz, const void *d, const void *d_dot, void *out);
/* out[n,r,w] = in[n,r,w] * s[n,w], N x R x W; out may be in */
gn_status gn_cuda_multiply_rows(cudaStream_t stream, int type, size_t n, size_t r, size_t w, const void *in,
                                const void *s, void *out);
/* out[n,w] = sum_r u[n,r] d[n,r,w] */
gn_status gn_cuda_contract_rows(cudaStream_t stream, int type, size_t n, size_t r, size_t w, const void *u,
                                const void *d, void *out);
/* d[n,r,r'] = (r == r'), N x R x R */
gn_status gn_cuda_unit_rows(cudaStream_t stream, int type, size_t n, size_t r, void *d);

/* ---- embedding.cu: tokens are numbers 0 ... V - 1 in the call's type; any other value is no token ---- */

/* to[i,:] = from[i,:], rows ldf and ldt apart */
gn_status gn_cuda_copy_rows(cudaStream_t stream, int type, size_t rows, size_t columns, const void *from,
                            size_t ldf, void *to, size_t ldt);
/* out[i,:] = table[tokens[i],:], or NaN where that is no token; table is V x W */
gn_status gn_cuda_embed(cudaStream_t stream, int type, size_t rows, size_t w, size_t v, const void *tokens,
                        const void *table, void *out);
/* to[v,:] = the sum of d's rows whose token is v; tokens are N x T, d is N x T x W or, with pairs, N x T
 * (T+1)/2 x W, where a pair counts if both have the token. work: V + 1 + N T numbers. UNSUPPORTED: 2^32
 * tokens. */
gn_status gn_cuda_embed_adjoint(cudaStream_t stream, int type, size_t n, size_t t, bool pairs, size_t w,
                                size_t v, const void *tokens, const void *d, uint32_t *work, void *to);
/* g[i,j] = (a[i] == b[j]) */
gn_status gn_cuda_embed_matches(cudaStream_t stream, int type, size_t rows, size_t columns, const void *a,
                                const void *b, void *g, size_t ldg);
/* j[m, v*w+k] = sum of d[m,t,k] over the t with token v, m < n*R */
gn_status gn_cuda_jacobian_embed(cudaStream_t stream, int type, size_t n, size_t r, size_t t, size_t w,
                                 size_t v, const void *tokens, const void *d, void *j, size_t ldj);

/* ---- layer_norm.cu ---- */

/* For each row: xhat = (x - mean) rstd, rstd = 1 / sqrt(variance + epsilon), y = xhat .* weight + bias */
gn_status gn_cuda_layer_norm(cudaStream_t stream, int type, size_t rows, size_t w, double epsilon,
                             const void *x, const void *weight, const void *bias, void *y, void *xhat,
                             void *rstd);
/* dy = weight .* dxhat + dweight .* xhat + dbias, dxhat = rstd (dx - mean(dx) - xhat mean(xhat .* dx)) */
gn_status gn_cuda_layer_norm_jvp(cudaStream_t stream, int type, size_t rows, size_t w, const void *xhat,
                                 const void *rstd, const void *weight, const void *dweight, const void *dbias,
                                 const void *dx, void *dy);
/* to = rstd (g - mean(g) - xhat mean(xhat .* g)) + beta to, g = d .* weight; d and to are N x R x T x W */
gn_status gn_cuda_layer_norm_vjp(cudaStream_t stream, int type, size_t n, size_t r, size_t t, size_t w,
                                 const void *xhat, const void *rstd, const void *weight, const void *d,
                                 double beta, void *to);
/* How that moves, R = 1, with x along dx, with weight and with d; as layer_norm_vjp_jvp of backend.h */
gn_status gn_cuda_layer_norm_vjp_jvp(cudaStream_t stream, int type, size_t rows, size_t w, const void *xhat,
                                     const void *rstd, const void *weight, const void *dweight,
                                     const void *dx, const void *d, const void *d_dot, double beta, void *to,
                                     void *products);
/* weight[k] = sum_i d[i,k] x[i,k], bias[k] = sum_i d[i,k] */
gn_status gn_cuda_scale_gradient(cudaStream_t stream, int type, size_t rows, size_t w, const void *d,
                                 const void *x, void *weight, void *bias, void *scratch);
/* j[m,k] = sum_t d[m,t,k] x[m/R,t,k], j[m,w+k] = sum_t d[m,t,k] for m < n*R */
gn_status gn_cuda_jacobian_scale(cudaStream_t stream, int type, size_t n, size_t r, size_t t, size_t w,
                                 const void *d, const void *x, void *j, size_t ldj);

/* ---- attention.cu: n samples, t positions of which the last `queries` ask, heads of h features, D = heads *
 * h; causal. UNSUPPORTED beyond 1024 positions. ---- */

/* qkv is N x T x 3D; p = softmax over s <= t of q_t'k_s / sqrt(h), N x heads x queries x T, 0 where s > t;
 * out[n,t,head] = sum_s p[t,s] v_s, N x queries x D */
gn_status gn_cuda_attention(cudaStream_t stream, int type, size_t n, size_t t, size_t queries, size_t heads,
                            size_t h, const void *qkv, void *p, void *out);
/* dout from dqkv */
gn_status gn_cuda_attention_jvp(cudaStream_t stream, int type, size_t n, size_t t, size_t queries,
                                size_t heads, size_t h, const void *qkv, const void *p, const void *dqkv,
                                void *dout);
/* to (N x R x T x 3D) = the adjoint of attention_jvp on d (N x R x queries x D) */
gn_status gn_cuda_attention_vjp(cudaStream_t stream, int type, size_t n, size_t r, size_t t, size_t queries,
                                size_t heads, size_t h, const void *qkv, const void *p, const void *d,
                                void *to);
/* to (N x T x 3D) = how that moves, R = 1, with qkv along dqkv and with d along d_dot */
gn_status gn_cuda_attention_vjp_jvp(cudaStream_t stream, int type, size_t n, size_t t, size_t queries,
                                    size_t heads, size_t h, const void *qkv, const void *p, const void *dqkv,
                                    const void *d, const void *d_dot, void *to);
/* ---- jets.cu: T = 1 + 2d channels a sample, u, u_1..u_d, u_11..u_dd ---- */

/* The coordinates' own jets, out N x T x d, from rows of `columns` >= d elements */
gn_status gn_cuda_jet_inputs(cudaStream_t stream, int type, size_t n, size_t d, size_t columns, const void *x,
                             void *out);
/* a = phi(z) of jets, and slopes: phi', p_i = phi'' z_i, q_i = phi''' z_i^2 + phi'' z_ii; all N x T x W; a
 * may be z. `kind` as in gn_cuda_activation. */
gn_status gn_cuda_jet_activation(cudaStream_t stream, int type, int kind, size_t n, size_t d, size_t w,
                                 const void *z, void *a, void *slopes);
/* out_0 = phi' in_0, out_i = p_i in_0 + phi' in_i, out_ii = q_i in_0 + 2 p_i in_i + phi' in_ii; transposed
 * out_0 = phi' in_0 + sum_i (p_i in_i + q_i in_ii), out_i = phi' in_i + 2 p_i in_ii, out_ii = phi' in_ii; in
 * and out N x R x T x W, slopes N x T x W. out may be in. */
gn_status gn_cuda_jet_multiply(cudaStream_t stream, int type, bool transpose, size_t n, size_t r, size_t d,
                               size_t w, const void *in, const void *slopes, void *out);
/* How the transposed one moves, R = 1, with z along dz and with its cotangent; out may be cotangent_dot */
gn_status gn_cuda_jet_vjp_jvp(cudaStream_t stream, int type, int kind, size_t n, size_t d, size_t w,
                              const void *z, const void *dz, const void *cotangent, const void *cotangent_dot,
                              void *out);
/* A postfix program (host arrays of `length` <= 64, copied; codes are gn_expression_code's values) at rows x
 * (N x (d + 1): coordinates, kind) and u (N x T): r (N) and partials (N x T) for kind 0; kind k > 0: r =
 * channel k - 1. ARGUMENT where it is too long or d > 3. */
gn_status gn_cuda_jet_residual(cudaStream_t stream, int type, int length, const uint8_t *codes,
                               const uint8_t *operands, const double *values, size_t n, size_t d,
                               const void *x, const void *u, void *r, void *partials);
/* out (N x T) = partials d_dot + (their tangent where u moves along du) d; d and d_dot are (N) */
gn_status gn_cuda_jet_residual_vjp_jvp(cudaStream_t stream, int type, int length, const uint8_t *codes,
                                       const uint8_t *operands, const double *values, size_t n, size_t axes,
                                       const void *x, const void *u, const void *du, const void *d,
                                       const void *d_dot, void *out);

/* ---- gram.cu ---- */

/* j[m, o*in+i] = sum_t d[m,t,o] a[m/R,t,i], m < n*R; with bias j[m, out*in+o] = sum_t d[m,t,o]. d is (N*R*T)
 * x out, rows ldd apart, a is (N*T) x in. */
gn_status gn_cuda_jacobian_linear(cudaStream_t stream, int type, size_t n, size_t r, size_t t, size_t out,
                                  size_t in, const void *d, size_t ldd, const void *a, bool bias, void *j,
                                  size_t ldj);
/* k[m,m'] = beta k + sum_tt' s[m,t,m',t'] (g[m/R,t,m'/R,t'] + shift), m < ni*R, m' < nj*R. s is (ni*R*T) x
 * (nj*R*T), g is (ni*T) x (nj*T). lower: only m' <= m is needed (what is above is undefined), s and g are
 * symmetric and read on and below the diagonal; beta = 0 does not read k. */
gn_status gn_cuda_gram_hadamard(cudaStream_t stream, int type, size_t ni, size_t nj, size_t r, size_t t,
                                const void *s, size_t lds, const void *g, size_t ldg, double shift,
                                double beta, bool lower, void *k, size_t ldk);
/* out[n,p,w] = f sum_r d[n,r,t,w] d[n,r,t',w] for the pairs t' <= t, p = t (t+1) / 2 + t'; f is `twice` where
 * t' < t, else 1. d is N x R x T x W. */
gn_status gn_cuda_pair_products(cudaStream_t stream, int type, size_t n, size_t r, size_t t, size_t w,
                                double twice, const void *d, void *out);

/* ---- loss.cu; n rows of c logits f, targets y whose rows sum to 1, p = softmax(f) ---- */

/* p = softmax(f), g = p - y; slot = sum over rows of -sum_c y log p. g may be f. */
gn_status gn_cuda_cross_entropy_loss(cudaStream_t stream, int type, size_t n, size_t c, const void *f,
                                     const void *y, void *p, void *g, double *slot, void *scratch);
/* out = alpha (p .* u - p (p'u)), row by row; out may be u */
gn_status gn_cuda_softmax_hessian(cudaStream_t stream, int type, size_t n, size_t c, double alpha,
                                  const void *p, const void *u, void *out);
/* d[n,r,:] = row r of S', S = diag(sqrt(q)) - q sqrt(q)' of each of t rows of c, q = max(p, eps^2) with eps
 * the type's; N x TC x TC */
gn_status gn_cuda_softmax_root(cudaStream_t stream, int type, size_t n, size_t t, size_t c, const void *p,
                               void *d);
/* out = S u, or S'u, row by row; out may be u */
gn_status gn_cuda_softmax_root_multiply(cudaStream_t stream, int type, bool transpose, size_t n, size_t c,
                                        const void *p, const void *u, void *out);
/* t = g / sqrt(q), n elements; t may be g */
gn_status gn_cuda_softmax_root_solve(cudaStream_t stream, int type, size_t n, const void *p, const void *g,
                                     void *t);

/* ---- optimizer.cu; *rate: learning rate, in device memory ---- */

/* g += weight_decay theta; v = momentum v + g; theta -= rate v. v may be NULL where momentum is 0. */
gn_status gn_cuda_sgd_update(cudaStream_t stream, int type, size_t p, double momentum, double weight_decay,
                             const double *rate, const void *g, void *v, void *theta);
/* *clock counts updates: it is raised by 1, once a call or graph replay, and is the t of the bias
 * corrections. decoupled: theta <- (1 - rate weight_decay) theta first (AdamW); else g += weight_decay theta.
 */
gn_status gn_cuda_adam_update(cudaStream_t stream, int type, size_t p, double beta1, double beta2,
                              double epsilon, double weight_decay, bool decoupled, const double *rate,
                              double *clock, const void *g, void *m, void *v, void *theta, void *scratch);

/* ---- random.cu: the numbers of gnewt/random.h, bit for bit. Normals are drawn on the host: their logarithm
 * and cosine would differ in the last bit. ---- */

/* words[4 i ... 4 i + 3] = the four words of block first + i, i < blocks */
gn_status gn_cuda_philox(cudaStream_t stream, uint64_t seed, uint32_t number_stream, uint64_t first,
                         size_t blocks, uint32_t *words);
/* values[i], i < count: uniform in [low, high), number offset + i of the stream of numbers */
gn_status gn_cuda_random_uniform(cudaStream_t stream, uint64_t seed, uint32_t number_stream, uint64_t offset,
                                 size_t count, double low, double high, double *values);

/* ---- cg.cu, lsmr.cu: vectors are rows x n. What the slots hold, and the entries' contract, is in the
 * backend's table (solvers), whose structs these are over again. ---- */

typedef struct gn_cuda_solve_rule {
    double damping, relative, absolute, progress, limit;
} gn_cuda_solve_rule;

typedef struct gn_cuda_cg_row {
    double reason, iterations, goal, rho, rho_before, curvature, residual_squared, residual_largest, model;
} gn_cuda_cg_row;

typedef struct gn_cuda_cg_slots {
    const gn_cuda_solve_rule *rules;
    gn_cuda_cg_row *rows;
    double *models;
    size_t kept;
    double *flag;
} gn_cuda_cg_slots;

typedef struct gn_cuda_lsmr_row {
    double reason, decided, iterations, goal, residual, alpha, beta, alpha_bar, rho, rho_bar, c_bar, s_bar,
        zeta_bar, hbar_scale, x_scale, h_scale;
} gn_cuda_lsmr_row;

typedef struct gn_cuda_lsmr_slots {
    const gn_cuda_solve_rule *rules;
    gn_cuda_lsmr_row *rows;
    double *flag;
} gn_cuda_lsmr_slots;

/* Begins with r = b: r -= ax + mu x; ax NULL: x = 0. */
gn_status gn_cuda_cg_begin(cudaStream_t stream, int type, size_t rows, size_t n, const void *ax, void *x,
                           void *r, gn_cuda_cg_slots slots, void *scratch);
/* p = z + (rho / rho_before) p, with rho = r'z first where z is not r. */
gn_status gn_cuda_cg_direction(cudaStream_t stream, int type, size_t rows, size_t n, const void *r,
                               const void *z, void *p, gn_cuda_cg_slots slots, void *scratch);
/* x += alpha p, r -= alpha (q + mu p), and what follows from r. */
gn_status gn_cuda_cg_step(cudaStream_t stream, int type, size_t rows, size_t n, const void *p, const void *q,
                          void *x, void *r, gn_cuda_cg_slots slots, void *scratch);
/* u = product / alpha - (alpha / beta) u, beta = |u|; product NULL: beta = |u| begins. */
gn_status gn_cuda_lsmr_left(cudaStream_t stream, int type, size_t rows, size_t m, const void *product,
                            void *u, gn_cuda_lsmr_slots slots, void *scratch);
/* v = product / beta - (beta / alpha) v, alpha = |v|, and the rotations. */
gn_status gn_cuda_lsmr_right(cudaStream_t stream, int type, size_t rows, size_t n, const void *product,
                             void *v, gn_cuda_lsmr_slots slots, void *scratch);
gn_status gn_cuda_lsmr_update(cudaStream_t stream, int type, size_t rows, size_t n, const void *v, void *h,
                              void *hbar, void *x, gn_cuda_lsmr_slots slots, void *scratch);

/* ---- loop.cu: conditional nodes of graphs. A flag holds where it is > 0, so NaN ends a loop. ---- */

/* Before a WHILE node: count = 0, and the first iteration runs where the flag holds and *most > 0. */
gn_status gn_cuda_loop_begin(cudaStream_t stream, cudaGraphConditionalHandle handle, const double *flag,
                             const double *most, double *count);
/* Last in the body of a WHILE node: count += 1, and another iteration runs where the flag holds and count <
 * *most. */
gn_status gn_cuda_loop_next(cudaStream_t stream, cudaGraphConditionalHandle handle, const double *flag,
                            const double *most, double *count);
/* Before an IF node: its body runs where the flag holds; invert: where it does not. */
gn_status gn_cuda_loop_if(cudaStream_t stream, cudaGraphConditionalHandle handle, const double *flag,
                          bool invert);

#ifdef __cplusplus
}
#endif
#endif
