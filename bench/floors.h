/* Hand-written floors: the same work as gnewt's, for one network each, straight on CBLAS, LAPACK and vector
 * loops. No graph, no backend, no checks of what they call: what remains when all abstraction is taken away.
 * Matrices are row-major float64. Letters: N samples, C outputs, M = N*C, P parameters. */
#ifndef GN_BENCH_FLOORS_H
#define GN_BENCH_FLOORS_H

#include <stddef.h>

/* What one call must do at the least: multiply-adds count 2, a call of tanh counts 1 in `calls`; bytes are
 * those of each operand of each kernel, once. */
typedef struct floor_cost {
    double flops, calls, bytes;
} floor_cost;

/* One Levenberg-Marquardt step of 1-H-H-1, tanh, N points: theta -= rate J'(JJ' + mu I)^-1 (f - y). */
typedef struct floor_lm_step floor_lm_step;
floor_lm_step *floor_lm_step_create(size_t samples, size_t width, const double *x /* N */,
                                    const double *y /* N */, double mu, double rate);
void floor_lm_step_destroy(floor_lm_step *floor);
/* theta: P = 3H + H^2 + H + 1, updated in place. The mean loss before the step. */
double floor_lm_step_run(floor_lm_step *floor, double *theta);
floor_cost floor_lm_step_cost(const floor_lm_step *floor);

/* The Gram JJ' (M x M, both triangles) of I-H-H-C, tanh or ReLU, N samples. */
typedef struct floor_gram floor_gram;
floor_gram *floor_gram_create(size_t samples, size_t inputs, size_t width, size_t outputs, int relu,
                              const double *x /* N x I */);
void floor_gram_destroy(floor_gram *floor);
void floor_gram_run(floor_gram *floor, const double *theta, double *k);
floor_cost floor_gram_cost(const floor_gram *floor);

/* One Levenberg-Marquardt step of I-H-C, ReLU, N samples, dual (M x M). */
typedef struct floor_mnist floor_mnist;
floor_mnist *floor_mnist_create(size_t samples, size_t inputs, size_t width, size_t outputs,
                                const double *x /* N x I */, const double *y /* N x C */, double mu,
                                double rate);
void floor_mnist_destroy(floor_mnist *floor);
double floor_mnist_run(floor_mnist *floor, double *theta);
floor_cost floor_mnist_cost(const floor_mnist *floor);

/* One Levenberg-Marquardt step on Poisson's equation with n = m = 1, network 2-H-1, tanh, N points, dual:
 * rows u_xx + u_yy + 2 pi^2 sin(pi x) sin(pi y) inside and u - y on the boundary. */
typedef struct floor_poisson floor_poisson;
floor_poisson *floor_poisson_create(size_t samples, size_t width, const double *x /* N x 3: x, y, kind */,
                                    const double *y /* N */, double mu, double rate);
void floor_poisson_destroy(floor_poisson *floor);
/* theta: W (H x 2), b (H), v (H), c; updated in place. The mean of r^2 before the step. */
double floor_poisson_run(floor_poisson *floor, double *theta);
floor_cost floor_poisson_cost(const floor_poisson *floor);

/* ---- elementwise loops of the floors (floor_loops.c, compiled for each vector width) ---- */
/* a = tanh(z), slope = 1 - a^2 */
void floor_tanh(size_t n, const double *z, double *a, double *slope);
/* a = max(z, 0), slope = z > 0 */
void floor_relu(size_t n, const double *z, double *a, double *slope);
/* z[i,j] = w[i] x[j] + b[i] */
void floor_outer(size_t rows, size_t columns, const double *w, const double *b, const double *x, double *z);
/* z[i,:] = b[i] */
void floor_columns(size_t rows, size_t columns, const double *b, double *z);
/* d[i,:] = w[i] s[i,:] */
void floor_scale_columns(size_t rows, size_t columns, const double *w, const double *s, double *d);
/* z[i,:] = b */
void floor_rows(size_t rows, size_t columns, const double *b, double *z);
/* d[i,:] = w .* s[i,:] */
void floor_scale_rows(size_t rows, size_t columns, const double *w, const double *s, double *d);
/* d = d .* s */
void floor_multiply(size_t n, const double *s, double *d);
/* A row of the Jacobian of the Laplacian of the network 2-H-1 at (x, y), and of its value: j holds the
 * columns of v, b, w1 and w2, H each. Returned: the Laplacian, and the value less c. */
double floor_laplacian(size_t h, const double *w1, const double *w2, const double *b, const double *v,
                       double x, double y, double *j);
double floor_value(size_t h, const double *w1, const double *w2, const double *b, const double *v, double x,
                   double y, double *j);
/* d[i*repeat + r, :] *= s[i,:] */
void floor_multiply_repeat(size_t rows, size_t repeat, size_t columns, const double *s, double *d);
/* k[i,j] = t[i,j] + 1 + s2[i,j] (g1[i,j] + 1) + s1[i,j] (x[i] x[j] + 1), and mu on the diagonal, i < rows,
 * i <= j < columns, `ld` between rows */
void floor_combine(size_t rows, size_t columns, size_t ld, const double *t, const double *s2,
                   const double *g1, const double *s1, const double *x, double mu, double *k);
/* One pair of samples at a time, a (ni*c) x (nj*c) block: k = s2 (g1 + 1) + s1 (g0 + 1) + [c == c'] (g2 + 1).
 * g* are ld x ld over samples from (i0, j0). s1 and g0 may be NULL. */
void floor_combine_block(size_t ni, size_t nj, size_t c, const double *s2, const double *s1, size_t lds,
                         const double *g2, const double *g1, const double *g0, size_t ldg, double *k,
                         size_t ldk);
/* to (columns x rows) = from' (rows x columns), both with ld between rows */
void floor_transpose(size_t rows, size_t columns, const double *from, double *to, size_t ld);

#endif
