// Stream capture: streams that record into a graph instead of queueing, and what is forbidden meanwhile.
#include <algorithm>

#include "graph.h"
#include "objects.h"
#include "state.h"

using namespace hc;

namespace hc {
namespace {

std::vector<std::unique_ptr<Capture>> &captures() // ended ones too: events may still point at them
{
    static auto *all = new std::vector<std::unique_ptr<Capture>>;
    return *all;
}

thread_local cudaStreamCaptureMode thread_mode = cudaStreamCaptureModeGlobal;

// CUDA's rule for calls that are "potentially unsafe" while a capture goes on.
bool forbids(const Capture &c) {
    bool mine = c.thread == std::this_thread::get_id();
    if (c.ended || c.mode == cudaStreamCaptureModeRelaxed || thread_mode == cudaStreamCaptureModeRelaxed) {
        return false;
    }
    return mine || (thread_mode == cudaStreamCaptureModeGlobal && c.mode == cudaStreamCaptureModeGlobal);
}

cudaError_t begin_capture(Stream &stream, cudaGraph_t graph, std::vector<cudaGraphNode_t> frontier,
                          cudaStreamCaptureMode mode) {
    if (stream.legacy) {
        return fail(cudaErrorStreamCaptureUnsupported, "the legacy stream cannot be captured");
    }
    if (stream.capture) {
        return fail(cudaErrorIllegalState, "the stream is capturing already");
    }
    auto capture = std::make_unique<Capture>();
    capture->into_given_graph = graph != nullptr;
    capture->graph = graph ? graph : new_graph(false);
    capture->origin = &stream;
    capture->mode = mode;
    capture->thread = std::this_thread::get_id();
    capture->id = captures().size() + 1;
    capture->members.push_back(&stream);
    stream.capture = capture.get();
    stream.frontier = std::move(frontier);
    captures().push_back(std::move(capture));
    return cudaSuccess;
}

void mark_ancestors(cudaGraphNode_t node, std::vector<bool> &seen) {
    if (!seen[node->index]) {
        seen[node->index] = true;
        for (cudaGraphNode_t dependency : node->dependencies) {
            mark_ancestors(dependency, seen);
        }
    }
}

// Work of the other streams that the origin never waited for.
bool has_unjoined_work(const Capture &c) {
    std::vector<bool> seen(c.graph->nodes.size(), false);
    for (cudaGraphNode_t node : c.origin->frontier) {
        mark_ancestors(node, seen);
    }
    for (const Stream *member : c.members) {
        for (cudaGraphNode_t node : member->frontier) {
            if (!seen[node->index]) {
                return true;
            }
        }
    }
    return false;
}

void end(Capture &c) {
    c.ended = true;
    for (Stream *member : c.members) {
        member->capture = nullptr;
        member->frontier.clear();
    }
}

cudaError_t end_capture(Stream &stream, cudaGraph_t *result) {
    Capture &c = *stream.capture;
    if (c.origin != &stream) {
        c.valid = false;
        return fail(cudaErrorStreamCaptureUnmatched, "the capture must end in the stream where it began");
    }
    if (c.mode != cudaStreamCaptureModeRelaxed && c.thread != std::this_thread::get_id()) {
        return fail(cudaErrorStreamCaptureWrongThread, "the capture must end in the thread that began it");
    }
    bool unjoined = c.valid && has_unjoined_work(c);
    bool good = c.valid && !unjoined;
    end(c);
    if (good) {
        if (!c.into_given_graph) {
            object_created(c.graph, Kind::graph);
        }
        *result = c.graph;
        return cudaSuccess;
    }
    *result = nullptr;
    if (!c.into_given_graph) {
        delete_graph(c.graph);
    }
    if (unjoined) {
        return fail(cudaErrorStreamCaptureUnjoined,
                    "a stream was forked into the capture and not joined again");
    }
    return fail(cudaErrorStreamCaptureInvalidated);
}

} // namespace

bool capture_active(const Capture &capture) {
    return capture.valid && !capture.ended;
}

void invalidate_capture(Stream &stream) {
    if (stream.capture) {
        stream.capture->valid = false;
    }
}

cudaError_t refuse_in_capture(const char *what) {
    bool refused = false;
    for (const auto &capture : captures()) {
        if (forbids(*capture)) {
            capture->valid = false;
            refused = true;
        }
    }
    if (refused) {
        set_reason("%s is not allowed while a stream is capturing", what);
    }
    return refused ? cudaErrorStreamCaptureUnsupported : cudaSuccess;
}

cudaError_t refuse_legacy_in_capture(const Stream &stream, const char *what) {
    if (!stream.legacy) {
        return cudaSuccess;
    }
    bool refused = false;
    for (const auto &capture : captures()) {
        for (const Stream *member : capture->members) {
            if (!capture->ended && member->blocking) {
                capture->valid = false;
                refused = true;
            }
        }
    }
    if (refused) {
        set_reason("%s: the legacy stream cannot be used while a blocking stream is capturing", what);
    }
    return refused ? cudaErrorStreamCaptureImplicit : cudaSuccess;
}

cudaError_t refuse_for_stream(Stream &stream, const char *what) {
    if (!stream.capture) {
        return refuse_legacy_in_capture(stream, what);
    }
    stream.capture->valid = false;
    set_reason("%s on a stream that is capturing", what);
    return cudaErrorStreamCaptureUnsupported;
}

cudaError_t capture_op(Stream &stream, std::shared_ptr<Op> op) {
    Capture &c = *stream.capture;
    if (!c.valid) {
        return cudaErrorStreamCaptureInvalidated;
    }
    if (!op->not_in_capture.empty()) {
        c.valid = false;
        set_reason("%s cannot be captured", op->not_in_capture.c_str());
        return op->capture_error;
    }
    tsan_release(op.get());
    cudaGraphNode_t node = add_node(c.graph, op->type(), stream.frontier);
    node->op = std::move(op);
    stream.frontier = {node};
    return cudaSuccess;
}

cudaError_t join_capture(Stream &stream, Capture *capture, const std::vector<cudaGraphNode_t> &nodes) {
    if (capture->ended) {
        set_reason("the event was recorded in a capture that has ended");
        return cudaErrorCapturedEvent;
    }
    if (stream.legacy || (stream.capture && stream.capture != capture)) {
        capture->valid = false;
        invalidate_capture(stream);
        return stream.legacy ? cudaErrorStreamCaptureImplicit : cudaErrorStreamCaptureMerge;
    }
    if (!capture->valid) {
        return cudaErrorStreamCaptureInvalidated;
    }
    if (!stream.capture) {
        stream.capture = capture;
        capture->members.push_back(&stream);
    }
    for (cudaGraphNode_t node : nodes) {
        if (std::find(stream.frontier.begin(), stream.frontier.end(), node) == stream.frontier.end()) {
            stream.frontier.push_back(node);
        }
    }
    return cudaSuccess;
}

void forget_captures() {
    for (const auto &capture : captures()) {
        if (!capture->ended) {
            end(*capture);
        }
    }
    captures().clear();
    thread_mode = cudaStreamCaptureModeGlobal;
}

} // namespace hc

extern "C" {

cudaError_t cudaStreamBeginCapture(cudaStream_t handle, enum cudaStreamCaptureMode mode) {
    HC_API("cudaStreamBeginCapture");
    std::shared_ptr<Stream> stream = stream_of(handle);
    if (!stream) {
        return fail(cudaErrorInvalidResourceHandle, "cudaStreamBeginCapture: not a stream");
    }
    return begin_capture(*stream, nullptr, {}, mode);
}

cudaError_t cudaStreamBeginCaptureToGraph(cudaStream_t handle, cudaGraph_t graph,
                                          const cudaGraphNode_t *dependencies,
                                          const cudaGraphEdgeData *dependencyData, size_t numDependencies,
                                          enum cudaStreamCaptureMode mode) {
    HC_API("cudaStreamBeginCaptureToGraph");
    (void)dependencyData;
    std::shared_ptr<Stream> stream = stream_of(handle);
    if (!stream || !graph) {
        return fail(cudaErrorInvalidValue, "cudaStreamBeginCaptureToGraph: not a stream or no graph");
    }
    return begin_capture(*stream, graph, {dependencies, dependencies + numDependencies}, mode);
}

cudaError_t cudaStreamEndCapture(cudaStream_t handle, cudaGraph_t *pGraph) {
    Lock lock;
    cudaError_t injected = begin_anyway("cudaStreamEndCapture");
    std::shared_ptr<Stream> stream = stream_of(handle);
    if (!stream || !pGraph || !stream->capture) {
        return fail(cudaErrorIllegalState, "cudaStreamEndCapture: the stream is not capturing");
    }
    if (injected) {
        stream->capture->valid = false; // a capture that failed to end must not stay open
    }
    cudaError_t result = end_capture(*stream, pGraph);
    return fail(injected ? injected : result);
}

cudaError_t cudaStreamIsCapturing(cudaStream_t handle, enum cudaStreamCaptureStatus *pCaptureStatus) {
    return cudaStreamGetCaptureInfo(handle, pCaptureStatus, nullptr, nullptr, nullptr, nullptr, nullptr);
}

cudaError_t cudaStreamGetCaptureInfo(cudaStream_t handle, enum cudaStreamCaptureStatus *captureStatus_out,
                                     unsigned long long *id_out, cudaGraph_t *graph_out,
                                     const cudaGraphNode_t **dependencies_out,
                                     const cudaGraphEdgeData **edgeData_out, size_t *numDependencies_out) {
    HC_API("cudaStreamGetCaptureInfo");
    std::shared_ptr<Stream> stream = stream_of(handle);
    if (!stream || !captureStatus_out) {
        return fail(cudaErrorInvalidValue, "cudaStreamGetCaptureInfo: bad argument");
    }
    const Capture *c = stream->capture;
    *captureStatus_out = !c         ? cudaStreamCaptureStatusNone
                         : c->valid ? cudaStreamCaptureStatusActive
                                    : cudaStreamCaptureStatusInvalidated;
    if (id_out) {
        *id_out = c ? c->id : 0;
    }
    if (graph_out) {
        *graph_out = c ? c->graph : nullptr;
    }
    stream->reported = stream->frontier;
    if (dependencies_out) {
        *dependencies_out = stream->reported.data();
    }
    if (edgeData_out) {
        *edgeData_out = nullptr;
    }
    if (numDependencies_out) {
        *numDependencies_out = stream->reported.size();
    }
    return cudaSuccess;
}

cudaError_t cudaStreamUpdateCaptureDependencies(cudaStream_t handle, cudaGraphNode_t *dependencies,
                                                const cudaGraphEdgeData *dependencyData,
                                                size_t numDependencies, unsigned int flags) {
    HC_API("cudaStreamUpdateCaptureDependencies");
    (void)dependencyData;
    std::shared_ptr<Stream> stream = stream_of(handle);
    if (!stream || !stream->capture || !capture_active(*stream->capture)) {
        return fail(cudaErrorIllegalState,
                    "cudaStreamUpdateCaptureDependencies: the stream is not capturing");
    }
    if (flags == cudaStreamSetCaptureDependencies) {
        stream->frontier.clear();
    }
    stream->frontier.insert(stream->frontier.end(), dependencies, dependencies + numDependencies);
    return cudaSuccess;
}

cudaError_t cudaThreadExchangeStreamCaptureMode(enum cudaStreamCaptureMode *mode) {
    HC_API("cudaThreadExchangeStreamCaptureMode");
    std::swap(*mode, thread_mode);
    return cudaSuccess;
}
}
