// Planted bugs of captures and graphs.
#include "bugs.h"

namespace {

constexpr int n = 8;

// Instantiates, launches into the stream, waits, and releases both.
bool run_and_destroy(cudaGraph_t graph, cudaStream_t s, int launches = 1) {
    cudaGraphExec_t exec = nullptr;
    bool good = cudaGraphInstantiate(&exec, graph, 0) == cudaSuccess;
    for (int i = 0; good && i < launches; i++) {
        good = cudaGraphLaunch(exec, s) == cudaSuccess;
    }
    good = cudaStreamSynchronize(s) == cudaSuccess && good;
    if (exec) {
        good = cudaGraphExecDestroy(exec) == cudaSuccess && good;
    }
    return cudaGraphDestroy(graph) == cudaSuccess && good;
}

// A WHILE node in a graph of its own; the capture of its body is begun.
cudaGraph_t begin_while(cudaStream_t s, cudaGraphConditionalHandle *handle) {
    cudaGraph_t graph = nullptr;
    cudaGraphNode_t node = nullptr;
    cudaGraphNodeParams params = {};
    (void)cudaGraphCreate(&graph, 0);
    (void)cudaGraphConditionalHandleCreate(handle, graph, 1, cudaGraphCondAssignDefault);
    params.type = cudaGraphNodeTypeConditional;
    params.conditional.handle = *handle;
    params.conditional.type = cudaGraphCondTypeWhile;
    params.conditional.size = 1;
    (void)cudaGraphAddNode(&node, graph, nullptr, nullptr, 0, &params);
    (void)cudaStreamBeginCaptureToGraph(s, params.conditional.phGraph_out[0], nullptr, nullptr, 0,
                                        cudaStreamCaptureModeRelaxed);
    return graph;
}

bool end_while(cudaGraph_t graph, cudaStream_t s) {
    cudaGraph_t body = nullptr;
    bool captured = cudaStreamEndCapture(s, &body) == cudaSuccess;
    return run_and_destroy(graph, s) && captured;
}

__global__ void step_kernel(float *x, cudaGraphConditionalHandle handle, int clears) {
    x[threadIdx.x] += 1.0f;
    if (clears && threadIdx.x == 0 && x[0] >= 3.0f) {
        cudaGraphSetConditional(handle, 0);
    }
}

bool while_never_cleared(bool fixed) {
    Buffer<float> x(n);
    StreamOwner a;
    cudaGraphConditionalHandle handle = 0;
    host_cuda_set_while_limit(20);
    TRY(cudaMemsetAsync(x.data, 0, n * sizeof(float), a.s));
    cudaGraph_t graph = begin_while(a.s, &handle);
    LAUNCH(step_kernel, 1, n, 0, a.s, x.data, handle, fixed);
    TRY(cudaGetLastError());
    TRY(!end_while(graph, a.s));
    return all_equal(x.data, n, 3.0f);
}

bool empty_while_body(bool fixed) {
    Buffer<float> x(n);
    StreamOwner a;
    cudaGraphConditionalHandle handle = 0;
    TRY(cudaMemsetAsync(x.data, 0, n * sizeof(float), a.s));
    cudaGraph_t graph = begin_while(a.s, &handle);
    if (fixed) {
        LAUNCH(step_kernel, 1, n, 0, a.s, x.data, handle, 1);
        TRY(cudaGetLastError());
    }
    return end_while(graph, a.s);
}

bool pageable_copy_in_body(bool fixed) {
    Buffer<float> x(n), pinned(n, true);
    StreamOwner a;
    float pageable[n] = {};
    cudaGraphConditionalHandle handle = 0;
    TRY(cudaMemsetAsync(x.data, 0, n * sizeof(float), a.s));
    cudaGraph_t graph = begin_while(a.s, &handle);
    LAUNCH(step_kernel, 1, n, 0, a.s, x.data, handle, 1);
    TRY(cudaGetLastError());
    (void)cudaMemcpyAsync(fixed ? pinned.data : pageable, x.data, sizeof pageable, cudaMemcpyDeviceToHost,
                          a.s);
    return end_while(graph, a.s);
}

bool allocation_in_capture(bool fixed) {
    Buffer<float> x(n);
    StreamOwner a;
    cudaGraph_t graph = nullptr;
    void *extra = nullptr;
    TRY(cudaStreamBeginCapture(a.s, cudaStreamCaptureModeGlobal));
    if (!fixed) {
        (void)cudaMalloc(&extra, 64);
        (void)cudaGetLastError();
    }
    TRY(fill(x.data, n, 1.0f, a.s));
    TRY(cudaStreamEndCapture(a.s, &graph));
    TRY(!run_and_destroy(graph, a.s));
    return all_equal(x.data, n, 1.0f);
}

bool synchronise_in_capture(bool fixed) {
    Buffer<float> x(n);
    StreamOwner a;
    cudaGraph_t graph = nullptr;
    TRY(cudaStreamBeginCapture(a.s, cudaStreamCaptureModeThreadLocal));
    (void)fill(x.data, n, 1.0f, a.s);
    if (!fixed) {
        (void)cudaStreamSynchronize(a.s);
    }
    TRY(cudaStreamEndCapture(a.s, &graph));
    TRY(!run_and_destroy(graph, a.s));
    return all_equal(x.data, n, 1.0f);
}

bool cusolver_in_capture(bool fixed) {
    Buffer<double> a(4), work(64);
    Buffer<int> info(1);
    StreamOwner s;
    cusolverDnHandle_t solver = nullptr;
    cudaGraph_t graph = nullptr;
    double host_work[32], identity[4] = {4, 0, 0, 4};
    TRY(cusolverDnCreate(&solver));
    TRY(cusolverDnSetStream(solver, s.s));
    TRY(cudaMemcpyAsync(a.data, identity, sizeof identity, cudaMemcpyHostToDevice, s.s));
    if (!fixed) {
        TRY(cudaStreamBeginCapture(s.s, cudaStreamCaptureModeThreadLocal));
    }
    (void)cusolverDnXpotrf(solver, nullptr, CUBLAS_FILL_MODE_LOWER, 2, CUDA_R_64F, a.data, 2, CUDA_R_64F,
                           work.data, 512, host_work, sizeof host_work, info.data);
    bool good = fixed || (cudaStreamEndCapture(s.s, &graph) == cudaSuccess && run_and_destroy(graph, s.s));
    TRY(cusolverDnDestroy(solver));
    TRY(cudaStreamSynchronize(s.s));
    return good && all_equal(a.data, 1, 2.0);
}

bool cublas_in_body_without_workspace(bool fixed) {
    Buffer<float> x(n), one(1);
    Buffer<char> workspace(4 << 20);
    StreamOwner a;
    cublasHandle_t blas = nullptr;
    cudaGraphConditionalHandle handle = 0;
    TRY(cublasCreate(&blas));
    TRY(fill(one.data, 1, 1.0f, a.s));
    TRY(cudaMemsetAsync(x.data, 0, n * sizeof(float), a.s));
    TRY(cublasSetWorkspace(blas, workspace.data, 4 << 20));
    TRY(cublasSetStream(blas, a.s)); // which forgets the workspace
    if (fixed) {
        TRY(cublasSetWorkspace(blas, workspace.data, 4 << 20));
    }
    TRY(cublasSetPointerMode(blas, CUBLAS_POINTER_MODE_DEVICE));
    cudaGraph_t graph = begin_while(a.s, &handle);
    LAUNCH(step_kernel, 1, n, 0, a.s, x.data, handle, 1);
    TRY(cudaGetLastError());
    (void)cublasSscal(blas, n, one.data, x.data, 1);
    bool good = end_while(graph, a.s);
    TRY(cublasDestroy(blas));
    return good && all_equal(x.data, n, 3.0f);
}

bool graph_uses_freed_memory(bool fixed) {
    Buffer<float> x(n);
    StreamOwner a;
    cudaGraph_t graph = nullptr;
    cudaGraphExec_t exec = nullptr;
    TRY(cudaStreamBeginCapture(a.s, cudaStreamCaptureModeThreadLocal));
    TRY(fill(x.data, n, 1.0f, a.s));
    TRY(cudaStreamEndCapture(a.s, &graph));
    TRY(cudaGraphInstantiate(&exec, graph, 0));
    if (!fixed) {
        x.release();
    }
    (void)cudaGraphLaunch(exec, a.s);
    bool good = cudaStreamSynchronize(a.s) == cudaSuccess;
    (void)cudaGraphExecDestroy(exec);
    (void)cudaGraphDestroy(graph);
    return good;
}

__global__ void copy_kernel(const float *x, float *y) {
    y[threadIdx.x] = x[threadIdx.x];
}

// Two branches of a captured fork; the second needs what the first computes, and nothing says so.
bool missing_graph_dependency(bool fixed) {
    Buffer<float> x(n), y(n);
    StreamOwner a, b;
    cudaEvent_t fork = nullptr, filled = nullptr, join = nullptr;
    cudaGraph_t graph = nullptr;
    TRY(cudaEventCreateWithFlags(&fork, cudaEventDisableTiming));
    TRY(cudaEventCreateWithFlags(&filled, cudaEventDisableTiming));
    TRY(cudaEventCreateWithFlags(&join, cudaEventDisableTiming));
    TRY(cudaMemsetAsync(x.data, 0, n * sizeof(float), a.s));
    TRY(cudaStreamBeginCapture(a.s, cudaStreamCaptureModeThreadLocal));
    TRY(cudaEventRecord(fork, a.s));
    TRY(cudaStreamWaitEvent(b.s, fork, 0));
    TRY(fill(x.data, n, 1.0f, a.s));
    TRY(cudaEventRecord(filled, a.s));
    if (fixed) {
        TRY(cudaStreamWaitEvent(b.s, filled, 0));
    }
    LAUNCH(copy_kernel, 1, n, 0, b.s, x.data, y.data);
    TRY(cudaGetLastError());
    TRY(cudaEventRecord(join, b.s));
    TRY(cudaStreamWaitEvent(a.s, join, 0));
    TRY(cudaStreamEndCapture(a.s, &graph));
    TRY(cudaEventDestroy(fork));
    TRY(cudaEventDestroy(filled));
    TRY(cudaEventDestroy(join));
    TRY(!run_and_destroy(graph, a.s));
    return all_equal(y.data, n, 1.0f);
}

bool unjoined_fork(bool fixed) {
    Buffer<float> x(n);
    StreamOwner a, b;
    cudaEvent_t event = nullptr;
    cudaGraph_t graph = nullptr;
    TRY(cudaEventCreateWithFlags(&event, cudaEventDisableTiming));
    TRY(cudaStreamBeginCapture(a.s, cudaStreamCaptureModeThreadLocal));
    TRY(cudaEventRecord(event, a.s));
    TRY(cudaStreamWaitEvent(b.s, event, 0));
    TRY(fill(x.data, n, 1.0f, b.s));
    TRY(cudaEventRecord(event, b.s));
    if (fixed) {
        TRY(cudaStreamWaitEvent(a.s, event, 0));
    }
    bool captured = cudaStreamEndCapture(a.s, &graph) == cudaSuccess;
    TRY(cudaEventDestroy(event));
    return captured && run_and_destroy(graph, a.s) && all_equal(x.data, n, 1.0f);
}

bool condition_set_outside_graph(bool fixed) {
    Buffer<float> x(n);
    StreamOwner a;
    cudaGraphConditionalHandle handle = 0;
    TRY(cudaMemsetAsync(x.data, 0, n * sizeof(float), a.s));
    cudaGraph_t graph = begin_while(a.s, &handle);
    LAUNCH(step_kernel, 1, n, 0, a.s, x.data, handle, 1);
    TRY(cudaGetLastError());
    TRY(!end_while(graph, a.s));
    LAUNCH(step_kernel, 1, n, 0, a.s, x.data, handle, fixed ? 0 : 1); // eagerly, with a handle of a graph
    TRY(cudaGetLastError());
    TRY(cudaStreamSynchronize(a.s));
    return all_equal(x.data, n, 4.0f);
}

} // namespace

const Bug graph_bugs[] = {
    {"while_never_cleared", while_never_cleared},
    {"empty_while_body", empty_while_body},
    {"pageable_copy_in_body", pageable_copy_in_body},
    {"allocation_in_capture", allocation_in_capture},
    {"synchronise_in_capture", synchronise_in_capture},
    {"cusolver_in_capture", cusolver_in_capture},
    {"cublas_in_body_without_workspace", cublas_in_body_without_workspace},
    {"graph_uses_freed_memory", graph_uses_freed_memory},
    {"missing_graph_dependency", missing_graph_dependency},
    {"unjoined_fork", unjoined_fork},
    {"condition_set_outside_graph", condition_set_outside_graph},
    {nullptr, nullptr},
};
