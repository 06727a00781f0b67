// See stream.h.
#include "stream.h"

#include <algorithm>
#include <cstdio>

#include "block.h"
#include "memory.h"
#include "objects.h"
#include "state.h"

CUstream_st::~CUstream_st() {
    hc::tsan_forget_launcher(tsan);
    hc::tsan_destroy(tsan);
}

namespace hc {
namespace {

using StreamPointer = std::shared_ptr<Stream>;

std::vector<StreamPointer> &streams() {
    static auto *all = new std::vector<StreamPointer>;
    return *all;
}

StreamPointer legacy_streams[16];
unsigned long next_serial = 1;
bool callback_running = false;

StreamPointer make_stream(bool blocking) {
    auto stream = std::make_shared<Stream>();
    stream->serial = next_serial++;
    stream->device = current_device();
    stream->blocking = blocking;
    char name[48];
    snprintf(name, sizeof name, "CUDA stream %lu", stream->serial);
    stream->tsan = tsan_create(name);
    streams().push_back(stream);
    return stream;
}

StreamPointer legacy_stream() {
    StreamPointer &stream = legacy_streams[current_device()];
    if (!stream) {
        stream = make_stream(true);
        stream->legacy = true;
    }
    return stream;
}

void run_op(const StreamPointer &stream, const Op &op) {
    TsanScope scope(stream->tsan);
    tsan_acquire(&op);
    if (!sticky_error()) {
        op.run();
    }
    tsan_release(&op);
    tsan_release(stream.get());
}

// Whether a later op has anything to wait for; under TSan also finished work, whose results must be handed
// over.
bool matters(const Stream &stream) {
    return tsan() ? stream.issued > 0 : stream.done < stream.issued;
}

// The legacy stream waits for all blocking streams of its device, and they for it.
void order_with_legacy(const StreamPointer &stream) {
    if (stream->legacy) {
        for (const StreamPointer &other : std::vector<StreamPointer>(streams())) {
            if (other != stream && other->blocking && other->device == stream->device && matters(*other)) {
                make_wait(stream, other, other->issued);
            }
        }
    } else if (stream->blocking) {
        const StreamPointer &legacy = legacy_streams[stream->device];
        if (legacy && matters(*legacy)) {
            make_wait(stream, legacy, legacy->issued);
        }
    }
}

void add(const StreamPointer &stream, std::shared_ptr<Op> op) {
    tsan_release(op.get());
    stream->queue.push_back(std::move(op));
    stream->issued++;
}

cudaError_t create(cudaStream_t *result, unsigned flags) {
    if (!result || (flags & ~unsigned{cudaStreamNonBlocking}) != 0) {
        return fail(cudaErrorInvalidValue, "stream flags 0x%x", flags);
    }
    StreamPointer stream = make_stream((flags & cudaStreamNonBlocking) == 0);
    object_created(stream.get(), Kind::stream);
    *result = stream.get();
    return cudaSuccess;
}

} // namespace

std::shared_ptr<Stream> stream_of(cudaStream_t handle) {
    if (!handle || handle == cudaStreamLegacy) {
        return legacy_stream();
    }
    if (!object_alive(handle, Kind::stream)) {
        violation("a stream handle was used that is not a live stream");
        return nullptr;
    }
    for (const StreamPointer &stream : streams()) {
        if (stream.get() == handle) {
            return stream;
        }
    }
    return nullptr;
}

void make_wait(const std::shared_ptr<Stream> &waiter, const std::shared_ptr<Stream> &other,
               unsigned long ticket) {
    add(waiter, make_op(cudaGraphNodeTypeWaitEvent, "wait", [other, ticket] {
            run_until(other, ticket);
            tsan_acquire(other.get());
        }));
}

unsigned long enqueue(const std::shared_ptr<Stream> &stream, std::shared_ptr<Op> op) {
    order_with_legacy(stream);
    add(stream, std::move(op));
    return stream->issued;
}

cudaError_t submit(cudaStream_t handle, std::shared_ptr<Op> op) {
    StreamPointer stream = stream_of(handle);
    if (!stream) {
        return fail(cudaErrorInvalidResourceHandle, "%s: not a stream", op->name().c_str());
    }
    if (in_host_callback()) {
        violation("%s was issued from a host function of a stream", op->name().c_str());
        return fail(cudaErrorNotPermitted);
    }
    if (stream->device != current_device()) {
        return fail(cudaErrorInvalidResourceHandle,
                    "%s: the stream is of device %d, the current device is %d", op->name().c_str(),
                    stream->device, current_device());
    }
    if (stream->capture) {
        return fail(capture_op(*stream, std::move(op)));
    }
    if (cudaError_t refused = refuse_legacy_in_capture(*stream, op->name().c_str())) {
        return fail(refused);
    }
    enqueue(stream, std::move(op));
    return cudaSuccess;
}

void run_until(const std::shared_ptr<Stream> &stream, unsigned long ticket) {
    if (stream->done >= ticket) {
        return;
    }
    DeviceAccess access;
    while (stream->done < ticket && !stream->queue.empty()) {
        std::shared_ptr<Op> op = stream->queue.front();
        stream->queue.pop_front();
        run_op(stream, *op);
        stream->done++;
    }
}

void wait_for(const std::shared_ptr<Stream> &stream) {
    run_until(stream, stream->issued);
    tsan_acquire(stream.get());
}

bool make_progress(const std::shared_ptr<Stream> &stream) {
    if (stream->done < stream->issued) {
        run_until(stream, stream->done + 1);
    }
    bool left = stream->done < stream->issued;
    if (!left) {
        tsan_acquire(stream.get());
    }
    return left;
}

// Independent streams may run in any order, so the order asked for applies to them too; random interleaves
// them.
void wait_for_everything() {
    std::vector<StreamPointer> all = streams();
    if (settings().order == HOST_CUDA_REVERSE) {
        std::reverse(all.begin(), all.end());
    }
    while (settings().order == HOST_CUDA_RANDOM) {
        std::vector<StreamPointer> busy;
        std::copy_if(all.begin(), all.end(), std::back_inserter(busy),
                     [](const StreamPointer &s) { return s->done < s->issued; });
        if (busy.empty()) {
            break;
        }
        make_progress(busy[random_below(static_cast<unsigned>(busy.size()))]);
    }
    for (const StreamPointer &stream : all) {
        wait_for(stream);
    }
}

bool in_host_callback() {
    return callback_running;
}

void forget_streams() {
    for (const StreamPointer &stream : streams()) {
        stream->queue.clear();
        stream->destroyed = true;
    }
    streams().clear();
    for (StreamPointer &stream : legacy_streams) {
        stream.reset();
    }
    next_serial = 1;
}

} // namespace hc

using namespace hc;

extern "C" {

cudaError_t cudaStreamCreate(cudaStream_t *pStream) {
    HC_API("cudaStreamCreate");
    return create(pStream, cudaStreamDefault);
}

cudaError_t cudaStreamCreateWithFlags(cudaStream_t *pStream, unsigned int flags) {
    HC_API("cudaStreamCreateWithFlags");
    return create(pStream, flags);
}

cudaError_t cudaStreamCreateWithPriority(cudaStream_t *pStream, unsigned int flags, int priority) {
    HC_API("cudaStreamCreateWithPriority");
    (void)priority;
    return create(pStream, flags);
}

cudaError_t cudaDeviceGetStreamPriorityRange(int *leastPriority, int *greatestPriority) {
    HC_API("cudaDeviceGetStreamPriorityRange");
    *leastPriority = 0;
    *greatestPriority = -5;
    return cudaSuccess;
}

cudaError_t cudaStreamDestroy(cudaStream_t handle) {
    Lock lock;
    cudaError_t injected = begin_anyway("cudaStreamDestroy");
    StreamPointer stream = handle ? stream_of(handle) : nullptr;
    if (!stream) {
        return fail(cudaErrorInvalidResourceHandle, "cudaStreamDestroy: not a stream");
    }
    if (stream->capture) {
        invalidate_capture(*stream);
    }
    wait_for(stream);
    stream->destroyed = true;
    object_destroyed(handle);
    streams().erase(std::find(streams().begin(), streams().end(), stream));
    return fail(injected ? injected : sticky_error());
}

cudaError_t cudaStreamSynchronize(cudaStream_t handle) {
    HC_API("cudaStreamSynchronize");
    StreamPointer stream = stream_of(handle);
    if (!stream) {
        return fail(cudaErrorInvalidResourceHandle, "cudaStreamSynchronize: not a stream");
    }
    if (cudaError_t refused = refuse_for_stream(*stream, "cudaStreamSynchronize")) {
        return fail(refused);
    }
    counter(HOST_CUDA_HOST_SYNCS)++;
    wait_for(stream);
    return fail(sticky_error());
}

cudaError_t cudaDeviceSynchronize(void) {
    HC_API("cudaDeviceSynchronize");
    if (cudaError_t refused = refuse_in_capture("cudaDeviceSynchronize")) {
        return fail(refused);
    }
    counter(HOST_CUDA_HOST_SYNCS)++;
    wait_for_everything();
    return fail(sticky_error());
}

cudaError_t cudaStreamQuery(cudaStream_t handle) {
    HC_API("cudaStreamQuery");
    StreamPointer stream = stream_of(handle);
    if (!stream) {
        return fail(cudaErrorInvalidResourceHandle, "cudaStreamQuery: not a stream");
    }
    if (cudaError_t refused = refuse_for_stream(*stream, "cudaStreamQuery")) {
        return fail(refused);
    }
    bool left = make_progress(stream);
    return sticky_error() ? fail(sticky_error()) : left ? cudaErrorNotReady : cudaSuccess;
}

cudaError_t cudaLaunchHostFunc(cudaStream_t handle, cudaHostFn_t fn, void *userData) {
    HC_API("cudaLaunchHostFunc");
    auto op = make_op(cudaGraphNodeTypeHost, "a host function", [fn, userData] {
        callback_running = true;
        run_on_own_fiber(fn, userData);
        callback_running = false;
    });
    op->not_in_body = "a host function";
    return submit(handle, std::move(op));
}
}
