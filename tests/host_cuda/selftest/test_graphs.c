/* Graphs from C17: a CG solve as one launch against the eager path bit for bit, IF nodes, captures, and what
   is forbidden in them. */
#include <string.h>

#include "check.h"
#include "cublas_v2.h"
#include "cuda_runtime_api.h"
#include "cusolverDn.h"
#include "host_cuda_control.h"
#include "kernels.h"

#ifdef __SANITIZE_THREAD__
enum { N = 70, MAX_ITERATIONS = 4 }; /* every CUDA thread costs much there */
#else
enum { N = 100, MAX_ITERATIONS = 300 };
#endif

struct cg {
    cudaStream_t stream;
    struct cg_state *state;
    double *b, *x, *r, *p, *ap, *partial;
};

static void cg_create(struct cg *cg) {
    memset(cg, 0, sizeof *cg);
    OK(cudaStreamCreateWithFlags(&cg->stream, cudaStreamNonBlocking));
    OK(cudaMalloc((void **)&cg->state, sizeof *cg->state));
    double **vectors[] = {&cg->b, &cg->x, &cg->r, &cg->p, &cg->ap, &cg->partial};
    for (int i = 0; i < 6; i++) {
        OK(cudaMalloc((void **)vectors[i], N * sizeof(double)));
    }
    OK(launch_fill(cg->b, N, 1.0, cg->stream));
    OK(launch_add(cg->b, N / 3, 0.37, cg->stream));
    struct cg_state start = {.tolerance = 1e-20, .limit = MAX_ITERATIONS};
    OK(cudaMemcpyAsync(cg->state, &start, sizeof start, cudaMemcpyHostToDevice, cg->stream));
}

static void cg_destroy(struct cg *cg) {
    double *vectors[] = {cg->b, cg->x, cg->r, cg->p, cg->ap, cg->partial};
    for (int i = 0; i < 6; i++) {
        OK(cudaFree(vectors[i]));
    }
    OK(cudaFree(cg->state));
    OK(cudaStreamDestroy(cg->stream));
}

static void cg_start(struct cg *cg, cudaGraphConditionalHandle handle, int in_graph) {
    OK(launch_cg_start(cg->b, cg->x, cg->r, cg->p, N, cg->stream));
    OK(launch_dot(cg->r, cg->r, N, cg->partial, &cg->state->rr, cg->stream));
    OK(launch_cg_begin(cg->state, handle, in_graph, cg->stream));
}

static void cg_body(struct cg *cg, cudaGraphConditionalHandle handle, int in_graph) {
    OK(launch_stencil(cg->p, cg->ap, N, cg->stream));
    OK(launch_dot(cg->p, cg->ap, N, cg->partial, &cg->state->pap, cg->stream));
    OK(launch_cg_alpha(cg->state, cg->stream));
    OK(launch_cg_update(cg->state, cg->x, cg->r, cg->p, cg->ap, N, cg->stream));
    OK(launch_dot(cg->r, cg->r, N, cg->partial, &cg->state->rr_next, cg->stream));
    OK(launch_cg_direction(cg->state, cg->r, cg->p, N, cg->stream));
    OK(launch_cg_control(cg->state, handle, in_graph, cg->stream));
}

static void cg_result(struct cg *cg, double *x, struct cg_state *state) {
    OK(cudaMemcpyAsync(x, cg->x, N * sizeof(double), cudaMemcpyDeviceToHost, cg->stream));
    OK(cudaMemcpyAsync(state, cg->state, sizeof *state, cudaMemcpyDeviceToHost, cg->stream));
    OK(cudaStreamSynchronize(cg->stream));
}

static void cg_eager(struct cg *cg, double *x, struct cg_state *state) {
    cg_start(cg, 0, 0);
    cg_result(cg, x, state);
    while (state->go_on) {
        cg_body(cg, 0, 0);
        cg_result(cg, x, state);
    }
}

/* start -> WHILE { body }, the node added by hand behind what was captured so far. */
static cudaGraph_t cg_graph(struct cg *cg) {
    cudaGraph_t graph = NULL, captured = NULL;
    cudaGraphConditionalHandle handle = 0;
    OK(cudaGraphCreate(&graph, 0));
    OK(cudaGraphConditionalHandleCreate(&handle, graph, 0, 0));
    OK(cudaStreamBeginCaptureToGraph(cg->stream, graph, NULL, NULL, 0, cudaStreamCaptureModeThreadLocal));
    cg_start(cg, handle, 1);
    enum cudaStreamCaptureStatus status;
    const cudaGraphNode_t *dependencies = NULL;
    size_t count = 0;
    OK(cudaStreamGetCaptureInfo(cg->stream, &status, NULL, &captured, &dependencies, NULL, &count));
    CHECK(status == cudaStreamCaptureStatusActive && captured == graph && count == 1);
    struct cudaGraphNodeParams params = {0};
    params.type = cudaGraphNodeTypeConditional;
    params.conditional.handle = handle;
    params.conditional.type = cudaGraphCondTypeWhile;
    params.conditional.size = 1;
    cudaGraphNode_t node = NULL;
    OK(cudaGraphAddNode(&node, graph, dependencies, NULL, count, &params));
    OK(cudaStreamUpdateCaptureDependencies(cg->stream, &node, NULL, 1, cudaStreamSetCaptureDependencies));
    OK(cudaStreamEndCapture(cg->stream, &captured));
    cudaGraph_t body = params.conditional.phGraph_out[0];
    OK(cudaStreamBeginCaptureToGraph(cg->stream, body, NULL, NULL, 0, cudaStreamCaptureModeThreadLocal));
    cg_body(cg, handle, 1);
    OK(cudaStreamEndCapture(cg->stream, &captured));
    CHECK(captured == body);
    return graph;
}

static void test_cg(void) {
    struct cg cg;
    double eager[N], graphed[N];
    struct cg_state eager_state, state;
    cudaGraphExec_t exec = NULL, second = NULL;
    cg_create(&cg);
    cg_eager(&cg, eager, &eager_state);
    CHECK(eager_state.iterations == MAX_ITERATIONS ||
          (eager_state.iterations > 5 && eager_state.rr <= 1e-20));
    cudaGraph_t graph = cg_graph(&cg);
    OK(cudaGraphInstantiate(&exec, graph, 0));
    CHECK(cudaGraphInstantiate(&second, graph, 0) == cudaErrorInvalidValue); /* one at a time */
    cudaGetLastError();
    for (int round = 0; round < 2; round++) {
        unsigned long syncs = host_cuda_count(HOST_CUDA_HOST_SYNCS);
        memset(graphed, 0, sizeof graphed);
        OK(cudaMemsetAsync(cg.x, 0xff, N * sizeof(double), cg.stream));
        OK(cudaGraphLaunch(exec, cg.stream));
        CHECK(host_cuda_count(HOST_CUDA_HOST_SYNCS) == syncs);
        cg_result(&cg, graphed, &state);
        CHECK(memcmp(eager, graphed, sizeof eager) == 0);
        CHECK(memcmp(&state, &eager_state, sizeof state) == 0);
    }
    /* a right-hand side of zero: the loop must not run at all */
    OK(cudaMemsetAsync(cg.b, 0, N * sizeof(double), cg.stream));
    OK(cudaGraphLaunch(exec, cg.stream));
    cg_result(&cg, graphed, &state);
    CHECK(state.iterations == 0 && graphed[0] == 0.0);
    OK(cudaGraphExecDestroy(exec));
    OK(cudaGraphDestroy(graph));
    cg_destroy(&cg);
}

/* Adds a conditional node to a new graph and begins the capture of its first body. */
static cudaGraph_t conditional_graph(cudaStream_t s, enum cudaGraphConditionalNodeType type, unsigned bodies,
                                     unsigned value, cudaGraphConditionalHandle *handle, cudaGraph_t *body) {
    cudaGraph_t graph = NULL;
    cudaGraphNode_t node = NULL;
    struct cudaGraphNodeParams params = {0};
    OK(cudaGraphCreate(&graph, 0));
    OK(cudaGraphConditionalHandleCreate(handle, graph, value, cudaGraphCondAssignDefault));
    params.type = cudaGraphNodeTypeConditional;
    params.conditional.handle = *handle;
    params.conditional.type = type;
    params.conditional.size = bodies;
    OK(cudaGraphAddNode(&node, graph, NULL, NULL, 0, &params));
    memcpy(body, params.conditional.phGraph_out, bodies * sizeof *body);
    OK(cudaStreamBeginCaptureToGraph(s, body[0], NULL, NULL, 0, cudaStreamCaptureModeThreadLocal));
    return graph;
}

static void test_if(void) {
    for (unsigned value = 0; value < 2; value++) {
        cudaStream_t s = NULL;
        cudaGraphConditionalHandle handle = 0;
        cudaGraph_t bodies[2], ended = NULL;
        cudaGraphExec_t exec = NULL;
        double *d = NULL, host = 0.0;
        OK(cudaStreamCreateWithFlags(&s, cudaStreamNonBlocking));
        OK(cudaMalloc((void **)&d, sizeof *d));
        OK(launch_fill(d, 1, 1.0, s));
        cudaGraph_t graph = conditional_graph(s, cudaGraphCondTypeIf, 2, value, &handle, bodies);
        OK(launch_add(d, 1, 10.0, s));
        OK(cudaStreamEndCapture(s, &ended));
        OK(cudaStreamBeginCaptureToGraph(s, bodies[1], NULL, NULL, 0, cudaStreamCaptureModeRelaxed));
        OK(launch_add(d, 1, 100.0, s));
        OK(cudaStreamEndCapture(s, &ended));
        OK(cudaGraphInstantiate(&exec, graph, 0));
        OK(cudaGraphLaunch(exec, s));
        OK(cudaMemcpyAsync(&host, d, sizeof host, cudaMemcpyDeviceToHost, s));
        OK(cudaStreamSynchronize(s));
        CHECK(host == (value ? 11.0 : 101.0));
        OK(cudaGraphExecDestroy(exec));
        OK(cudaGraphDestroy(graph));
        OK(cudaFree(d));
        OK(cudaStreamDestroy(s));
    }
}

/* Two branches in two streams, joined by events; then the same with other arguments by an update. */
static void test_fork_and_update(void) {
    cudaStream_t a = NULL, b = NULL;
    cudaEvent_t fork = NULL, join = NULL;
    double *d = NULL, host[2];
    cudaGraph_t graph[2] = {NULL, NULL};
    cudaGraphExec_t exec = NULL;
    OK(cudaStreamCreateWithFlags(&a, cudaStreamNonBlocking));
    OK(cudaStreamCreateWithFlags(&b, cudaStreamNonBlocking));
    OK(cudaEventCreateWithFlags(&fork, cudaEventDisableTiming));
    OK(cudaEventCreateWithFlags(&join, cudaEventDisableTiming));
    OK(cudaMalloc((void **)&d, 2 * sizeof *d));
    for (int i = 0; i < 2; i++) {
        OK(cudaStreamBeginCapture(a, cudaStreamCaptureModeGlobal));
        OK(launch_fill(d, 2, 1.0 + i, a));
        OK(cudaEventRecord(fork, a));
        OK(cudaStreamWaitEvent(b, fork, 0));
        OK(launch_add(d + 1, 1, 20.0, b));
        OK(cudaEventRecord(join, b));
        OK(launch_add(d, 1, 10.0, a));
        CHECK(cudaEventQuery(join) == cudaErrorCapturedEvent);
        CHECK(cudaGetLastError() == cudaErrorCapturedEvent); /* or the next launch's check would find it */
        OK(cudaStreamWaitEvent(a, join, 0));
        OK(launch_add(d, 2, 100.0, a));
        OK(cudaStreamEndCapture(a, &graph[i]));
    }
    cudaGetLastError();
    OK(cudaGraphInstantiate(&exec, graph[0], 0));
    OK(cudaGraphLaunch(exec, a));
    OK(cudaMemcpyAsync(host, d, sizeof host, cudaMemcpyDeviceToHost, a));
    CHECK(host[0] == 111.0 && host[1] == 121.0);
    cudaGraphExecUpdateResultInfo info;
    OK(cudaGraphExecUpdate(exec, graph[1], &info));
    OK(cudaGraphLaunch(exec, a));
    OK(cudaMemcpyAsync(host, d, sizeof host, cudaMemcpyDeviceToHost, a));
    CHECK(host[0] == 112.0 && host[1] == 122.0);

    /* a fork that is not joined */
    cudaGraph_t unjoined = NULL;
    OK(cudaStreamBeginCapture(a, cudaStreamCaptureModeGlobal));
    OK(cudaEventRecord(fork, a));
    OK(cudaStreamWaitEvent(b, fork, 0));
    OK(launch_add(d, 1, 1.0, b));
    CHECK(cudaStreamEndCapture(a, &unjoined) == cudaErrorStreamCaptureUnjoined && !unjoined);
    cudaGetLastError();

    OK(cudaGraphExecDestroy(exec));
    OK(cudaGraphDestroy(graph[0]));
    OK(cudaGraphDestroy(graph[1]));
    OK(cudaEventDestroy(fork));
    OK(cudaEventDestroy(join));
    OK(cudaFree(d));
    OK(cudaStreamDestroy(a));
    OK(cudaStreamDestroy(b));
}

/* Each of these breaks a capture, and ending it must say so. */
static void test_forbidden_in_capture(void) {
    cudaStream_t s = NULL;
    double *d = NULL, host = 0.0;
    void *more = NULL;
    cudaGraph_t graph = NULL;
    OK(cudaStreamCreateWithFlags(&s, cudaStreamNonBlocking));
    OK(cudaMalloc((void **)&d, sizeof *d));
    OK(launch_fill(d, 1, 1.0, s));
    for (int what = 0; what < 6; what++) {
        OK(cudaStreamBeginCapture(s, cudaStreamCaptureModeGlobal));
        OK(launch_fill(d, 1, 1.0, s));
        cudaError_t error = what == 0   ? cudaStreamSynchronize(s)
                            : what == 1 ? cudaDeviceSynchronize()
                            : what == 2 ? cudaMalloc(&more, 8)
                            : what == 3 ? cudaMemcpyAsync(&host, d, 8, cudaMemcpyDeviceToHost, s)
                            : what == 4 ? cudaMemcpy(&host, d, 8, cudaMemcpyDeviceToHost)
                                        : cudaStreamQuery(s);
        CHECK(error == cudaErrorStreamCaptureUnsupported);
        CHECK(launch_fill(d, 1, 1.0, s) == cudaErrorStreamCaptureInvalidated);
        CHECK(cudaStreamEndCapture(s, &graph) == cudaErrorStreamCaptureInvalidated && !graph);
        cudaGetLastError();
    }
    OK(cudaStreamBeginCapture(s, cudaStreamCaptureModeRelaxed));
    OK(cudaMalloc(&more, 8)); /* relaxed: allowed, and not captured */
    OK(launch_fill(d, 1, 1.0, s));
    OK(cudaStreamEndCapture(s, &graph));
    OK(cudaGraphDestroy(graph));
    OK(cudaFree(more));
    CHECK(cudaStreamBeginCapture(NULL, cudaStreamCaptureModeGlobal) == cudaErrorStreamCaptureUnsupported);
    CHECK(cudaStreamEndCapture(s, &graph) == cudaErrorIllegalState);
    cudaGetLastError();
    OK(cudaFree(d));
    OK(cudaStreamDestroy(s));
}

static void do_nothing(void *data) {
    (void)data;
}

static void test_forbidden_in_body(void) {
    cudaStream_t s = NULL;
    cublasHandle_t blas = NULL;
    float *d = NULL, one = 1.0f;
    void *workspace = NULL;
    OK(cudaStreamCreateWithFlags(&s, cudaStreamNonBlocking));
    OK(cudaMalloc((void **)&d, 4 * sizeof *d));
    OK(cudaMalloc(&workspace, 4 << 20));
    OK(cudaMemset(d, 0, 4 * sizeof *d));
    OK(cudaDeviceSynchronize());
    BLAS(cublasCreate(&blas));
    BLAS(cublasSetStream(blas, s));
    for (int what = 0; what < 4; what++) {
        cudaGraphConditionalHandle handle = 0;
        cudaGraph_t body = NULL, ended = NULL;
        cudaGraphExec_t exec = NULL;
        cudaGraph_t graph = conditional_graph(s, cudaGraphCondTypeIf, 1, 1, &handle, &body);
        if (what == 1 || what == 2) { /* without, then with a workspace */
            BLAS(cublasSetStream(blas, s));
            BLAS(cublasSetWorkspace(blas, what == 1 ? NULL : workspace, what == 1 ? 0 : 4 << 20));
            BLAS(cublasSscal(blas, 4, &one, d, 1));
        }
        if (what == 3) {
            OK(cudaLaunchHostFunc(s, do_nothing, NULL));
        }
        OK(cudaStreamEndCapture(s, &ended)); /* what == 0: an empty body */
        cudaError_t error = cudaGraphInstantiate(&exec, graph, 0);
        CHECK(error == (what == 2 ? cudaSuccess : cudaErrorInvalidValue));
        if (!error) {
            OK(cudaGraphLaunch(exec, s));
            OK(cudaStreamSynchronize(s));
            OK(cudaGraphExecDestroy(exec));
        }
        OK(cudaGraphDestroy(graph));
        cudaGetLastError();
    }
    BLAS(cublasDestroy(blas));
    OK(cudaFree(d));
    OK(cudaFree(workspace));
    OK(cudaStreamDestroy(s));
}

static void test_endless_loop(void) {
    cudaStream_t s = NULL;
    int *counter = NULL;
    cudaGraphConditionalHandle handle = 0;
    cudaGraph_t body = NULL, ended = NULL;
    cudaGraphExec_t exec = NULL;
    OK(cudaStreamCreateWithFlags(&s, cudaStreamNonBlocking));
    OK(cudaMalloc((void **)&counter, sizeof *counter));
    OK(cudaMemsetAsync(counter, 0, sizeof *counter, s));
    cudaGraph_t graph = conditional_graph(s, cudaGraphCondTypeWhile, 1, 1, &handle, &body);
    OK(launch_count_to(counter, 60, handle, s));
    OK(cudaStreamEndCapture(s, &ended));
    OK(cudaGraphInstantiate(&exec, graph, 0));
    OK(cudaGraphLaunch(exec, s));
    OK(cudaStreamSynchronize(s));
    CHECK(host_cuda_count(HOST_CUDA_WHILE_ITERATIONS) >= 60);
    host_cuda_set_while_limit(50);
    host_cuda_quiet(1);
    OK(cudaMemsetAsync(counter, 0, sizeof *counter, s));
    OK(cudaGraphLaunch(exec, s));
    CHECK(cudaStreamSynchronize(s) == cudaErrorLaunchTimeout);
    CHECK(host_cuda_violations() == 1);
    host_cuda_reset();
}

int main(void) {
    test_cg();
    test_if();
    test_fork_and_update();
    test_forbidden_in_capture();
    test_forbidden_in_body();
    CHECK(host_cuda_live_objects() == 0);
    test_endless_loop();
    return finish_checks("test_graphs");
}
