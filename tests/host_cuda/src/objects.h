// A register of everything the program must release, so that leaks and stale handles are found.
#pragma once

#include <cstddef>

namespace hc {

enum class Kind { stream, event, graph, exec, cublas, cusolver, cusolver_params };

void object_created(const void *object, Kind kind);
// Whether the handle is one that was created as this kind and not destroyed since.
bool object_alive(const void *object, Kind kind);
void object_destroyed(const void *object);
void forget_objects();

// Live objects and allocations; prints them when asked to.
size_t live_objects(bool print);

} // namespace hc
