// Kernel launches: the checks that CUDA makes at once, and the queueing.
#include <cstring>
#include <map>

#include "block.h"
#include "state.h"
#include "stream.h"

using namespace hc;

namespace hc {
namespace {

constexpr size_t default_shared = size_t{48} << 10;
constexpr size_t opt_in_shared = size_t{227} << 10;

std::map<const void *, size_t> &shared_attributes() {
    static auto *all = new std::map<const void *, size_t>;
    return *all;
}

// Owns the closure: a graph may run it many times.
class KernelOp : public Op {
  public:
    explicit KernelOp(Kernel kernel) : Op(cudaGraphNodeTypeKernel, kernel.name), kernel_(std::move(kernel)) {}
    ~KernelOp() override {
        tsan_acquire(this);
        kernel_.closure.destroy(kernel_.closure.object);
    }
    void run() const override {
        run_kernel(kernel_);
    }

  private:
    Kernel kernel_;
};

// The text of the macro's arguments up to the first comma outside parentheses and angle brackets'
// parentheses.
std::string kernel_name(const char *text) {
    int depth = 0;
    size_t length = 0;
    for (; text[length] && !(text[length] == ',' && depth == 0); length++) {
        depth += text[length] == '(' ? 1 : text[length] == ')' ? -1 : 0;
    }
    bool wrapped = length >= 2 && text[0] == '(' && text[length - 1] == ')';
    return wrapped ? std::string(text + 1, length - 2) : std::string(text, length);
}

size_t dynamic_limit(const void *function) {
    auto found = shared_attributes().find(function);
    return found == shared_attributes().end() ? default_shared : found->second;
}

cudaError_t check_configuration(const Kernel &k) {
    unsigned long threads = 1ul * k.block.x * k.block.y * k.block.z;
    if (k.grid.x == 0 || k.grid.y == 0 || k.grid.z == 0 || threads == 0) {
        return fail(cudaErrorInvalidConfiguration,
                    "launch of %s: grid %u x %u x %u, block %u x %u x %u is empty", k.name.c_str(), k.grid.x,
                    k.grid.y, k.grid.z, k.block.x, k.block.y, k.block.z);
    }
    if (k.grid.x > 2147483647u || k.grid.y > 65535 || k.grid.z > 65535) {
        return fail(cudaErrorInvalidConfiguration, "launch of %s: grid %u x %u x %u is too large",
                    k.name.c_str(), k.grid.x, k.grid.y, k.grid.z);
    }
    if (threads > 1024 || k.block.x > 1024 || k.block.y > 1024 || k.block.z > 64) {
        return fail(cudaErrorInvalidConfiguration, "launch of %s: block %u x %u x %u is too large",
                    k.name.c_str(), k.block.x, k.block.y, k.block.z);
    }
    if (k.shared_bytes > dynamic_limit(k.function)) {
        return fail(cudaErrorInvalidValue,
                    "launch of %s: %zu bytes of dynamic shared memory, the limit is %zu", k.name.c_str(),
                    k.shared_bytes, dynamic_limit(k.function));
    }
    return cudaSuccess;
}

cudaError_t launch(Kernel kernel, cudaStream_t stream) {
    std::string name = kernel.name;
    cudaError_t result = begin("LAUNCH");
    if (result) {
        fail(result);
    } else {
        result = check_configuration(kernel);
    }
    auto op = std::make_shared<KernelOp>(std::move(kernel));
    if (!result) {
        result = submit(stream, std::move(op));
    }
    note_launch(name.c_str(), result);
    return result;
}

} // namespace
} // namespace hc

extern "C" {

void host_cuda_launch(struct host_cuda_site site, const void *function, dim3 grid, dim3 block_extent,
                      size_t shared_bytes, cudaStream_t stream, struct host_cuda_closure closure) {
    Lock lock;
    size_t limit = dynamic_limit(function) > default_shared ? opt_in_shared : default_shared;
    launch(Kernel{kernel_name(site.text), site, function, grid, block_extent, shared_bytes, limit, closure},
           stream);
}

cudaError_t cudaFuncSetAttribute(const void *func, enum cudaFuncAttribute attr, int value) {
    HC_API("cudaFuncSetAttribute");
    if (!func) {
        return fail(cudaErrorInvalidDeviceFunction, "cudaFuncSetAttribute: no function");
    }
    if (attr != cudaFuncAttributeMaxDynamicSharedMemorySize) {
        return cudaSuccess;
    }
    if (value < 0 || static_cast<size_t>(value) > opt_in_shared) {
        return fail(cudaErrorInvalidValue, "%d bytes of dynamic shared memory; the most is %zu", value,
                    opt_in_shared);
    }
    shared_attributes()[func] = static_cast<size_t>(value);
    return cudaSuccess;
}

// By threads and shared memory only: registers are not known here.
cudaError_t cudaOccupancyMaxActiveBlocksPerMultiprocessor(int *numBlocks, const void *func, int blockSize,
                                                          size_t dynamicSMemSize) {
    HC_API("cudaOccupancyMaxActiveBlocksPerMultiprocessor");
    if (!numBlocks || !func || blockSize <= 0) {
        return fail(cudaErrorInvalidValue, "occupancy of a block of %d threads", blockSize);
    }
    int warps = (blockSize + 31) / 32;
    int blocks = blockSize > 1024 ? 0 : 64 / warps < 32 ? 64 / warps : 32;
    if (dynamicSMemSize > 0) {
        auto by_shared = static_cast<int>((opt_in_shared + 1024) / (dynamicSMemSize + 1024));
        blocks = by_shared < blocks ? by_shared : blocks;
    }
    *numBlocks = blocks;
    return cudaSuccess;
}
}
