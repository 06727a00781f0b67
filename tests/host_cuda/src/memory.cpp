// See memory.h. Without ASan each allocation has its own pages between two guard pages and ends within 256
// bytes of the second, so that an access past the end faults or damages the slack, and freed pages fault for
// ever. Under ASan the allocation comes from malloc, whose red zones and reports are better than ours.
#include "memory.h"

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <map>
#include <sys/mman.h>

#include "block.h"
#include "sanitizers.h"
#include "state.h"
#include "stream.h"

namespace hc {
namespace {

constexpr size_t alignment = 256; // as cudaMalloc gives
constexpr size_t page = 4096;
constexpr unsigned char poison = 0xff; // NaN in both precisions, -1 as an integer
constexpr unsigned char guard = 0xa5;
constexpr size_t kept_when_freed = 4096;

using Map = std::map<uintptr_t, Allocation>;

Map &live() {
    static auto *all = new Map;
    return *all;
}

Map &dead() {
    static auto *all = new Map;
    return *all;
}

// The keys of dead(), first freed first.
std::deque<uintptr_t> &dead_in_order() {
    static auto *all = new std::deque<uintptr_t>;
    return *all;
}

unsigned long next_serial = 1;
size_t used[16];

int accesses = 0; // DeviceAccess objects alive

size_t round_up(size_t size, size_t unit) {
    return (size + unit - 1) / unit * unit;
}

bool map_pages(Allocation *a) {
    size_t body = round_up(round_up(a->size, alignment), page);
    a->map_size = body + 2 * page;
    void *map = mmap(nullptr, a->map_size, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (map == MAP_FAILED) {
        return false;
    }
    a->map = static_cast<char *>(map);
    mprotect(a->map, page, PROT_NONE);
    mprotect(a->map + page + body, page, PROT_NONE);
    a->base = a->map + page + body - round_up(a->size, alignment);
    memset(a->map + page, guard, static_cast<size_t>(a->base - a->map) - page);
    memset(a->base + a->size, guard, round_up(a->size, alignment) - a->size);
    return true;
}

// The key of the processor's that device memory is closed with, or -1 where there is none. Then opening all memory is
// one instruction of the thread; without, two system calls an allocation.
int protection_key() {
    static const int key = pkey_alloc(0, PKEY_DISABLE_ACCESS);
    return key;
}

bool guarded(const Allocation &a) {
    return a.map && !a.pinned && !tsan() && settings().guard;
}

// Opens or closes an allocation's pages, the guard pages excepted.
void protect(const Allocation &a, bool open) {
    mprotect(a.map + page, a.map_size - 2 * page, open ? PROT_READ | PROT_WRITE : PROT_NONE);
}

// Opens or closes all device memory, for this thread or, without a key, for all.
void protect_all(bool open) {
    if (protection_key() >= 0) {
        pkey_set(protection_key(), open ? 0 : PKEY_DISABLE_ACCESS);
        return;
    }
    for (const auto &entry : live()) {
        if (guarded(entry.second)) {
            protect(entry.second, open);
        }
    }
}

// Of a new allocation, once it is filled.
void close_new(const Allocation &a) {
    if (!guarded(a)) {
        return;
    }
    if (protection_key() >= 0) {
        pkey_mprotect(a.map + page, a.map_size - 2 * page, PROT_READ | PROT_WRITE, protection_key());
    } else if (accesses == 0) {
        protect(a, false);
    }
}

bool obtain(Allocation *a) {
    if (asan()) {
        void *memory = nullptr;
        if (posix_memalign(&memory, alignment, a->size) != 0) {
            return false;
        }
        a->base = static_cast<char *>(memory);
    } else if (!map_pages(a)) {
        return false;
    }
    memset(a->base, poison, a->size);
    close_new(*a);
    return true;
}

// The first byte of the guards that is not as it was, or null.
const char *damaged_guard(const Allocation &a) {
    if (!a.map) {
        return nullptr;
    }
    const char *end = a.map + a.map_size - page;
    for (const char *p = a.base + a.size; p < end; p++) {
        if (static_cast<unsigned char>(*p) != guard) {
            return p;
        }
    }
    for (const char *p = a.base; p-- > a.map + page;) {
        if (static_cast<unsigned char>(*p) != guard) {
            return p;
        }
    }
    return nullptr;
}

void check_guard(Allocation &a) {
    if (const char *where = damaged_guard(a)) {
        violation("something wrote %s", describe_address(where).c_str());
        memset(const_cast<char *>(where), guard, 1); // once is enough
    }
}

void give_back(Allocation a) {
    if (!a.map) {
        memset(a.base, poison, a.size); // for what ASan's own poison does not reach
        free(a.base);
        return;
    }
    madvise(a.map, a.map_size, MADV_DONTNEED);
    mprotect(a.map, a.map_size, PROT_NONE);
    a.freed = true;
    dead()[reinterpret_cast<uintptr_t>(a.base)] = a;
    dead_in_order().push_back(reinterpret_cast<uintptr_t>(a.base));
    if (dead_in_order().size() > kept_when_freed) {
        auto oldest = dead().find(dead_in_order().front());
        munmap(oldest->second.map, oldest->second.map_size);
        dead().erase(oldest);
        dead_in_order().pop_front();
    }
}

const Allocation *near_in(const Map &map, uintptr_t address) {
    auto after = map.upper_bound(address);
    if (after != map.end() && after->second.map &&
        address >= reinterpret_cast<uintptr_t>(after->second.map)) {
        return &after->second;
    }
    if (after == map.begin()) {
        return nullptr;
    }
    const Allocation &before = std::prev(after)->second;
    size_t reach = before.map ? static_cast<size_t>(before.map + before.map_size - before.base) : before.size;
    return address < reinterpret_cast<uintptr_t>(before.base) + reach ? &before : nullptr;
}

cudaError_t allocate(void **result, size_t size, bool pinned) {
    if (!result) {
        return fail(cudaErrorInvalidValue, "no place for the pointer was given");
    }
    *result = nullptr;
    if (cudaError_t refused = refuse_in_capture("an allocation")) {
        return fail(refused);
    }
    if (size == 0) {
        return cudaSuccess;
    }
    int device = current_device();
    size_t charged = round_up(size, 512);
    if (!pinned && (charged < size || charged > settings().memory - used[device])) {
        return fail(cudaErrorMemoryAllocation, "%zu bytes were asked for, %zu of %zu are free", size,
                    settings().memory - used[device], settings().memory);
    }
    Allocation a = {nullptr, size, pinned, device, nullptr, 0, next_serial++, false};
    install_fault_handler();
    if (!obtain(&a)) {
        return fail(cudaErrorMemoryAllocation, "the host has no %zu bytes left", size);
    }
    used[device] += pinned ? 0 : charged;
    counter(HOST_CUDA_MALLOCS)++;
    live()[reinterpret_cast<uintptr_t>(a.base)] = a;
    *result = a.base;
    return cudaSuccess;
}

cudaError_t release(void *pointer, bool pinned, const char *function) {
    if (!pointer) {
        return cudaSuccess;
    }
    if (cudaError_t refused = refuse_in_capture(function)) {
        return fail(refused);
    }
    wait_for_everything(); // as CUDA does, implicitly
    auto found = live().find(reinterpret_cast<uintptr_t>(pointer));
    if (found == live().end() || found->second.pinned != pinned) {
        std::string what = describe_address(pointer);
        violation("%s of a pointer that it did not give: %s", function,
                  what.empty() ? "unknown" : what.c_str());
        return fail(cudaErrorInvalidValue);
    }
    DeviceAccess access;
    Allocation a = found->second;
    check_guard(a);
    used[a.device] -= pinned ? 0 : round_up(a.size, 512);
    live().erase(found);
    give_back(a);
    return cudaSuccess;
}

} // namespace

const Allocation *find_allocation(const void *address) {
    auto wanted = reinterpret_cast<uintptr_t>(address);
    auto after = live().upper_bound(wanted);
    if (after == live().begin()) {
        return nullptr;
    }
    const Allocation &a = std::prev(after)->second;
    return wanted < reinterpret_cast<uintptr_t>(a.base) + a.size ? &a : nullptr;
}

bool device_range(const void *address, size_t size, std::string *why) {
    if (size == 0) {
        return true;
    }
    const Allocation *a = find_allocation(address);
    if (!a) {
        std::string what = describe_address(address);
        *why = what.empty() ? "it is not memory of a device" : "it points " + what;
        return false;
    }
    auto left = static_cast<size_t>(a->base + a->size - static_cast<const char *>(address));
    if (size > left) {
        *why = "it needs " + std::to_string(size) + " bytes where its allocation of " +
               std::to_string(a->size) + " has " + std::to_string(left) + " left";
        return false;
    }
    return true;
}

std::string describe_address(const void *address) {
    auto wanted = reinterpret_cast<uintptr_t>(address);
    const Allocation *a = near_in(live(), wanted);
    if (!a) {
        a = near_in(dead(), wanted);
    }
    if (!a) {
        return "";
    }
    const char *p = static_cast<const char *>(address);
    char text[256];
    const char *kind = a->pinned ? "pinned" : "device";
    const char *state = a->freed ? "freed " : "";
    if (p < a->base) {
        snprintf(text, sizeof text, "%td bytes before %s%s allocation %lu of %zu bytes", a->base - p, state,
                 kind, a->serial, a->size);
    } else if (p < a->base + a->size) {
        snprintf(text, sizeof text, "at byte %td of %s%s allocation %lu of %zu bytes", p - a->base, state,
                 kind, a->serial, a->size);
    } else {
        snprintf(text, sizeof text, "%td bytes past the end of %s%s allocation %lu of %zu bytes",
                 p - (a->base + a->size), state, kind, a->serial, a->size);
    }
    return text;
}

size_t live_allocations(bool print) {
    if (print) {
        for (const auto &entry : live()) {
            const Allocation &a = entry.second;
            fprintf(stderr, "host_cuda: not released: %zu bytes of %s memory (allocation %lu)\n", a.size,
                    a.pinned ? "pinned" : "device", a.serial);
        }
    }
    return live().size();
}

DeviceAccess::DeviceAccess() {
    if (accesses++ == 0) {
        protect_all(true);
    }
}

DeviceAccess::~DeviceAccess() {
    if (--accesses == 0) {
        protect_all(false);
    }
}

void check_guards() {
    DeviceAccess access;
    for (auto &entry : live()) {
        check_guard(entry.second);
    }
}

void forget_allocations() {
    for (auto &entry : live()) {
        give_back(entry.second);
    }
    live().clear();
    memset(used, 0, sizeof used);
    next_serial = 1;
}

} // namespace hc

using namespace hc;

extern "C" {

cudaError_t cudaMalloc(void **devPtr, size_t size) {
    HC_API("cudaMalloc");
    return allocate(devPtr, size, false);
}

cudaError_t cudaMallocHost(void **ptr, size_t size) {
    HC_API("cudaMallocHost");
    return allocate(ptr, size, true);
}

cudaError_t cudaHostAlloc(void **pHost, size_t size, unsigned int flags) {
    HC_API("cudaHostAlloc");
    (void)flags;
    return allocate(pHost, size, true);
}

cudaError_t cudaFree(void *devPtr) {
    Lock lock;
    cudaError_t injected = begin_anyway("cudaFree");
    cudaError_t result = release(devPtr, false, "cudaFree");
    return fail(injected ? injected : result ? result : sticky_error());
}

cudaError_t cudaFreeHost(void *ptr) {
    Lock lock;
    cudaError_t injected = begin_anyway("cudaFreeHost");
    cudaError_t result = release(ptr, true, "cudaFreeHost");
    return fail(injected ? injected : result ? result : sticky_error());
}

cudaError_t cudaHostGetDevicePointer(void **pDevice, void *pHost, unsigned int flags) {
    HC_API("cudaHostGetDevicePointer");
    (void)flags;
    const Allocation *a = find_allocation(pHost);
    if (!a || !a->pinned) {
        return fail(cudaErrorInvalidValue, "the pointer is not pinned memory");
    }
    *pDevice = pHost;
    return cudaSuccess;
}

cudaError_t cudaMemGetInfo(size_t *free, size_t *total) {
    HC_API("cudaMemGetInfo");
    *total = settings().memory;
    *free = settings().memory - used[current_device()];
    return cudaSuccess;
}

cudaError_t cudaPointerGetAttributes(struct cudaPointerAttributes *attributes, const void *ptr) {
    HC_API("cudaPointerGetAttributes");
    *attributes = cudaPointerAttributes{cudaMemoryTypeUnregistered, -2, nullptr, const_cast<void *>(ptr)};
    if (const Allocation *a = find_allocation(ptr)) {
        attributes->type = a->pinned ? cudaMemoryTypeHost : cudaMemoryTypeDevice;
        attributes->device = a->device;
        attributes->devicePointer = const_cast<void *>(ptr);
        attributes->hostPointer = a->pinned ? const_cast<void *>(ptr) : nullptr;
    }
    return cudaSuccess;
}
}
