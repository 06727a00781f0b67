// Barriers, shuffles and fences of a block's threads.
#include <cstring>

#include "block.h"
#include "sanitizers.h"
#include "state.h"

using namespace hc;

namespace hc {
namespace {

std::string place(const char *file, int line) {
    const char *name = strrchr(file, '/');
    return std::string(name ? name + 1 : file) + ":" + std::to_string(line);
}

const char *op_name(host_cuda_warp_op op) {
    switch (op) {
    case HOST_CUDA_SYNCWARP:
        return "__syncwarp";
    case HOST_CUDA_SHFL:
        return "__shfl_sync";
    case HOST_CUDA_SHFL_UP:
        return "__shfl_up_sync";
    case HOST_CUDA_SHFL_DOWN:
        return "__shfl_down_sync";
    case HOST_CUDA_SHFL_XOR:
        return "__shfl_xor_sync";
    case HOST_CUDA_BALLOT:
        return "__ballot_sync";
    }
    return "?";
}

std::string waits_where(const Thread &t) {
    const char *what = t.state == ThreadState::at_barrier ? "__syncthreads" : op_name(t.op);
    return std::string(what) + " at " + place(t.file, t.line);
}

bool same_place(const Thread &a, const Thread &b) {
    return a.line == b.line && (a.file == b.file || strcmp(a.file, b.file) == 0);
}

bool same_operation(const Thread &a, const Thread &b) {
    return a.op == b.op && a.mask == b.mask && same_place(a, b);
}

// The lane that `lane` reads from, by the rules of the PTX manual; its own when the source is out of its
// segment.
int source_lane(const Thread &t, int lane) {
    int segment = lane & ~(t.width - 1);
    int within = lane & (t.width - 1);
    switch (t.op) {
    case HOST_CUDA_SHFL:
        return segment + (t.lane & (t.width - 1));
    case HOST_CUDA_SHFL_UP:
        return within >= t.lane ? lane - t.lane : lane;
    case HOST_CUDA_SHFL_DOWN:
        return within + t.lane < t.width ? lane + t.lane : lane;
    case HOST_CUDA_SHFL_XOR: {
        int target = lane ^ t.lane;
        return target < segment + t.width ? target : lane;
    }
    default:
        return lane;
    }
}

struct Warp {
    Block &b;
    unsigned first;

    bool exists(int lane) const {
        return first + static_cast<unsigned>(lane) < b.count;
    }
    Thread &thread(int lane) const {
        return b.threads[first + static_cast<unsigned>(lane)];
    }
    bool takes_part(int lane, const Thread &example) const {
        return exists(lane) && thread(lane).state == ThreadState::in_warp &&
               same_operation(thread(lane), example);
    }
    bool gone(int lane) const {
        return !exists(lane) || thread(lane).state == ThreadState::exited;
    }
};

// All lanes of the mask are here, except those that have exited, which CUDA does not wait for.
bool complete(const Warp &w, const Thread &example) {
    for (int lane = 0; lane < 32; lane++) {
        if ((example.mask >> lane & 1u) && !w.gone(lane) && !w.takes_part(lane, example)) {
            return false;
        }
    }
    return true;
}

uint64_t result_of(const Warp &w, const Thread &t, int lane, const uint64_t *given, unsigned present,
                   uint64_t votes) {
    if (t.op == HOST_CUDA_BALLOT || t.op == HOST_CUDA_SYNCWARP) {
        return votes;
    }
    int source = source_lane(t, lane);
    if (present >> source & 1u) {
        return given[source];
    }
    // Undefined in CUDA: a NaN, and a violation, since no kernel should depend on which lanes are left.
    violation("%s: %s at %s reads lane %d, which has exited or takes no part",
              thread_name(w.b, w.first + static_cast<unsigned>(lane)).c_str(), op_name(t.op),
              place(t.file, t.line).c_str(), source);
    return ~uint64_t{0};
}

// Hands every participant its result and lets it go on.
void finish(const Warp &w, const Thread &example_) {
    const Thread example = example_; // its state changes below
    uint64_t given[32] = {};
    unsigned present = 0;
    uint64_t votes = 0;
    for (int lane = 0; lane < 32; lane++) {
        if ((example.mask >> lane & 1u) && w.takes_part(lane, example)) {
            present |= 1u << lane;
            given[lane] = w.thread(lane).bits;
            votes |= (given[lane] & 1u) << lane;
        }
    }
    for (int lane = 0; lane < 32; lane++) {
        if (present >> lane & 1u) {
            Thread &t = w.thread(lane);
            t.bits = result_of(w, t, lane, given, present, votes);
            t.state = ThreadState::ready;
            w.b.in_warp--;
        }
    }
}

// TSan: the participants of one rendezvous share an address that no other rendezvous uses.
const void *shared_address(const Warp &w, const Thread &self) {
    for (int lane = 0; lane < 32; lane++) {
        if ((self.mask >> lane & 1u) && w.takes_part(lane, self)) {
            return w.thread(lane).sync;
        }
    }
    return tsan_fresh_address();
}

void check_warp_call(const Block &b, const Thread &t, int lane) {
    bool power_of_two = t.width > 0 && t.width <= 32 && (t.width & (t.width - 1)) == 0;
    if (!(t.mask >> lane & 1u) || !power_of_two) {
        abort_kernel(cudaErrorLaunchFailure, thread_name(b, b.current) + ": " + op_name(t.op) + " at " +
                                                 place(t.file, t.line) +
                                                 ": the mask lacks the caller, or the width " +
                                                 std::to_string(t.width) + " is not a power of two");
    }
}

const void *barrier_address = nullptr;

// Everyone who has not exited is at the barrier. All must be at the same one.
void finish_barrier(Block &b) {
    const Thread *first = nullptr;
    for (Thread &t : b.threads) {
        if (t.state != ThreadState::at_barrier) {
            continue;
        }
        if (first && !same_place(t, *first)) {
            abort_kernel(cudaErrorLaunchFailure, "kernel " + b.kernel->name +
                                                     ": divergent barrier: some threads wait in " +
                                                     waits_where(*first) + ", others in " + waits_where(t));
            return;
        }
        first = first ? first : &t;
    }
    if (b.exited > 0) {
        abort_kernel(cudaErrorLaunchFailure,
                     "kernel " + b.kernel->name + ": divergent barrier: " + std::to_string(b.exited) +
                         " threads exited, the others wait in " + waits_where(*first));
        return;
    }
    b.predicate_result = b.predicate_sum;
    b.predicate_sum = 0;
    b.arrived = 0;
    for (Thread &t : b.threads) {
        t.state = t.state == ThreadState::at_barrier ? ThreadState::ready : t.state;
    }
}

void acquire_pending(Ordering &o) {
    for (const void *address : o.pending) {
        tsan_acquire(address);
    }
    o.pending.clear();
}

} // namespace

void release_after_exit(Block &b, unsigned index) {
    if (b.arrived > 0 && b.arrived + b.exited == b.count) {
        finish_barrier(b);
        return;
    }
    Warp w = {b, index & ~31u};
    for (int lane = 0; lane < 32 && b.in_warp > 0; lane++) {
        if (w.exists(lane) && w.thread(lane).state == ThreadState::in_warp && complete(w, w.thread(lane))) {
            finish(w, w.thread(lane));
        }
    }
}

std::string describe_deadlock(const Block &b) {
    std::string text = "kernel " + b.kernel->name + ": divergence, nobody can go on:";
    int shown = 0;
    const Thread *last = nullptr;
    for (unsigned i = 0; i < b.count && shown < 4; i++) {
        const Thread &t = b.threads[i];
        bool waits = t.state == ThreadState::at_barrier || t.state == ThreadState::in_warp;
        if (!waits || (last && last->state == t.state && same_operation(*last, t))) {
            continue;
        }
        text += (shown++ ? "; " : " ") + thread_name(b, i) + " in " + waits_where(t);
        last = &t;
    }
    return text + "; " + std::to_string(b.exited) + " of " + std::to_string(b.count) + " threads have exited";
}

} // namespace hc

extern "C" {

int host_cuda_block_barrier(const char *file, int line, int predicate) {
    TsanIgnore ignore;
    Block &b = *block;
    Thread &self = b.threads[b.current];
    self.file = file;
    self.line = line;
    if (tsan()) {
        if (b.arrived == 0) {
            barrier_address = tsan_fresh_address();
        }
        acquire_pending(b.ordering[b.current]); // what one thread saw, it may hand on to its block
        self.sync = barrier_address;
        tsan_release(self.sync);
    }
    b.predicate_sum += predicate;
    b.arrived++;
    self.state = ThreadState::at_barrier;
    if (b.arrived + b.exited == b.count) {
        finish_barrier(b);
    }
    park(self.state);
    return b.predicate_result;
}

uint64_t host_cuda_warp(enum host_cuda_warp_op op, unsigned mask, uint64_t bits, int lane, int width,
                        const char *file, int line) {
    TsanIgnore ignore;
    Block &b = *block;
    unsigned index = b.current;
    Thread &self = b.threads[index];
    self.op = op;
    self.mask = mask;
    self.bits = bits;
    self.lane = lane;
    self.width = width;
    self.file = file;
    self.line = line;
    check_warp_call(b, self, static_cast<int>(index & 31u));
    stop_if_aborted();
    Warp w = {b, index & ~31u};
    if (tsan()) {
        self.sync = shared_address(w, self);
        tsan_release(self.sync);
    }
    self.state = ThreadState::in_warp;
    b.in_warp++;
    if (complete(w, self)) {
        finish(w, self);
    }
    park(self.state);
    return self.bits;
}

void host_cuda_fence(void) {
    if (tsan() && block) {
        TsanIgnore ignore;
        block->ordering[block->current].fenced = true;
        acquire_pending(block->ordering[block->current]);
    }
}

// A relaxed atomic orders nothing by itself; with a fence before it, it publishes, with one after it, it
// observes.
void host_cuda_atomic_order(const void *address, int before) {
    if (!block || !tsan()) {
        return;
    }
    TsanIgnore ignore;
    Ordering &self = block->ordering[block->current];
    if (before && self.fenced) {
        tsan_release(address);
    } else if (!before) {
        self.pending.push_back(address);
    }
}

void host_cuda_trap(const char *what, const char *file, int line) {
    abort_kernel(cudaErrorLaunchFailure, where_am_i() + ": " + what + " at " + place(file, line));
    stop_if_aborted();
}
}
