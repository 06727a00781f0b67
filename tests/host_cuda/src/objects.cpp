// See objects.h.
#include "objects.h"

#include <cstdio>
#include <map>

#include "host_cuda_control.h"
#include "memory.h"
#include "state.h"

namespace hc {
namespace {

struct Entry {
    Kind kind;
    unsigned long serial;
};

std::map<const void *, Entry> &objects() {
    static auto *all = new std::map<const void *, Entry>; // never destroyed: used at exit
    return *all;
}

unsigned long next_serial = 1;

const char *kind_name(Kind kind) {
    switch (kind) {
    case Kind::stream:
        return "stream";
    case Kind::event:
        return "event";
    case Kind::graph:
        return "graph";
    case Kind::exec:
        return "executable graph";
    case Kind::cublas:
        return "cuBLAS handle";
    case Kind::cusolver:
        return "cuSOLVER handle";
    case Kind::cusolver_params:
        return "cuSOLVER params";
    }
    return "object";
}

} // namespace

void object_created(const void *object, Kind kind) {
    objects()[object] = Entry{kind, next_serial++};
}

bool object_alive(const void *object, Kind kind) {
    auto found = objects().find(object);
    return found != objects().end() && found->second.kind == kind;
}

void object_destroyed(const void *object) {
    objects().erase(object);
}

void forget_objects() {
    objects().clear();
    next_serial = 1;
}

size_t live_objects(bool print) {
    if (print) {
        for (const auto &entry : objects()) {
            fprintf(stderr, "host_cuda: not released: %s (number %lu)\n", kind_name(entry.second.kind),
                    entry.second.serial);
        }
    }
    return objects().size() + live_allocations(print);
}

} // namespace hc

extern "C" size_t host_cuda_live_objects(void) {
    hc::Lock lock;
    return hc::live_objects(false);
}

extern "C" size_t host_cuda_list_live_objects(void) {
    hc::Lock lock;
    return hc::live_objects(true);
}
