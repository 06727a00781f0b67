// A block's shared memory: NaN at the start of every block, with guard bytes around every array.
#include <cstring>
#include <sys/mman.h>
#include <vector>

#include "block.h"
#include "sanitizers.h"
#include "state.h"

using namespace hc;

namespace hc {
namespace {

constexpr size_t arena_size = size_t{512} << 10;
constexpr size_t dynamic_offset = size_t{256} << 10; // static arrays below, the dynamic one above
constexpr size_t static_limit = size_t{48} << 10;
constexpr size_t guard_size = 128;
constexpr unsigned char guard = 0xa5;
constexpr unsigned char poison = 0xff;

struct Array {
    const void *key;
    const char *name;
    char *base;
    size_t size;
};

char *arena = nullptr;
std::vector<Array> arrays;
char *static_end = nullptr;
size_t static_bytes = 0;

// Writes the guard bytes around an array and hides them from ASan's point of view.
void fence_in(const Array &array) {
    memset(array.base - guard_size, guard, guard_size);
    memset(array.base, poison, array.size);
    memset(array.base + array.size, guard, guard_size);
    asan_poison(array.base - guard_size, guard_size);
    asan_poison(array.base + array.size, guard_size);
}

void check(const Kernel &kernel, const Array &array) {
    asan_unpoison(array.base - guard_size, array.size + 2 * guard_size);
    for (size_t i = 0; i < guard_size; i++) {
        bool before = static_cast<unsigned char>(array.base[-1 - static_cast<ptrdiff_t>(i)]) != guard;
        bool after = static_cast<unsigned char>(array.base[array.size + i]) != guard;
        if (before || after) {
            violation("kernel %s wrote %zu bytes %s shared array %s of %zu bytes", kernel.name.c_str(),
                      before ? i + 1 : i, before ? "before" : "past the end of", array.name, array.size);
            set_sticky_error(cudaErrorIllegalAddress);
            return;
        }
    }
}

char *add_array(const void *key, const char *name, char *base, size_t size) {
    arrays.push_back(Array{key, name, base, size});
    fence_in(arrays.back());
    return base;
}

// New memory for every block under TSan: blocks do not share it, though they reuse its addresses.
void map_arena() {
    if (arena && !tsan()) {
        return;
    }
    if (arena) {
        munmap(arena, arena_size);
    }
    void *map =
        mmap(nullptr, arena_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    arena = map == MAP_FAILED ? nullptr : static_cast<char *>(map);
}

} // namespace

void shared_begin_block(const Kernel &kernel) {
    map_arena();
    arrays.clear();
    static_end = arena + guard_size;
    static_bytes = 0;
    if (kernel.shared_bytes > 0) {
        add_array(nullptr, "(dynamic)", arena + dynamic_offset, kernel.shared_bytes);
    }
}

void shared_end_block(const Kernel &kernel) {
    for (const Array &array : arrays) {
        check(kernel, array);
    }
    arrays.clear();
}

} // namespace hc

extern "C" {

void *host_cuda_static_shared(const void *key, const char *name, size_t size, size_t alignment) {
    TsanIgnore ignore;
    for (const Array &array : arrays) {
        if (array.key == key) {
            return array.base;
        }
    }
    static_bytes += size;
    const Kernel &kernel = *block->kernel;
    if (static_bytes > static_limit || static_bytes + kernel.shared_bytes > kernel.shared_limit) {
        abort_kernel(cudaErrorLaunchOutOfResources,
                     "kernel " + kernel.name + " uses " + std::to_string(static_bytes) +
                         " bytes of static and " + std::to_string(kernel.shared_bytes) +
                         " of dynamic shared memory: too much for a block");
    }
    stop_if_aborted();
    size_t unit = alignment > 16 ? alignment : 16;
    auto used = static_cast<size_t>(static_end - arena);
    char *base = arena + (used + unit - 1) / unit * unit;
    static_end = base + size + 2 * guard_size;
    return add_array(key, name, base, size);
}

void *host_cuda_dynamic_shared(void) {
    if (block->kernel->shared_bytes == 0) {
        abort_kernel(cudaErrorIllegalAddress,
                     where_am_i() + " uses dynamic shared memory, the launch gave none");
    }
    stop_if_aborted();
    return arena + dynamic_offset;
}
}
