/* Programs as graphs. The first run calls the body: libraries load what they need, which cannot be recorded.
 * The second records it, and it and those after it are one launch each. A program that is run once pays for
 * no graph.
 *
 * A loop becomes a WHILE node: its body's last kernel decides on the device whether it goes round again. What
 * cannot be recorded is called at each run as in the first. */
#include <stdio.h>
#include <stdlib.h>

#include "backend/cuda/cuda.h"

typedef enum program_stage {
    STAGE_NEW,      /* the body has not run yet */
    STAGE_WARM,     /* it has */
    STAGE_RECORDED, /* executable is ready */
    STAGE_CALLED    /* it cannot be recorded */
} program_stage;

typedef struct cuda_program {
    gn_status (*body)(void *user);
    void *user;
    bool loops;
    gn_program_loop loop;
    program_stage stage;
    cudaGraph_t graph; /* kept as long as executable, which its handle belongs to */
    cudaGraphExec_t executable;
} cuda_program;

static const char what[] = "recording a program";

/* Relaxed: a kernel that is launched here for the first time may still have to be loaded. The calls that must
 * not come while a stream records are refused by their own entries. */
static const enum cudaStreamCaptureMode mode = cudaStreamCaptureModeRelaxed;

static gn_status cuda_program_create(void *state, gn_status (*body)(void *user), void *user,
                                     const gn_program_loop *loop, void **program) {
    const gn_cuda_state *s = state;
    cuda_program *created = calloc(1, sizeof(*created));
    *program = created;
    if (!created)
        return gn_cuda_fail(state, GN_ERROR_MEMORY, "no host memory for a program");
    created->body = body;
    created->user = user;
    if (loop) {
        created->loops = true;
        created->loop = *loop;
        if (!loop->most)
            created->loop.most = s->loop_slots;
        if (!loop->count)
            created->loop.count = s->loop_slots + 1;
    }
    return GN_OK;
}

static void drop_graph(cuda_program *p) {
    if (p->executable)
        (void)cudaGraphExecDestroy(p->executable);
    (void)cudaGraphDestroy(p->graph);
    (void)cudaGetLastError();
    p->executable = NULL;
    p->graph = NULL;
}

static void cuda_program_destroy(void *state, void *program) {
    cuda_program *p = program;
    if (p->graph) {
        (void)cudaSetDevice(((const gn_cuda_state *)state)->device);
        drop_graph(p);
    }
    free(p);
}

/* ---- by calls ---- */

static gn_status call_body(void *program) {
    cuda_program *p = program;
    if (p->stage == STAGE_NEW)
        p->stage = STAGE_WARM;
    return p->body(p->user);
}

static gn_status call(gn_cuda_state *s, cuda_program *p) {
    return p->loops ? gn_program_loop_on_host(s, &p->loop, call_body, p) : call_body(p);
}

/* ---- recording ---- */

/* The last thing in a pass of a loop. */
typedef struct pass_end {
    const gn_program_loop *loop; /* NULL: not a loop */
    cudaGraphConditionalHandle handle;
} pass_end;

/* Records the body, and what ends a pass, into `graph`. The capture ends whatever happens. */
static gn_status record_body(gn_cuda_state *s, cuda_program *p, cudaGraph_t graph, pass_end end) {
    cudaGraph_t same = NULL;
    GN_TRY(gn_cuda_check(s, cudaStreamBeginCaptureToGraph(s->stream, graph, NULL, NULL, 0, mode), what));
    s->recording = what;
    gn_status status = p->body(p->user);
    s->recording = NULL;
    if (status == GN_OK && end.loop)
        status = gn_cuda_launched(
            s, gn_cuda_loop_next(s->stream, end.handle, end.loop->flag, end.loop->most, end.loop->count),
            what);
    const cudaError_t ended = cudaStreamEndCapture(s->stream, &same);
    if (status != GN_OK) {
        (void)cudaGetLastError(); /* a capture that was broken off is not worth telling */
        return status;
    }
    return gn_cuda_check(s, ended, what);
}

/* loop_begin -> WHILE { body, loop_next } */
static gn_status record_loop(gn_cuda_state *s, cuda_program *p, cudaGraph_t graph) {
    const gn_program_loop *loop = &p->loop;
    cudaGraphConditionalHandle handle;
    cudaGraph_t same = NULL;
    cudaGraphNode_t first, repeat;
    size_t count = 1;
    GN_TRY(gn_cuda_check(s, cudaGraphConditionalHandleCreate(&handle, graph, 0, 0), what));
    GN_TRY(gn_cuda_check(s, cudaStreamBeginCaptureToGraph(s->stream, graph, NULL, NULL, 0, mode), what));
    const gn_status begun =
        gn_cuda_launched(s, gn_cuda_loop_begin(s->stream, handle, loop->flag, loop->most, loop->count), what);
    const cudaError_t ended = cudaStreamEndCapture(s->stream, &same);
    GN_TRY(begun);
    GN_TRY(gn_cuda_check(s, ended, what));
    GN_TRY(gn_cuda_check(s, cudaGraphGetNodes(graph, &first, &count), what));
    struct cudaGraphNodeParams parameters = {0};
    parameters.type = cudaGraphNodeTypeConditional;
    parameters.conditional.handle = handle;
    parameters.conditional.type = cudaGraphCondTypeWhile;
    parameters.conditional.size = 1;
    GN_TRY(gn_cuda_check(s, cudaGraphAddNode(&repeat, graph, &first, NULL, 1, &parameters), what));
    return record_body(s, p, parameters.conditional.phGraph_out[0], (pass_end){loop, handle});
}

static gn_status record(gn_cuda_state *s, cuda_program *p) {
    GN_TRY(gn_cuda_check(s, cudaGraphCreate(&p->graph, 0), what));
    gn_status status =
        p->loops ? record_loop(s, p, p->graph) : record_body(s, p, p->graph, (pass_end){NULL, 0});
    if (status == GN_OK)
        status = gn_cuda_check(s, cudaGraphInstantiate(&p->executable, p->graph, 0), what);
    if (status != GN_OK)
        drop_graph(p);
    return status;
}

/* A program that cannot be recorded still runs; somebody may want to know why it is slow. */
static gn_status record_or_tell(gn_cuda_state *s, cuda_program *p) {
    const gn_backend_services *services = &s->services;
    const gn_status status = record(s, p);
    if (status == GN_OK) {
        p->stage = STAGE_RECORDED;
        return GN_OK;
    }
    if (s->broken)
        return status;
    p->stage = STAGE_CALLED;
    if (services->log) {
        char text[768];
        snprintf(text, sizeof(text), "a program is not recorded as a graph and runs call by call: %.600s",
                 services->message);
        services->log(services->log_user, GN_LOG_WARNING, text);
    }
    services->message[0] = '\0';
    return GN_OK;
}

static gn_status cuda_program_run(void *state, void *program) {
    gn_cuda_state *s = state;
    cuda_program *p = program;
    GN_TRY(gn_cuda_begin(s));
    if (s->recording) /* a program in a program: its calls join the outer recording */
        return p->loops ? gn_cuda_begin_alone(s, "a loop") : p->body(p->user);
    if (p->stage == STAGE_WARM)
        GN_TRY(record_or_tell(s, p));
    if (p->stage == STAGE_RECORDED)
        return gn_cuda_check(s, cudaGraphLaunch(p->executable, s->stream), "running a program");
    return call(s, p);
}

void gn_cuda_program_entries(gn_backend *table) {
    table->program_create = cuda_program_create;
    table->program_run = cuda_program_run;
    table->program_destroy = cuda_program_destroy;
}
