// Copies and fills. Their ranges are checked when they are issued, and again when they run: a graph may
// outlive memory.
#include <cstring>
#include <memory>
#include <vector>

#include "memory.h"
#include "state.h"
#include "stream.h"

using namespace hc;

namespace {

struct Copy {
    void *dst;
    const void *src;
    size_t dpitch, spitch, width, height;
    enum cudaMemcpyKind kind;

    size_t dst_bytes() const {
        return height && width ? dpitch * (height - 1) + width : 0;
    }
    size_t src_bytes() const {
        return height && width ? spitch * (height - 1) + width : 0;
    }
};

enum class Memory { device, pinned, pageable };

Memory memory_of(const void *address) {
    const Allocation *a = find_allocation(address);
    return !a ? Memory::pageable : a->pinned ? Memory::pinned : Memory::device;
}

bool is_device(const void *address) {
    return memory_of(address) == Memory::device;
}

// A pointer just past an allocation, or into a freed one, is not pageable memory but a mistake.
bool range_is_good(const void *address, size_t bytes, std::string *why) {
    if (memory_of(address) == Memory::pageable && describe_address(address).empty()) {
        return true;
    }
    return device_range(address, bytes, why);
}

cudaError_t check(const Copy &c) {
    std::string why;
    if (c.dst_bytes() == 0) {
        return cudaSuccess;
    }
    if (!c.dst || !c.src || (c.height > 1 && (c.dpitch < c.width || c.spitch < c.width))) {
        return fail(c.dst && c.src ? cudaErrorInvalidPitchValue : cudaErrorInvalidValue,
                    "copy: null pointer or pitch");
    }
    bool good = range_is_good(c.dst, c.dst_bytes(), &why);
    if (!good || !range_is_good(c.src, c.src_bytes(), &why)) {
        violation("a copy of %zu bytes has a bad %s: %s", good ? c.src_bytes() : c.dst_bytes(),
                  good ? "source" : "destination", why.c_str());
        return fail(cudaErrorInvalidValue);
    }
    bool to_device = c.kind == cudaMemcpyHostToDevice || c.kind == cudaMemcpyDeviceToDevice;
    bool from_device = c.kind == cudaMemcpyDeviceToHost || c.kind == cudaMemcpyDeviceToDevice;
    bool as_said = is_device(c.dst) == to_device && is_device(c.src) == from_device;
    if (c.kind < cudaMemcpyHostToHost || c.kind > cudaMemcpyDefault ||
        (c.kind != cudaMemcpyDefault && !as_said)) {
        return fail(cudaErrorInvalidValue, "copy: the pointers are not of the kind of memory that was said");
    }
    return cudaSuccess;
}

void move_bytes(const Copy &c) {
    std::string why;
    if (!range_is_good(c.dst, c.dst_bytes(), &why) || !range_is_good(c.src, c.src_bytes(), &why)) {
        violation("a copy ran on memory that is gone: %s", why.c_str());
        set_sticky_error(cudaErrorIllegalAddress);
        return;
    }
    for (size_t row = 0; row < c.height; row++) {
        char *to = static_cast<char *>(c.dst) + row * c.dpitch;
        const char *from = static_cast<const char *>(c.src) + row * c.spitch;
        tsan_reads(from, c.width);
        tsan_writes(to, c.width);
        memmove(to, from, c.width);
    }
}

// Pageable memory is read when the call is made: CUDA stages it before it returns.
std::shared_ptr<Op> staged_copy(Copy c) {
    auto staging = std::make_shared<std::vector<char>>(c.width * c.height);
    for (size_t row = 0; row < c.height; row++) {
        memcpy(staging->data() + row * c.width, static_cast<const char *>(c.src) + row * c.spitch, c.width);
    }
    c.src = staging->data();
    c.spitch = c.width;
    return make_op(cudaGraphNodeTypeMemcpy, "copy", [c, staging] {
        Copy d = c;
        d.src = staging->data();
        move_bytes(d);
        tsan_release(staging.get());
    });
}

std::shared_ptr<Op> plain_copy(const Copy &c) {
    auto op = make_op(cudaGraphNodeTypeMemcpy, "copy", [c] { move_bytes(c); });
    if (memory_of(c.dst) == Memory::pageable || memory_of(c.src) == Memory::pageable) {
        op->not_in_capture = "a copy of pageable memory";
        op->not_in_body = op->not_in_capture;
    }
    return op;
}

cudaError_t copy_async(const Copy &c, cudaStream_t handle) {
    if (cudaError_t error = check(c)) {
        return error;
    }
    std::shared_ptr<Stream> stream = stream_of(handle);
    if (!stream) {
        return fail(cudaErrorInvalidResourceHandle, "copy: not a stream");
    }
    if (c.dst_bytes() == 0) {
        return cudaSuccess;
    }
    bool staged = !stream->capture && memory_of(c.src) == Memory::pageable;
    if (cudaError_t error = submit(handle, staged ? staged_copy(c) : plain_copy(c))) {
        return error;
    }
    // To pageable memory, CUDA returns only once the bytes are there.
    if (!stream->capture && memory_of(c.dst) == Memory::pageable) {
        counter(HOST_CUDA_HOST_SYNCS)++;
        wait_for(stream);
    }
    return fail(sticky_error());
}

cudaError_t copy_blocking(const Copy &c) {
    if (cudaError_t refused = refuse_in_capture("a blocking copy")) {
        return fail(refused);
    }
    if (cudaError_t error = copy_async(c, nullptr)) {
        return error;
    }
    if (!is_device(c.dst) || !is_device(c.src)) {
        counter(HOST_CUDA_HOST_SYNCS)++;
        wait_for(stream_of(nullptr));
    }
    return fail(sticky_error());
}

cudaError_t fill(void *address, int value, size_t count, cudaStream_t stream) {
    std::string why;
    if (!device_range(address, count, &why)) {
        violation("a fill of %zu bytes has a bad destination: %s", count, why.c_str());
        return fail(cudaErrorInvalidValue);
    }
    if (count == 0) {
        return cudaSuccess;
    }
    return submit(stream, make_op(cudaGraphNodeTypeMemset, "fill", [address, value, count] {
                      std::string gone;
                      if (!device_range(address, count, &gone)) {
                          violation("a fill ran on memory that is gone: %s", gone.c_str());
                          set_sticky_error(cudaErrorIllegalAddress);
                          return;
                      }
                      tsan_writes(address, count);
                      memset(address, value, count);
                  }));
}

} // namespace

namespace hc {

cudaError_t make_copy_op(void *dst, const void *src, size_t count, enum cudaMemcpyKind kind,
                         std::shared_ptr<Op> *op) {
    Copy c = {dst, src, count, count, count, 1, kind};
    if (cudaError_t error = check(c)) {
        return error;
    }
    *op = plain_copy(c);
    return cudaSuccess;
}

} // namespace hc

extern "C" {

cudaError_t cudaMemcpy(void *dst, const void *src, size_t count, enum cudaMemcpyKind kind) {
    HC_API("cudaMemcpy");
    return copy_blocking(Copy{dst, src, count, count, count, 1, kind});
}

cudaError_t cudaMemcpyAsync(void *dst, const void *src, size_t count, enum cudaMemcpyKind kind,
                            cudaStream_t stream) {
    HC_API("cudaMemcpyAsync");
    return copy_async(Copy{dst, src, count, count, count, 1, kind}, stream);
}

cudaError_t cudaMemcpy2D(void *dst, size_t dpitch, const void *src, size_t spitch, size_t width,
                         size_t height, enum cudaMemcpyKind kind) {
    HC_API("cudaMemcpy2D");
    return copy_blocking(Copy{dst, src, dpitch, spitch, width, height, kind});
}

cudaError_t cudaMemcpy2DAsync(void *dst, size_t dpitch, const void *src, size_t spitch, size_t width,
                              size_t height, enum cudaMemcpyKind kind, cudaStream_t stream) {
    HC_API("cudaMemcpy2DAsync");
    return copy_async(Copy{dst, src, dpitch, spitch, width, height, kind}, stream);
}

cudaError_t cudaMemset(void *devPtr, int value, size_t count) {
    HC_API("cudaMemset");
    return fill(devPtr, value, count, nullptr);
}

cudaError_t cudaMemsetAsync(void *devPtr, int value, size_t count, cudaStream_t stream) {
    HC_API("cudaMemsetAsync");
    return fill(devPtr, value, count, stream);
}
}
