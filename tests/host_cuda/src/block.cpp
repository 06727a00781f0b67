// See block.h. A fiber starts threads one after another for as long as none of them waits, so a kernel
// without barriers costs a call a thread. A thread that waits keeps its fiber and the scheduler goes on with
// another. Under TSan every thread has a fiber, a stack and a clock of its own.
#include "block.h"

#include <algorithm>
#include <cstdio>
#include <numeric>

#include "sanitizers.h"
#include "state.h"

extern "C" {
__thread struct host_cuda_coordinates host_cuda_here = {{0, 0, 0}, {0, 0, 0}, {1, 1, 1}, {1, 1, 1}};
}

namespace hc {

Block *block = nullptr;

namespace {

// Kept for the life of the process, and reachable until its end.
std::vector<Fiber *> &all_fibers = *new std::vector<Fiber *>;
std::vector<Fiber *> &idle_fibers = *new std::vector<Fiber *>;

uint3 coordinates(unsigned linear, const dim3 &extent) {
    return uint3{linear % extent.x, linear / extent.x % extent.y, linear / extent.x / extent.y};
}

std::string triple(const uint3 &v) {
    char text[48];
    snprintf(text, sizeof text, "(%u,%u,%u)", v.x, v.y, v.z);
    return text;
}

void make_current(Block &b, unsigned thread) {
    b.current = thread;
    host_cuda_here.thread = b.coordinates[thread];
}

// A fence not yet followed by an atomic has nobody to hand its order to; leaving the kernel hands over
// everything.
void finish_thread(Block &b, unsigned index) {
    tsan_release(b.exit_sync);
    TsanIgnore ignore;
    b.threads[index].state = ThreadState::exited;
    b.exited++;
    release_after_exit(b, index);
}

void start_thread(Block &b, unsigned index, Fiber *fiber) {
    Thread &thread = b.threads[index];
    thread.state = ThreadState::running;
    thread.fiber = fiber;
    make_current(b, index);
    tsan_acquire(b.start_sync);
    b.kernel->closure.call(b.kernel->closure.object);
    finish_thread(b, index);
}

// What a fiber does for ever: start threads that nobody started yet, then go back to the scheduler.
void fiber_main() {
    for (;;) {
        while (block->cursor < block->count) {
            start_thread(*block, block->order[block->cursor++], fiber_current());
            if (tsan() || block->aborted) {
                break;
            }
        }
        fiber_leave();
    }
}

Fiber *take_fiber() {
    if (idle_fibers.empty()) {
        all_fibers.push_back(fiber_create(fiber_main));
        idle_fibers.push_back(all_fibers.back());
    }
    Fiber *fiber = idle_fibers.back();
    idle_fibers.pop_back();
    fiber->in_use = true;
    return fiber;
}

void give_fiber(Fiber *fiber, bool abandoned) {
    if (fiber->tsan) {
        if (!abandoned) { // TSan forbids the end of a thread that is in the middle of a call
            tsan_thread_end(fiber->tsan);
        }
        fiber->tsan = nullptr;
        fiber_reset(fiber, true);
    } else if (abandoned) {
        fiber_reset(fiber, false);
    }
    fiber->in_use = false;
    idle_fibers.push_back(fiber);
}

bool owned(const Block &b, const Fiber *fiber) {
    return b.threads[b.current].fiber == fiber && b.threads[b.current].state != ThreadState::exited;
}

// Enters a fiber; when it comes back, it is idle unless the thread last running on it is parked.
void enter(Block &b, Fiber *fiber) {
    fiber_enter(fiber);
    if (!b.aborted && !owned(b, fiber)) {
        give_fiber(fiber, false);
    }
}

void start_pass(Block &b) {
    while (b.cursor < b.count && !b.aborted) {
        Fiber *fiber = take_fiber();
        if (tsan()) {
            unsigned next = b.order[b.cursor];
            fiber->tsan = tsan_thread_begin(thread_name(b, next));
        }
        enter(b, fiber);
    }
}

// Resumes every thread that can go on; returns whether there was one.
bool resume_pass(Block &b) {
    bool progress = false;
    for (unsigned k = 0; k < b.count && !b.aborted; k++) {
        unsigned index = b.order[k];
        Thread &thread = b.threads[index];
        if (thread.state != ThreadState::ready) {
            continue;
        }
        progress = true;
        thread.state = ThreadState::running;
        make_current(b, index);
        enter(b, thread.fiber);
    }
    return progress;
}

void set_order(std::vector<unsigned> &order, unsigned count) {
    order.resize(count);
    std::iota(order.begin(), order.end(), 0u);
    if (settings().order == HOST_CUDA_REVERSE) {
        std::reverse(order.begin(), order.end());
    } else if (settings().order == HOST_CUDA_RANDOM) {
        for (unsigned i = count; i > 1; i--) {
            std::swap(order[i - 1], order[random_below(i)]);
        }
    }
}

void abandon_fibers() {
    for (Fiber *fiber : all_fibers) {
        if (fiber->in_use) {
            give_fiber(fiber, true);
        }
    }
}

void run_block(Block &b) {
    b.cursor = b.exited = b.arrived = 0;
    b.in_warp = 0;
    b.predicate_sum = 0;
    b.threads.assign(b.count, Thread{});
    if (tsan()) {
        b.ordering.assign(b.count, Ordering{});
    }
    if (b.order.empty() || settings().order == HOST_CUDA_RANDOM) {
        set_order(b.order, b.count);
    }
    host_cuda_here.block = b.index;
    start_pass(b);
    while (!b.aborted && b.exited < b.count) {
        if (settings().order == HOST_CUDA_RANDOM) {
            set_order(b.order, b.count);
        }
        if (!resume_pass(b)) {
            abort_kernel(cudaErrorLaunchFailure, describe_deadlock(b));
        }
    }
    if (b.aborted) {
        abandon_fibers();
    }
}

} // namespace

std::string thread_name(const Block &b, unsigned thread) {
    return (b.kernel->function ? "kernel " : "") + b.kernel->name + ", block " + triple(b.index) +
           ", thread " + triple(coordinates(thread, b.kernel->block));
}

std::string where_am_i() {
    return block ? thread_name(*block, block->current) : "the host";
}

void park(ThreadState state) {
    Block &b = *block;
    unsigned self = b.current;
    b.threads[self].state = state;
    fiber_leave();
    tsan_acquire(b.threads[self].sync);
}

void abort_kernel(cudaError_t code, const std::string &what) {
    violation("%s", what.c_str());
    set_sticky_error(code);
    if (block) {
        block->aborted = true;
    }
}

void stop_if_aborted() {
    if (block && block->aborted && fiber_current()) {
        fiber_leave(); // for good
    }
}

void run_kernel(const Kernel &kernel) {
    install_fault_handler();
    counter(HOST_CUDA_LAUNCHES)++;
    Block b;
    b.kernel = &kernel;
    b.count = kernel.block.x * kernel.block.y * kernel.block.z;
    for (unsigned i = 0; i < b.count; i++) {
        b.coordinates.push_back(coordinates(i, kernel.block));
    }
    if (tsan()) {
        b.start_sync = tsan_fresh_address();
        b.exit_sync = tsan_fresh_address();
        tsan_release(b.start_sync);
    }
    host_cuda_here.block_dim = kernel.block;
    host_cuda_here.grid_dim = kernel.grid;
    std::vector<unsigned> blocks;
    set_order(blocks, kernel.grid.x * kernel.grid.y * kernel.grid.z);
    block = &b;
    for (unsigned linear : blocks) {
        b.index = coordinates(linear, kernel.grid);
        shared_begin_block(kernel);
        run_block(b);
        shared_end_block(kernel);
        if (b.aborted) {
            break;
        }
    }
    block = nullptr;
    tsan_acquire(b.exit_sync);
    tsan_launch_end();
}

void run_on_own_fiber(cudaHostFn_t fn, void *data) {
    struct Call {
        cudaHostFn_t fn;
        void *data;
    } call = {fn, data};
    Kernel kernel = {"a host function", {}, nullptr, dim3(1), dim3(1), 0, 0, {&call, nullptr, nullptr}};
    kernel.closure.call = [](void *object) {
        auto *c = static_cast<Call *>(object);
        c->fn(c->data);
    };
    run_kernel(kernel);
    counter(HOST_CUDA_LAUNCHES)--;
}

bool kernel_running() {
    return block != nullptr;
}

} // namespace hc
