/* cuBLAS and cuSOLVER stand-ins against plain loops, in both precisions, with both pointer modes. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "cublas_v2.h"
#include "cuda_runtime_api.h"
#include "cusolverDn.h"
#include "host_cuda_control.h"

static cudaStream_t stream;
static cublasHandle_t blas;
static cusolverDnHandle_t solver;

static void *to_device(const void *host, size_t bytes) {
    void *d = NULL;
    OK(cudaMalloc(&d, bytes));
    if (host) {
        OK(cudaMemcpyAsync(d, host, bytes, cudaMemcpyHostToDevice, stream));
    }
    return d;
}

static void to_host(void *host, const void *device, size_t bytes) {
    OK(cudaMemcpyAsync(host, device, bytes, cudaMemcpyDeviceToHost, stream));
}

static double value(int i) {
    return ((i * 37 + 11) % 23 - 11) / 8.0;
}

/* C = alpha op(A) op(B) + beta C for a batch, in float64 */
static void plain_gemm(int ta, int tb, int m, int n, int k, double alpha, const double *a, int lda,
                       const double *b, int ldb, double beta, double *c, int ldc) {
    for (int j = 0; j < n; j++) {
        for (int i = 0; i < m; i++) {
            double sum = 0.0;
            for (int l = 0; l < k; l++) {
                sum += (ta ? a[l + i * lda] : a[i + l * lda]) * (tb ? b[j + l * ldb] : b[l + j * ldb]);
            }
            c[i + j * ldc] = alpha * sum + (beta == 0.0 ? 0.0 : beta * c[i + j * ldc]);
        }
    }
}

static void test_gemm(int ta, int tb, double beta) {
    enum { M = 3, N = 5, K = 4, LD = 7, BATCH = 2, SIZE = LD * LD };
    double a[SIZE * BATCH], b[SIZE * BATCH], c[SIZE * BATCH], expected[SIZE * BATCH], alpha = 1.5;
    for (int i = 0; i < SIZE * BATCH; i++) {
        a[i] = value(i), b[i] = value(i + 5), c[i] = beta == 0.0 ? NAN : value(i + 9);
    }
    memcpy(expected, c, sizeof c);
    for (int i = 0; i < BATCH; i++) {
        plain_gemm(ta, tb, M, N, K, alpha, a + i * SIZE, LD, b + i * SIZE, LD, beta, expected + i * SIZE, LD);
    }
    double *da = to_device(a, sizeof a), *db = to_device(b, sizeof b), *dc = to_device(c, sizeof c);
    double *scalars = to_device(NULL, 2 * sizeof(double));
    OK(cudaMemcpyAsync(scalars, &alpha, sizeof alpha, cudaMemcpyHostToDevice, stream));
    OK(cudaMemcpyAsync(scalars + 1, &beta, sizeof beta, cudaMemcpyHostToDevice, stream));
    BLAS(cublasSetPointerMode(blas, CUBLAS_POINTER_MODE_DEVICE));
    BLAS(cublasDgemmStridedBatched(blas, ta ? CUBLAS_OP_T : CUBLAS_OP_N, tb ? CUBLAS_OP_T : CUBLAS_OP_N, M, N,
                                   K, scalars, da, LD, SIZE, db, LD, SIZE, scalars + 1, dc, LD, SIZE, BATCH));
    BLAS(cublasSetPointerMode(blas, CUBLAS_POINTER_MODE_HOST));
    to_host(c, dc, sizeof c);
    for (int l = 0; l < BATCH; l++) {
        for (int j = 0; j < N; j++) {
            for (int i = 0; i < M; i++) {
                CHECK(fabs(c[l * SIZE + i + j * LD] - expected[l * SIZE + i + j * LD]) < 1e-12);
            }
        }
    }
    float af[SIZE], bf[SIZE], cf[SIZE], alpha_f = 1.5f, zero = 0.0f;
    for (int i = 0; i < SIZE; i++) {
        af[i] = (float)a[i], bf[i] = (float)b[i];
    }
    float *fa = to_device(af, sizeof af), *fb = to_device(bf, sizeof bf), *fc = to_device(NULL, sizeof cf);
    BLAS(cublasSgemm(blas, ta ? CUBLAS_OP_T : CUBLAS_OP_N, tb ? CUBLAS_OP_T : CUBLAS_OP_N, M, N, K, &alpha_f,
                     fa, LD, fb, LD, &zero, fc, LD));
    to_host(cf, fc, sizeof cf);
    plain_gemm(ta, tb, M, N, K, alpha, a, LD, b, LD, 0.0, expected, LD);
    for (int i = 0; i < M; i++) {
        CHECK(fabs((double)cf[i] - expected[i]) < 1e-5);
    }
    void *all[] = {da, db, dc, scalars, fa, fb, fc};
    for (int i = 0; i < 7; i++) {
        OK(cudaFree(all[i]));
    }
}

static void test_vectors(void) {
    enum { N = 33 };
    double x[2 * N], y[N], result = 0.0, alpha = 2.0, expected = 0.0, norm = 0.0;
    for (int i = 0; i < 2 * N; i++) {
        x[i] = value(i), y[i % N] = value(3 * i);
    }
    for (int i = 0; i < N; i++) {
        expected += x[2 * i] * y[i];
        norm += y[i] * y[i];
    }
    double *dx = to_device(x, sizeof x), *dy = to_device(y, sizeof y),
           *slot = to_device(NULL, sizeof(double));
    BLAS(cublasDdot(blas, N, dx, 2, dy, 1, &result));
    CHECK(fabs(result - expected) < 1e-12);
    BLAS(cublasSetPointerMode(blas, CUBLAS_POINTER_MODE_DEVICE));
    BLAS(cublasDnrm2(blas, N, dy, 1, slot));
    BLAS(cublasSetPointerMode(blas, CUBLAS_POINTER_MODE_HOST));
    to_host(&result, slot, sizeof result);
    CHECK(fabs(result - sqrt(norm)) < 1e-12);
    BLAS(cublasDaxpy(blas, N, &alpha, dx, 2, dy, 1));
    BLAS(cublasDscal(blas, N, &alpha, dy, 1));
    BLAS(cublasDcopy(blas, N, dy, 1, dx, 1));
    double back[N];
    to_host(back, dx, sizeof back);
    for (int i = 0; i < N; i++) {
        CHECK(fabs(back[i] - 2.0 * (y[i] + 2.0 * x[2 * i])) < 1e-12);
    }
    OK(cudaFree(dx));
    OK(cudaFree(dy));
    OK(cudaFree(slot));
}

static void test_matrix_routines(void) {
    enum { N = 4, K = 3 };
    double a[N * K], c[N * N], x[N] = {1, 2, 3, 4}, y[K], one = 1.0, zero = 0.0, two = 2.0;
    for (int i = 0; i < N * K; i++) {
        a[i] = value(i);
    }
    double *da = to_device(a, sizeof a), *dc = to_device(NULL, sizeof c), *dx = to_device(x, sizeof x);
    double *dy = to_device(NULL, sizeof y), *dt = to_device(NULL, sizeof a);
    BLAS(cublasDsyrk(blas, CUBLAS_FILL_MODE_LOWER, CUBLAS_OP_N, N, K, &one, da, N, &zero, dc, N));
    to_host(c, dc, sizeof c);
    CHECK(fabs(c[1] - (a[0] * a[1] + a[4] * a[5] + a[8] * a[9])) < 1e-12);
    CHECK(isnan(c[4])); /* the other triangle is not touched */
    BLAS(cublasDgemv(blas, CUBLAS_OP_T, N, K, &one, da, N, dx, 1, &zero, dy, 1));
    to_host(y, dy, sizeof y);
    CHECK(fabs(y[1] - (a[4] + 2 * a[5] + 3 * a[6] + 4 * a[7])) < 1e-12);
    BLAS(cublasDgeam(blas, CUBLAS_OP_T, CUBLAS_OP_N, K, N, &two, da, N, &zero, NULL, K, dt, K));
    double t[N * K];
    to_host(t, dt, sizeof t);
    CHECK(t[1] == 2.0 * a[4] && t[K * 2 + 1] == 2.0 * a[4 + 2]);
    double triangle[4] = {2, 1, NAN, 4}, rhs[2] = {4, 10};
    double *dl = to_device(triangle, sizeof triangle), *dr = to_device(rhs, sizeof rhs);
    BLAS(cublasDtrsm(blas, CUBLAS_SIDE_LEFT, CUBLAS_FILL_MODE_LOWER, CUBLAS_OP_N, CUBLAS_DIAG_NON_UNIT, 2, 1,
                     &one, dl, 2, dr, 2));
    to_host(rhs, dr, sizeof rhs);
    CHECK(rhs[0] == 2.0 && rhs[1] == 2.0);
    void *all[] = {da, dc, dx, dy, dt, dl, dr};
    for (int i = 0; i < 7; i++) {
        OK(cudaFree(all[i]));
    }
}

static void test_bad_calls(void) {
    double *d = to_device(NULL, 16 * sizeof(double)), one = 1.0;
    host_cuda_quiet(1);
    CHECK(cublasDgemm(blas, CUBLAS_OP_N, CUBLAS_OP_N, 4, 4, 4, &one, d, 3, d, 4, &one, d, 4) ==
          CUBLAS_STATUS_INVALID_VALUE);
    CHECK(host_cuda_violations() == 0);
    CHECK(cublasDgemm(blas, CUBLAS_OP_N, CUBLAS_OP_N, 4, 4, 5, &one, d, 4, d, 5, &one, d, 4) ==
          CUBLAS_STATUS_EXECUTION_FAILED);
    CHECK(host_cuda_violations() == 1 && strstr(host_cuda_last_violation(), "operand A") != NULL);
    CHECK(cublasDscal(blas, 16, d, d, 1) ==
          CUBLAS_STATUS_EXECUTION_FAILED); /* a device pointer, in host mode */
    CHECK(cublasSetWorkspace(blas, d, 1 << 20) == CUBLAS_STATUS_INVALID_VALUE);
    CHECK(host_cuda_violations() == 3);
    host_cuda_inject("cublasDscal", 1, CUBLAS_STATUS_INTERNAL_ERROR);
    CHECK(cublasDscal(blas, 16, &one, d, 1) == CUBLAS_STATUS_INTERNAL_ERROR);
    host_cuda_forgive();
    host_cuda_quiet(0);
    CHECK(strcmp(cublasGetStatusName(CUBLAS_STATUS_EXECUTION_FAILED), "CUBLAS_STATUS_EXECUTION_FAILED") == 0);
    OK(cudaFree(d));
}

/* A = Q diag(1..n) Q' from a reflection, so that the eigenvalues are known. */
static void known_matrix(double *a, int n) {
    double v[8], vv = 0.0;
    for (int i = 0; i < n; i++) {
        v[i] = 1.0 + 0.3 * i;
        vv += v[i] * v[i];
    }
    for (int i = 0; i < n; i++) {
        for (int j = 0; j < n; j++) {
            a[i + j * n] = 0.0;
            for (int k = 0; k < n; k++) {
                double qi = (i == k) - 2.0 * v[i] * v[k] / vv, qj = (j == k) - 2.0 * v[j] * v[k] / vv;
                a[i + j * n] += qi * (k + 1.0) * qj;
            }
        }
    }
}

static void test_cholesky(void) {
    enum { N = 6 };
    double a[N * N], rhs[N], x[N];
    int info = -1;
    known_matrix(a, N);
    for (int i = 0; i < N; i++) {
        rhs[i] = value(i);
    }
    double *da = to_device(a, sizeof a), *dx = to_device(rhs, sizeof rhs);
    int *dinfo = to_device(NULL, sizeof *dinfo);
    size_t device = 0, host = 0;
    SOLVER(cusolverDnXpotrf_bufferSize(solver, NULL, CUBLAS_FILL_MODE_LOWER, N, CUDA_R_64F, da, N, CUDA_R_64F,
                                       &device, &host));
    void *work = to_device(NULL, device), *host_work = malloc(host);
    CHECK(cusolverDnXpotrf(solver, NULL, CUBLAS_FILL_MODE_LOWER, N, CUDA_R_64F, da, N, CUDA_R_64F, work, 1,
                           host_work, host, dinfo) == CUSOLVER_STATUS_INVALID_VALUE);
    SOLVER(cusolverDnXpotrf(solver, NULL, CUBLAS_FILL_MODE_LOWER, N, CUDA_R_64F, da, N, CUDA_R_64F, work,
                            device, host_work, host, dinfo));
    SOLVER(cusolverDnXpotrs(solver, NULL, CUBLAS_FILL_MODE_LOWER, N, 1, CUDA_R_64F, da, N, CUDA_R_64F, dx, N,
                            dinfo));
    to_host(x, dx, sizeof x);
    to_host(&info, dinfo, sizeof info);
    CHECK(info == 0);
    for (int i = 0; i < N; i++) {
        double sum = -rhs[i];
        for (int j = 0; j < N; j++) {
            sum += a[i + j * N] * x[j];
        }
        CHECK(fabs(sum) < 1e-12);
    }
    a[0] = -1.0; /* not positive definite: info tells the first bad minor */
    OK(cudaMemcpyAsync(da, a, sizeof a, cudaMemcpyHostToDevice, stream));
    SOLVER(cusolverDnXpotrf(solver, NULL, CUBLAS_FILL_MODE_LOWER, N, CUDA_R_64F, da, N, CUDA_R_64F, work,
                            device, host_work, host, dinfo));
    to_host(&info, dinfo, sizeof info);
    CHECK(info == 1);
    free(host_work);
    OK(cudaFree(work));
    OK(cudaFree(da));
    OK(cudaFree(dx));
    OK(cudaFree(dinfo));
}

static void test_eigen(void) {
    enum { N = 5, BATCH = 3 };
    double a[N * N * BATCH], w[N * BATCH];
    float af[N * N], wf[N];
    int info[BATCH];
    for (int i = 0; i < BATCH; i++) {
        known_matrix(a + i * N * N, N);
    }
    for (int i = 0; i < N * N; i++) {
        af[i] = (float)a[i];
    }
    double *da = to_device(a, sizeof a), *dw = to_device(NULL, sizeof w);
    float *fa = to_device(af, sizeof af), *fw = to_device(NULL, sizeof wf);
    int *dinfo = to_device(NULL, sizeof info);
    cusolverDnParams_t params = NULL;
    SOLVER(cusolverDnCreateParams(&params));
    size_t device = 0, host = 0;
    SOLVER(cusolverDnXsyevBatched_bufferSize(solver, params, CUSOLVER_EIG_MODE_VECTOR, CUBLAS_FILL_MODE_LOWER,
                                             N, CUDA_R_64F, da, N, CUDA_R_64F, dw, CUDA_R_64F, &device, &host,
                                             BATCH));
    void *work = to_device(NULL, device), *host_work = malloc(host);
    SOLVER(cusolverDnXsyevBatched(solver, params, CUSOLVER_EIG_MODE_VECTOR, CUBLAS_FILL_MODE_LOWER, N,
                                  CUDA_R_64F, da, N, CUDA_R_64F, dw, CUDA_R_64F, work, device, host_work,
                                  host, dinfo, BATCH));
    SOLVER(cusolverDnXsyevd(solver, params, CUSOLVER_EIG_MODE_NOVECTOR, CUBLAS_FILL_MODE_UPPER, N, CUDA_R_32F,
                            fa, N, CUDA_R_32F, fw, CUDA_R_32F, work, device, host_work, host, dinfo));
    to_host(w, dw, sizeof w);
    to_host(wf, fw, sizeof wf);
    to_host(info, dinfo, sizeof info);
    for (int i = 0; i < N * BATCH; i++) {
        CHECK(fabs(w[i] - (i % N + 1)) < 1e-12 && info[i / N] == 0);
    }
    for (int i = 0; i < N; i++) {
        CHECK(fabsf(wf[i] - (float)(i + 1)) < 1e-5f);
    }
    CHECK(cusolverDnXsyevd(solver, params, CUSOLVER_EIG_MODE_NOVECTOR, CUBLAS_FILL_MODE_UPPER, N, CUDA_R_32F,
                           fa, N, CUDA_R_64F, fw, CUDA_R_32F, work, device, host_work, host,
                           dinfo) == CUSOLVER_STATUS_NOT_SUPPORTED);
    free(host_work);
    void *all[] = {da, dw, fa, fw, dinfo, work};
    for (int i = 0; i < 6; i++) {
        OK(cudaFree(all[i]));
    }
    SOLVER(cusolverDnDestroyParams(params));
}

int main(void) {
    OK(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));
    BLAS(cublasCreate(&blas));
    BLAS(cublasSetStream(blas, stream));
    BLAS(cublasSetMathMode(blas, CUBLAS_PEDANTIC_MATH));
    SOLVER(cusolverDnCreate(&solver));
    SOLVER(cusolverDnSetStream(solver, stream));
    for (int i = 0; i < 8; i++) {
        test_gemm(i & 1, i >> 1 & 1, i & 4 ? 0.5 : 0.0);
    }
    test_vectors();
    test_matrix_routines();
    test_bad_calls();
    test_cholesky();
    test_eigen();
    BLAS(cublasDestroy(blas));
    SOLVER(cusolverDnDestroy(solver));
    OK(cudaStreamDestroy(stream));
    CHECK(host_cuda_live_objects() == 0);
    return finish_checks("test_libraries");
}
