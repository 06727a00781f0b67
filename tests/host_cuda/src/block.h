// Running a kernel: its blocks one after another, the threads of a block on fibers.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "fiber.h"
#include "host_cuda_device.h"

namespace hc {

struct Kernel {
    std::string name;
    host_cuda_site site;
    const void *function;
    dim3 grid, block;
    size_t shared_bytes;
    size_t shared_limit; // static and dynamic together
    host_cuda_closure closure;
};

enum class ThreadState : unsigned char { fresh, ready, running, at_barrier, in_warp, exited };

struct Thread {
    ThreadState state = ThreadState::fresh;
    host_cuda_warp_op op = HOST_CUDA_SYNCWARP; // what it brings to a warp operation, and what it gets
    unsigned mask = 0;
    int lane = 0;
    int width = 32;
    int line = 0; // where it waits
    const char *file = nullptr;
    uint64_t bits = 0;
    Fiber *fiber = nullptr;
    const void *sync = nullptr; // TSan: what it acquires on waking
};

// TSan: fences and atomics of a thread.
struct Ordering {
    bool fenced = false;
    std::vector<const void *> pending; // atomics since the last fence
};

// One block in execution. There is at most one in an OS thread, and the lock lets only one thread run work.
struct Block {
    const Kernel *kernel = nullptr;
    uint3 index = {0, 0, 0};
    unsigned count = 0; // threads
    std::vector<Thread> threads;
    std::vector<Ordering> ordering; // only under TSan
    std::vector<uint3> coordinates; // of the threads
    std::vector<unsigned> order;
    unsigned in_warp = 0; // threads that wait in a warp operation
    unsigned cursor = 0;  // threads before it, in order, have been started
    unsigned exited = 0;
    unsigned arrived = 0;
    int predicate_sum = 0;
    int predicate_result = 0;
    bool aborted = false;
    unsigned current = 0;
    const void *start_sync = nullptr; // TSan: what every thread acquires when it starts
    const void *exit_sync = nullptr;  // TSan: what the launch acquires at the end
};

// The running block; null outside kernels.
extern Block *block;

void run_kernel(const Kernel &kernel);
// Runs a stream's host function as a thread of its own, which it is.
void run_on_own_fiber(cudaHostFn_t fn, void *data);

// Stops the kernel: reports the violation and makes `code` sticky. The caller goes on to stop_if_aborted,
// which is apart because a thread that stops never returns, and would never free the strings of this call.
void abort_kernel(cudaError_t code, const std::string &what);
void stop_if_aborted();
// "kernel k, block (0,0,0), thread (3,0,0)" of the running thread.
std::string where_am_i();
std::string thread_name(const Block &b, unsigned thread);

// Parks the running thread in the given state until the scheduler resumes it.
void park(ThreadState state);

// tsan_threads.cpp: TSan fibers for CUDA threads, for the launch that the current TSan fiber runs.
void *tsan_thread_begin(const std::string &name);
void tsan_thread_end(void *fiber);
void tsan_launch_end();

// synchronise.cpp: a thread has exited, so others may have nobody left to wait for.
void release_after_exit(Block &b, unsigned thread);
std::string describe_deadlock(const Block &b);

// shared.cpp
void shared_begin_block(const Kernel &kernel);
void shared_end_block(const Kernel &kernel);

// fault.cpp: while it exists, a memory fault in a kernel becomes cudaErrorIllegalAddress.
void install_fault_handler();

// launch.cpp
bool kernel_running();

} // namespace hc
