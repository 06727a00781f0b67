// Events: a place in a stream, which other streams and the host can wait for.
#include "event.h"

#include <time.h>

#include "graph.h"
#include "objects.h"
#include "state.h"

struct CUevent_st {
    bool timing = true;
    std::shared_ptr<hc::Record> record; // the last recording outside a capture; null when there was none
    hc::Capture *capture = nullptr;     // set when the last recording was in a capture
    std::vector<cudaGraphNode_t> nodes;
};

using namespace hc;

namespace {

double seconds_now() {
    timespec now = {};
    clock_gettime(CLOCK_MONOTONIC, &now);
    return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

bool check(cudaEvent_t event) {
    if (event && object_alive(event, Kind::event)) {
        return true;
    }
    violation("an event handle was used that is not a live event");
    return false;
}

cudaError_t create(cudaEvent_t *event, unsigned flags) {
    if (!event) {
        return fail(cudaErrorInvalidValue, "no place for the event was given");
    }
    auto *made = new CUevent_st;
    made->timing = (flags & cudaEventDisableTiming) == 0;
    object_created(made, Kind::event);
    *event = made;
    return cudaSuccess;
}

void record_outside_capture(cudaEvent_t event, const std::shared_ptr<Stream> &stream) {
    auto record = std::make_shared<Record>();
    record->stream = stream;
    event->record = record;
    event->capture = nullptr;
    event->nodes.clear();
    record->ticket = enqueue(stream, make_op(cudaGraphNodeTypeEventRecord, "event record", [record] {
                                 record->done = true;
                                 record->when = seconds_now();
                                 tsan_release(record.get());
                             }));
}

// Both recorded and complete, as elapsed time needs them.
cudaError_t timed(cudaEvent_t event) {
    if (event->capture) {
        return fail(cudaErrorCapturedEvent, "the event was recorded in a capture");
    }
    if (!event->timing || !event->record) {
        return fail(cudaErrorInvalidResourceHandle, "the event has no timing or was never recorded");
    }
    return event->record->done ? cudaSuccess : cudaErrorNotReady;
}

} // namespace

extern "C" {

cudaError_t cudaEventCreate(cudaEvent_t *event) {
    HC_API("cudaEventCreate");
    return create(event, cudaEventDefault);
}

cudaError_t cudaEventCreateWithFlags(cudaEvent_t *event, unsigned int flags) {
    HC_API("cudaEventCreateWithFlags");
    return create(event, flags);
}

cudaError_t cudaEventDestroy(cudaEvent_t event) {
    Lock lock;
    cudaError_t injected = begin_anyway("cudaEventDestroy");
    if (!check(event)) {
        return fail(cudaErrorInvalidResourceHandle, "cudaEventDestroy: not an event");
    }
    object_destroyed(event);
    delete event;
    return fail(injected ? injected : sticky_error());
}

cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t handle) {
    HC_API("cudaEventRecord");
    std::shared_ptr<Stream> stream = stream_of(handle);
    if (!check(event) || !stream) {
        return fail(cudaErrorInvalidResourceHandle, "cudaEventRecord: not an event or not a stream");
    }
    if (!stream->capture) {
        record_outside_capture(event, stream);
        return cudaSuccess;
    }
    if (!capture_active(*stream->capture)) {
        return fail(cudaErrorStreamCaptureInvalidated, "cudaEventRecord: the capture is invalid");
    }
    event->record.reset();
    event->capture = stream->capture;
    event->nodes = stream->frontier;
    return cudaSuccess;
}

cudaError_t cudaStreamWaitEvent(cudaStream_t handle, cudaEvent_t event, unsigned int flags) {
    HC_API("cudaStreamWaitEvent");
    (void)flags;
    std::shared_ptr<Stream> stream = stream_of(handle);
    if (!check(event) || !stream) {
        return fail(cudaErrorInvalidResourceHandle, "cudaStreamWaitEvent: not an event or not a stream");
    }
    if (event->capture) {
        return fail(join_capture(*stream, event->capture, event->nodes));
    }
    if (stream->capture) {
        if (!event->record) {
            return cudaSuccess;
        }
        invalidate_capture(*stream);
        return fail(cudaErrorStreamCaptureIsolation,
                    "a capturing stream waits for an event recorded outside");
    }
    if (event->record) {
        std::shared_ptr<Record> record = event->record;
        enqueue(stream, make_op(cudaGraphNodeTypeWaitEvent, "wait for event", [record] {
                    run_until(record->stream, record->ticket);
                    tsan_acquire(record.get());
                }));
    }
    return cudaSuccess;
}

cudaError_t cudaEventQuery(cudaEvent_t event) {
    HC_API("cudaEventQuery");
    if (!check(event)) {
        return fail(cudaErrorInvalidResourceHandle, "cudaEventQuery: not an event");
    }
    if (event->capture) {
        return fail(cudaErrorCapturedEvent, "cudaEventQuery: the event was recorded in a capture");
    }
    if (!event->record) {
        return cudaSuccess;
    }
    if (!event->record->done) {
        make_progress(event->record->stream);
    }
    if (sticky_error()) {
        return fail(sticky_error());
    }
    if (!event->record->done) {
        return cudaErrorNotReady;
    }
    tsan_acquire(event->record.get());
    return cudaSuccess;
}

cudaError_t cudaEventSynchronize(cudaEvent_t event) {
    HC_API("cudaEventSynchronize");
    if (!check(event)) {
        return fail(cudaErrorInvalidResourceHandle, "cudaEventSynchronize: not an event");
    }
    if (event->capture) {
        return fail(cudaErrorCapturedEvent, "cudaEventSynchronize: the event was recorded in a capture");
    }
    if (cudaError_t refused = refuse_in_capture("cudaEventSynchronize")) {
        return fail(refused);
    }
    counter(HOST_CUDA_HOST_SYNCS)++;
    if (event->record) {
        run_until(event->record->stream, event->record->ticket);
        tsan_acquire(event->record.get());
    }
    return fail(sticky_error());
}

cudaError_t cudaEventElapsedTime(float *ms, cudaEvent_t start, cudaEvent_t end) {
    HC_API("cudaEventElapsedTime");
    if (!check(start) || !check(end)) {
        return fail(cudaErrorInvalidResourceHandle, "cudaEventElapsedTime: not an event");
    }
    if (cudaError_t error = timed(start)) {
        return error;
    }
    if (cudaError_t error = timed(end)) {
        return error;
    }
    *ms = static_cast<float>(1e3 * (end->record->when - start->record->when));
    return cudaSuccess;
}
}
