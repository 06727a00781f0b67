/* Eigendecompositions by cuSOLVER, trusted only after a look: it is known to return wrong vectors now and
 * then, on ill-conditioned float32 matrices and at single sizes. A copy of the matrix serves that look, and
 * puts the matrix back where the decomposition failed, so that somebody else may do it.
 *
 * cuSOLVER counts by columns: our lower triangle is its upper one, and its eigenvector columns are our rows.
 */
#include <math.h>

#include "backend/cuda/cuda.h"

static const char what[] = "an eigendecomposition";

/* The workspace: the matrix's copy (n x n, both triangles), three vectors, cuSOLVER's own. */
typedef struct workspace {
    char *copy, *x, *y, *c, *solver;
    size_t solver_bytes, host_bytes, bytes;
} workspace;

static size_t rounded_up(size_t bytes) {
    return (bytes + 255) / 256 * 256;
}

static gn_status lay_out(gn_cuda_state *s, gn_dtype type, size_t n, size_t lda, void *work, workspace *w) {
    const cudaDataType data = gn_cuda_data_type(type);
    const size_t matrix = rounded_up(n * n * gn_cuda_element(type)),
                 vector = rounded_up(n * gn_cuda_element(type));
    *w = (workspace){.copy = work};
    if (!n)
        return GN_OK;
    GN_TRY(gn_cuda_solver(s,
                          cusolverDnXsyevd_bufferSize(s->solver, s->solver_params, CUSOLVER_EIG_MODE_VECTOR,
                                                      CUBLAS_FILL_MODE_UPPER, (int64_t)n, data, NULL,
                                                      (int64_t)lda, data, NULL, data, &w->solver_bytes,
                                                      &w->host_bytes),
                          what));
    w->bytes = matrix + 3 * vector + w->solver_bytes;
    if (work) {
        w->x = w->copy + matrix;
        w->y = w->x + vector;
        w->c = w->y + vector;
        w->solver = w->c + vector;
    }
    return GN_OK;
}

static gn_status cuda_eigh_workspace(void *state, gn_dtype type, size_t n, size_t *bytes) {
    workspace w;
    *bytes = 0;
    GN_TRY(gn_cuda_begin(state));
    GN_TRY(lay_out(state, type, n, n, NULL, &w));
    *bytes = w.bytes;
    return GN_OK;
}

static gn_status copy_matrix(gn_cuda_state *s, gn_dtype type, size_t n, void *to, size_t ld_to,
                             const void *from, size_t ld_from) {
    const size_t size = gn_cuda_element(type);
    return gn_cuda_check(s,
                         cudaMemcpy2DAsync(to, ld_to * size, from, ld_from * size, n * size, n,
                                           cudaMemcpyDeviceToDevice, s->stream),
                         what);
}

static gn_status expect_finite(gn_cuda_state *s, gn_dtype type, size_t n, const void *a, size_t lda) {
    gn_cuda_verdict verdict;
    GN_TRY(gn_cuda_launched(
        s, gn_cuda_lower_faults(s->stream, (int)type, n, a, lda, s->verdict->slots, s->scratch), what));
    GN_TRY(gn_cuda_read_verdict(s, &verdict, what));
    if (verdict.slots[0] == 0)
        return GN_OK;
    return gn_cuda_fail(s, GN_ERROR_NO_CONVERGENCE,
                        "the eigendecomposition's matrix (%zu rows) has values that are not finite", n);
}

/* x: fixed numbers of either sign and like size, that no matrix of ours has for an eigenvector. */
static gn_status probe(gn_cuda_state *s, gn_dtype type, size_t n, void *x) {
    const gn_backend *table = s->base.table;
    double values[512];
    uint64_t bits = 0x9E3779B97F4A7C15u;
    for (size_t first = 0; first < n; first += 512) {
        const size_t count = n - first < 512 ? n - first : 512;
        for (size_t i = 0; i < count; i++) {
            bits = bits * 6364136223846793005u + 1442695040888963407u; /* D. Knuth's MMIX */
            const double value = (double)(int64_t)bits * 0x1p-63;
            if (type == GN_FLOAT64)
                values[i] = value;
            else
                ((float *)values)[i] = (float)value;
        }
        const size_t size = gn_cuda_element(type);
        GN_TRY(table->upload(s, (char *)x + first * size, values, count * size));
    }
    return GN_OK;
}

/* For S = V' diag(lambda) V with orthogonal V: |S x - V' diag(lambda) V x| against |S| |x|, and |V x| against
 * |x|. */
static gn_status look_at(gn_cuda_state *s, gn_dtype type, size_t n, const void *v, size_t ldv,
                         const void *values, const workspace *w) {
    const gn_backend *t = s->base.table;
    double *slots = s->verdict->slots;
    gn_cuda_verdict found;
    GN_TRY(probe(s, type, n, w->x));
    GN_TRY(t->symmetrize(s, type, n, w->copy, n));
    GN_TRY(t->gemv(s, type, false, n, n, 1, w->copy, n, w->x, 0, w->y));
    GN_TRY(t->gemv(s, type, false, n, n, 1, v, ldv, w->x, 0, w->c));
    GN_TRY(t->dot(s, type, n, w->x, w->x, slots));
    GN_TRY(t->dot(s, type, n, w->c, w->c, slots + 1));
    GN_TRY(t->multiply(s, type, n, w->c, values, w->c));
    GN_TRY(t->gemv(s, type, true, n, n, -1, v, ldv, w->c, 1, w->y));
    GN_TRY(t->dot(s, type, n, w->y, w->y, slots + 2));
    GN_TRY(t->dot(s, type, n, values, values, slots + 3));
    GN_TRY(gn_cuda_read_verdict(s, &found, what)); /* cuSOLVER's too */
    if (found.info)
        return gn_cuda_fail(s, GN_ERROR_NO_CONVERGENCE,
                            "the eigendecomposition of %zu rows failed (cuSOLVER's info %d)", n, found.info);
    const double length = found.slots[0], turned = found.slots[1];
    const double rest = sqrt(found.slots[2] / length), norm = sqrt(found.slots[3]);
    const double allowed = 100 * sqrt((double)n) * (type == GN_FLOAT64 ? 0x1p-52 : 0x1p-23);
    if (rest <= allowed * norm && fabs(turned - length) <= allowed * length) /* not so where either is NaN */
        return GN_OK;
    return gn_cuda_fail(s, GN_ERROR_NO_CONVERGENCE,
                        "cuSOLVER's eigendecomposition of %zu rows is wrong: relative residual %.1e, loss of "
                        "orthogonality %.1e, allowed %.1e",
                        n, rest / norm, fabs(turned - length) / length, allowed);
}

static gn_status decompose(gn_cuda_state *s, gn_dtype type, size_t n, void *a, size_t lda, void *values,
                           const workspace *w) {
    const cudaDataType data = gn_cuda_data_type(type);
    GN_TRY(gn_cuda_solver(s,
                          cusolverDnXsyevd(s->solver, s->solver_params, CUSOLVER_EIG_MODE_VECTOR,
                                           CUBLAS_FILL_MODE_UPPER, (int64_t)n, data, a, (int64_t)lda, data,
                                           values, data, w->solver, w->solver_bytes, s->solver_host,
                                           w->host_bytes, &s->verdict->info),
                          what));
    return look_at(s, type, n, a, lda, values, w);
}

static gn_status cuda_eigh(void *state, gn_dtype type, size_t n, void *a, size_t lda, void *values,
                           void *work, size_t bytes) {
    gn_cuda_state *s = state;
    workspace w;
    GN_TRY(gn_cuda_begin_alone(s, what));
    if (!n)
        return GN_OK;
    GN_TRY(lay_out(s, type, n, lda, work, &w));
    if (w.bytes > bytes)
        return gn_cuda_fail(s, GN_ERROR_ARGUMENT, "the workspace has %zu bytes, %zu are needed", bytes,
                            w.bytes);
    GN_TRY(gn_cuda_solver_host(s, w.host_bytes));
    GN_TRY(expect_finite(s, type, n, a, lda));
    GN_TRY(copy_matrix(s, type, n, w.copy, n, a, lda));
    const gn_status status = decompose(s, type, n, a, lda, values, &w);
    if (status == GN_OK || s->broken)
        return status;
    const gn_status restored = copy_matrix(s, type, n, a, lda, w.copy, n);
    return restored == GN_OK ? GN_ERROR_NO_CONVERGENCE : restored;
}

void gn_cuda_eigh_entries(gn_backend *table) {
    table->eigh_workspace = cuda_eigh_workspace;
    table->eigh = cuda_eigh;
}
