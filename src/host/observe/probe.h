/* A probe set: the first samples of a training set, the kernel K = J J' of their n residuals, and the
 * eigenvectors of K_0, that of the first parameters. Values on the host are by descending eigenvalue. A set
 * of few rows has its kernel as a matrix and all n eigenvectors, one of many only its leading ones, by
 * products. */
#ifndef GN_OBSERVE_PROBE_H
#define GN_OBSERVE_PROBE_H

#include "backend/context.h"
#include "gnewt/linearization.h"
#include "gnewt/problem.h"
#include "observe/kernel_products.h"

typedef struct gn_probe {
    gn_context *context;
    size_t samples, rows; /* N, and n = N C */
    size_t count;         /* eigenvectors that are known: n, or the leading ones where it is not dense */
    bool dense;
    gn_dtype dtype; /* of all arrays here */
    gn_linearization *lin;
    gn_array inputs, targets; /* of the samples: views of the data set; copied: in another type */
    gn_array theta;           /* P: a point in that type */
    bool copied;
    gn_array first;         /* n x n: K_0; dense alone */
    gn_array frame;         /* count x n: eigenvectors of K_0 as rows, by ascending eigenvalue */
    gn_array kernel;        /* n x n: K, for the observer to write over; else count x n */
    gn_array residual;      /* n */
    gn_array modes, values; /* n: scratch; of dense sets, the eigenvalues found last, ascending */
    gn_array work, slots;   /* of the eigensolver; 2 */
    size_t work_bytes;
    gn_kernel_products products; /* where it is not dense */
    double first_norm;           /* ||K_0||_F; dense alone */
    double *first_values;        /* count: eigenvalues of K_0 */
} gn_probe;

typedef struct gn_probe_options {
    const char *observer; /* named in messages */
    const char *advice;   /* where memory lacks; NULL: an observer's */
    size_t points;        /* samples; 0: all, or as many as have 1024 residuals */
    gn_dtype dtype;       /* of the kernel, whatever the data's */
    size_t dense_rows;    /* dense up to so many rows; beyond, the `values` leading eigenpairs, at most n */
    size_t values;
} gn_probe_options;

/* K_0 is the kernel at theta0 (P), which is the reference of a centred network as well. Network, data set and
 * the probe itself stay where they are. On failure the probe is still to be destroyed. Errors: ARGUMENT (too
 * many points), MEMORY, with the size. */
gn_status gn_probe_open(gn_context *context, const gn_probe_options *options, gn_network *network,
                        gn_loss loss, const gn_dataset *dataset, const gn_array *theta0, gn_probe *probe);
/* The same, dense and of the data's type. */
gn_status gn_probe_create(gn_context *context, const char *observer, gn_network *network, gn_loss loss,
                          const gn_dataset *dataset, const gn_array *theta0, size_t points, gn_probe *probe);
/* A zeroed probe is allowed. */
void gn_probe_destroy(gn_probe *probe);

/* Of theta (P, of the data's type): residual = r and, of a dense set, kernel = K. */
gn_status gn_probe_look(gn_probe *probe, const gn_array *theta);
/* ||K - K_0||_F / ||K_0||_F, NaN where K_0 is 0; a dense kernel is as before, to rounding. Of many rows about
 * that (gn_kernel_products_drift). */
gn_status gn_probe_drift(gn_probe *probe, double *drift);
/* Eigenvalues of K to the host (count). vectors: also eigenvectors over the kernel, which is lost without;
 * that takes a dense set three times as long. Where the set is not dense, bounds (count) of the values'
 * errors and *least, the least Ritz value; both may be NULL where it is. */
gn_status gn_probe_spectrum(gn_probe *probe, bool vectors, double *values, double *bounds, double *least);
/* Device values, ascending, to the host, descending. */
gn_status gn_probe_read(const gn_array *ascending, double *descending);
/* Dense: eigenvectors over k (n x n), eigenvalues to the host. */
gn_status gn_probe_decompose(gn_probe *probe, gn_array *k, double *values);
/* c = Q x, the rows of q (any number x n) being eigenvectors, x (n). */
gn_status gn_probe_project(gn_probe *probe, const gn_array *q, const gn_array *x, double *c);
/* Eigenvalues up to so much of the largest are rounding: n times the type's epsilon. */
double gn_probe_rounding(const gn_probe *probe);
/* x'y of arrays of one size. */
gn_status gn_probe_dot(gn_probe *probe, const gn_array *x, const gn_array *y, double *value);

#endif
