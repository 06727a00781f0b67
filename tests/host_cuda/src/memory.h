// Device and pinned allocations: poisoned, guarded, counted against a device's size, and known by address.
#pragma once

#include <cstddef>
#include <string>

namespace hc {

struct Allocation {
    char *base;
    size_t size;
    bool pinned;
    int device;
    char *map; // what was really allocated: guard page, head, [base, base + size), slack, guard page
    size_t map_size;
    unsigned long serial;
    bool freed;
};

enum class Where { device, pinned, anywhere };

// The live allocation that holds the address, or null for ordinary host memory.
const Allocation *find_allocation(const void *address);

// Whether [address, address + size) lies in one live allocation that a device may use. Otherwise says why
// not.
bool device_range(const void *address, size_t size, std::string *why);

// What an address that was accessed wrongly has to do with the allocations, alive or freed; "" when nothing.
std::string describe_address(const void *address);

// While one exists, its thread can touch device memory; otherwise, where the pages are ours (no sanitizer), a
// host that takes a device pointer for its own faults, as it would with a GPU.
class DeviceAccess {
  public:
    DeviceAccess();
    ~DeviceAccess();
    DeviceAccess(const DeviceAccess &) = delete;
    DeviceAccess &operator=(const DeviceAccess &) = delete;
};

size_t live_allocations(bool print);
// Checks the guard bytes of all live allocations; counts a violation for each that is damaged.
void check_guards();
void forget_allocations();

} // namespace hc
