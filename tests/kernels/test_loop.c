/* Graphs: a CG solve as one launch against the eager loop, updates under replay, branches. */
#include <math.h>
#include <string.h>

#include "kernels_test.h"

enum { N = 40 };

/* diag(a) x = b by CG from x = 0, with nothing read back. */
typedef struct cg {
    buffer *a, *b, *x, *r, *p, *q;
    buffer *slots; /* a rule, a row, the models that are kept, the flag, most, count */
} cg;
enum {
    RULE,
    ROW = RULE + sizeof(gn_cuda_solve_rule) / sizeof(double),
    MODELS = ROW + sizeof(gn_cuda_cg_row) / sizeof(double),
    KEPT = 11 + 2 * N / 10,
    FLAG = MODELS + KEPT,
    MOST,
    COUNT,
    SLOTS
};

static double *slot(const cg *s, int i) {
    return (double *)at(s->slots) + i;
}

static gn_cuda_cg_slots slots_of(const cg *s) {
    return (gn_cuda_cg_slots){.rules = (gn_cuda_solve_rule *)slot(s, RULE),
                              .rows = (gn_cuda_cg_row *)slot(s, ROW),
                              .models = slot(s, MODELS),
                              .kept = KEPT,
                              .flag = slot(s, FLAG)};
}

static void cg_make(cg *s) {
    s->a = uniform(1, N, 0, 1, 10);
    s->b = uniform(1, N, 0, -1, 1);
    s->x = output(1, N, 0);
    s->r = output(1, N, 0);
    s->p = output(1, N, 0);
    s->q = output(1, N, 0);
    s->slots = scalars(SLOTS, NAN);
    for (int i = 0; i < SLOTS; i++)
        s->slots->host[i] = ANYTHING;
    for (int i = 0; i < N; i++)
        s->r->host[i] = s->p->host[i] = s->q->host[i] = ANYTHING;
}

/* The rule, and most: in a graph it is part of it. */
static void cg_start(const cg *s) {
    const double rule[] = {0, 1e-13, 0, 0, 2 * N};
    for (int i = 0; i < 5; i++)
        OK(gn_cuda_fill(test.stream, F64, 1, rule[i], slot(s, RULE + i)));
    OK(gn_cuda_fill(test.stream, F64, 1, 2 * N, slot(s, MOST)));
    OK(gn_cuda_axpby(test.stream, F64, N, 1, at(s->b), 0, at(s->r)));
    OK(gn_cuda_cg_begin(test.stream, F64, 1, N, NULL, at(s->x), at(s->r), slots_of(s), test.scratch));
}

static void cg_body(const cg *s) {
    OK(gn_cuda_cg_direction(test.stream, F64, 1, N, at(s->r), at(s->r), at(s->p), slots_of(s), test.scratch));
    OK(gn_cuda_multiply(test.stream, F64, N, at(s->a), at(s->p), at(s->q)));
    OK(gn_cuda_cg_step(test.stream, F64, 1, N, at(s->p), at(s->q), at(s->x), at(s->r), slots_of(s),
                       test.scratch));
}

static double read_slot(const double *device) {
    double value = NAN;
    CUDA(cudaStreamSynchronize(test.stream));
    CUDA(cudaMemcpy(&value, device, sizeof value, cudaMemcpyDeviceToHost));
    return value;
}

/* Adds a conditional node to the graph that the stream captures, and goes on capturing after it. */
static cudaGraph_t add_conditional(cudaGraph_t graph, cudaGraphConditionalHandle handle,
                                   enum cudaGraphConditionalNodeType type) {
    enum cudaStreamCaptureStatus status;
    const cudaGraphNode_t *before = NULL;
    size_t count = 0;
    cudaGraphNode_t node = NULL;
    struct cudaGraphNodeParams parameters = {0};
    parameters.type = cudaGraphNodeTypeConditional;
    parameters.conditional.handle = handle;
    parameters.conditional.type = type;
    parameters.conditional.size = 1;
    CUDA(cudaStreamGetCaptureInfo(test.stream, &status, NULL, NULL, &before, NULL, &count));
    CUDA(cudaGraphAddNode(&node, graph, before, NULL, count, &parameters));
    CUDA(cudaStreamUpdateCaptureDependencies(test.stream, &node, NULL, 1, cudaStreamSetCaptureDependencies));
    return parameters.conditional.phGraph_out[0];
}

static cudaGraph_t capture_begin(void) {
    enum cudaStreamCaptureStatus status;
    cudaGraph_t graph = NULL;
    CUDA(cudaStreamBeginCapture(test.stream, cudaStreamCaptureModeThreadLocal));
    CUDA(cudaStreamGetCaptureInfo(test.stream, &status, NULL, &graph, NULL, NULL, NULL));
    return graph;
}

static void launch_times(cudaGraph_t graph, int times) {
    cudaGraphExec_t exec = NULL;
    CUDA(cudaGraphInstantiate(&exec, graph, 0));
    for (int i = 0; i < times; i++)
        CUDA(cudaGraphLaunch(exec, test.stream));
    CUDA(cudaStreamSynchronize(test.stream));
    CUDA(cudaGraphExecDestroy(exec));
    CUDA(cudaGraphDestroy(graph));
}

static void cg_graph(const cg *s, int times) {
    cudaGraph_t graph = capture_begin(), captured = NULL, unused = NULL;
    cudaGraphConditionalHandle handle;
    cudaStream_t body_stream = NULL, outer = test.stream;
    CUDA(cudaGraphConditionalHandleCreate(&handle, graph, 0, 0));
    cg_start(s);
    OK(gn_cuda_loop_begin(test.stream, handle, slot(s, FLAG), slot(s, MOST), slot(s, COUNT)));
    cudaGraph_t body = add_conditional(graph, handle, cudaGraphCondTypeWhile);
    CUDA(cudaStreamEndCapture(test.stream, &captured));
    CUDA(cudaStreamCreateWithFlags(&body_stream, cudaStreamNonBlocking));
    test.stream = body_stream;
    CUDA(cudaStreamBeginCaptureToGraph(body_stream, body, NULL, NULL, 0, cudaStreamCaptureModeThreadLocal));
    cg_body(s);
    OK(gn_cuda_loop_next(test.stream, handle, slot(s, FLAG), slot(s, MOST), slot(s, COUNT)));
    CUDA(cudaStreamEndCapture(body_stream, &unused));
    test.stream = outer;
    CUDA(cudaStreamDestroy(body_stream));
    launch_times(captured, times);
}

static void cg_eager(const cg *s) {
    double count = 0;
    cg_start(s);
    while (read_slot(slot(s, FLAG)) > 0 && count < 2 * N) {
        cg_body(s);
        count++;
    }
    OK(gn_cuda_fill(test.stream, F64, 1, count, slot(s, COUNT)));
}

static void cg_case(void) {
    cg eager, graph;
    double by_loop[N], by_graph[N];
    begin_case("CG as one graph");
    cg_make(&eager);
    cg_eager(&eager);
    cg_make(&graph);
    CUDA(cudaMemcpy(at(graph.a), at(eager.a), N * sizeof(double), cudaMemcpyDeviceToDevice));
    CUDA(cudaMemcpy(at(graph.b), at(eager.b), N * sizeof(double), cudaMemcpyDeviceToDevice));
    CUDA(cudaDeviceSynchronize()); /* a copy within the device returns before it is done */
    memcpy(graph.a->host, eager.a->host, N * sizeof(double));
    memcpy(graph.b->host, eager.b->host, N * sizeof(double));
    cg_graph(&graph, 2);
    CHECK(read_slot(slot(&graph, COUNT)) == read_slot(slot(&eager, COUNT)));
    CHECK(read_slot(slot(&graph, COUNT)) > 3 && read_slot(slot(&graph, COUNT)) < 2 * N);
    CUDA(cudaMemcpy(by_loop, at(eager.x), sizeof by_loop, cudaMemcpyDeviceToHost));
    CUDA(cudaMemcpy(by_graph, at(graph.x), sizeof by_graph, cudaMemcpyDeviceToHost));
    CHECK(memcmp(by_loop, by_graph, sizeof by_loop) == 0);
    for (int i = 0; i < N; i++)
        eager.x->host[i] = graph.x->host[i] = eager.b->host[i] / eager.a->host[i];
    eager.x->tolerance = graph.x->tolerance = 1e5;
    end_case();
}

/* A limit of 0, a flag that does not hold, and a flag that is NaN run nothing. */
static void empty_loop_case(double flag, double most, double iterations) {
    begin_case("loop flag=%g most=%g", flag, most);
    buffer *slots = scalars(5, 0); /* flag, most, count, sum, 1 */
    double *device = at(slots), *one = device + 4;
    OK(gn_cuda_fill(test.stream, F64, 1, flag, device));
    OK(gn_cuda_fill(test.stream, F64, 1, most, device + 1));
    OK(gn_cuda_fill(test.stream, F64, 1, 1, one));
    cudaGraph_t graph = capture_begin(), captured = NULL, unused = NULL;
    cudaGraphConditionalHandle handle;
    cudaStream_t body_stream = NULL;
    CUDA(cudaGraphConditionalHandleCreate(&handle, graph, 0, 0));
    OK(gn_cuda_loop_begin(test.stream, handle, device, device + 1, device + 2));
    cudaGraph_t body = add_conditional(graph, handle, cudaGraphCondTypeWhile);
    CUDA(cudaStreamEndCapture(test.stream, &captured));
    CUDA(cudaStreamCreateWithFlags(&body_stream, cudaStreamNonBlocking));
    CUDA(cudaStreamBeginCaptureToGraph(body_stream, body, NULL, NULL, 0, cudaStreamCaptureModeThreadLocal));
    OK(gn_cuda_axpby(body_stream, F64, 1, 1, one, 1, device + 3));
    OK(gn_cuda_loop_next(body_stream, handle, device, device + 1, device + 2));
    CUDA(cudaStreamEndCapture(body_stream, &unused));
    CUDA(cudaStreamDestroy(body_stream));
    launch_times(captured, 1);
    slots->host[0] = flag;
    slots->host[1] = most;
    slots->host[2] = slots->host[3] = iterations;
    slots->host[4] = 1;
    end_case();
}

static void branch_case(double flag, bool invert, bool taken) {
    begin_case("if flag=%g invert=%d", flag, invert);
    buffer *slots = scalars(2, 0);
    double *device = at(slots);
    OK(gn_cuda_fill(test.stream, F64, 1, flag, device));
    cudaGraph_t graph = capture_begin(), captured = NULL, unused = NULL;
    cudaGraphConditionalHandle handle;
    cudaStream_t body_stream = NULL;
    CUDA(cudaGraphConditionalHandleCreate(&handle, graph, 0, 0));
    OK(gn_cuda_loop_if(test.stream, handle, device, invert));
    cudaGraph_t body = add_conditional(graph, handle, cudaGraphCondTypeIf);
    CUDA(cudaStreamEndCapture(test.stream, &captured));
    CUDA(cudaStreamCreateWithFlags(&body_stream, cudaStreamNonBlocking));
    CUDA(cudaStreamBeginCaptureToGraph(body_stream, body, NULL, NULL, 0, cudaStreamCaptureModeThreadLocal));
    OK(gn_cuda_fill(body_stream, F64, 1, 5, device + 1));
    CUDA(cudaStreamEndCapture(body_stream, &unused));
    CUDA(cudaStreamDestroy(body_stream));
    launch_times(captured, 1);
    slots->host[0] = flag;
    slots->host[1] = taken ? 5 : 0;
    end_case();
}

/* Each replay raises the clock by 1: five replays are five calls. */
static void replay_case(void) {
    const size_t p = 3000; /* several blocks */
    begin_case("adam_update replayed");
    buffer *g = uniform(1, p, 0, -1, 1), *rate = scalars(1, 0.01), *state[2][4];
    cudaGraph_t graph = NULL;
    for (int i = 0; i < 2; i++) {
        for (int k = 0; k < 3; k++)
            state[i][k] = output(1, p, 0);
        state[i][3] = scalars(1, 0);
        for (int k = 0; k < 3; k++) {
            OK(gn_cuda_fill(test.stream, F64, p, k, at(state[i][k])));
            for (size_t j = 0; j < p; j++)
                state[i][k]->host[j] = ANYTHING;
        }
        state[i][3]->host[0] = 5;
    }
    for (int replay = 0; replay < 5; replay++)
        OK(gn_cuda_adam_update(test.stream, F64, p, 0.9, 0.99, 1e-8, 0.1, true, at(rate), at(state[0][3]),
                               at(g), at(state[0][0]), at(state[0][1]), at(state[0][2]), test.scratch));
    capture_begin();
    OK(gn_cuda_adam_update(test.stream, F64, p, 0.9, 0.99, 1e-8, 0.1, true, at(rate), at(state[1][3]), at(g),
                           at(state[1][0]), at(state[1][1]), at(state[1][2]), test.scratch));
    CUDA(cudaStreamEndCapture(test.stream, &graph));
    launch_times(graph, 5);
    for (int k = 0; k < 3; k++) {
        double called[3000], replayed[3000];
        CUDA(cudaMemcpy(called, at(state[0][k]), sizeof called, cudaMemcpyDeviceToHost));
        CUDA(cudaMemcpy(replayed, at(state[1][k]), sizeof replayed, cudaMemcpyDeviceToHost));
        CHECK(memcmp(called, replayed, sizeof called) == 0);
    }
    end_case();
}

void test_loop(void) {
    cg_case();
    empty_loop_case(1, 7, 7);
    empty_loop_case(1, 0, 0);
    empty_loop_case(0, 7, 0);
    empty_loop_case(NAN, 7, 0);
    branch_case(1, false, true);
    branch_case(0, false, false);
    branch_case(1, true, false);
    branch_case(0, true, true);
    replay_case();
}
