// TSan fibers, one a CUDA thread. Making one costs far more than a small thread's work, so they are kept: a
// fiber may serve again in a later launch of the same stream, which the stream orders after this one anyway,
// but never twice in a launch, and never in another stream, because that would order what CUDA does not.
#include <map>
#include <vector>

#include "block.h"
#include "sanitizers.h"

namespace hc {
namespace {

constexpr size_t most_kept = 2048; // TSan knows some 8000 threads at a time

struct Pool {
    std::vector<void *> ready;
    std::vector<void *> spent; // in the running launch
};

std::map<void *, Pool> &pools() // by the TSan fiber of the stream
{
    static auto *all = new std::map<void *, Pool>;
    return *all;
}

void *launcher = nullptr;

} // namespace

void *tsan_thread_begin(const std::string &name) {
    launcher = __tsan_get_current_fiber();
    std::vector<void *> &ready = pools()[launcher].ready;
    if (ready.empty()) {
        return tsan_create(name.c_str());
    }
    void *fiber = ready.back();
    ready.pop_back();
    __tsan_set_fiber_name(fiber, name.c_str());
    return fiber;
}

void tsan_thread_end(void *fiber) {
    std::vector<void *> &spent = pools()[launcher].spent;
    if (spent.size() < most_kept) {
        spent.push_back(fiber);
    } else {
        tsan_destroy(fiber);
    }
}

void tsan_launch_end() {
    if (!tsan()) {
        return;
    }
    Pool &pool = pools()[__tsan_get_current_fiber()];
    for (void *fiber : pool.spent) {
        if (pool.ready.size() < most_kept) {
            pool.ready.push_back(fiber);
        } else {
            tsan_destroy(fiber);
        }
    }
    pool.spent.clear();
}

void tsan_forget_launcher(void *stream_fiber) {
    auto found = pools().find(stream_fiber);
    if (!stream_fiber || found == pools().end()) {
        return;
    }
    for (void *fiber : found->second.ready) {
        tsan_destroy(fiber);
    }
    pools().erase(found);
}

} // namespace hc
