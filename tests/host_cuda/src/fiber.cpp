// See fiber.h. Saves what the System V ABI calls callee-saved, nothing else: no system call, unlike
// swapcontext.
#include "fiber.h"

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <new>
#include <sys/mman.h>
#include <unistd.h>

#include "sanitizers.h"

#if !defined(__x86_64__) && !defined(HOST_CUDA_UCONTEXT)
#define HOST_CUDA_UCONTEXT 1
#endif
#ifdef HOST_CUDA_UCONTEXT
#include <ucontext.h>
#endif

namespace hc {
namespace {

constexpr size_t stack_size = size_t{64} << 10;
constexpr size_t asan_stack_size = size_t{256} << 10; // red zones around every local

struct Scheduler {
    void *context = nullptr;
    void *fake_stack = nullptr;
    const void *bottom = nullptr;
    size_t size = 0;
    void *tsan = nullptr;
};

thread_local Scheduler scheduler;
thread_local Fiber *running = nullptr;

// Not inlined, so that nobody keeps its address across a switch: an idle fiber may wake in another OS thread.
__attribute__((noipa)) Scheduler &this_scheduler() {
    return scheduler;
}

size_t page_size() {
    static const size_t size = static_cast<size_t>(sysconf(_SC_PAGESIZE));
    return size;
}

// The first code on a fiber: completes the switch for ASan, then runs the entry.
void start() {
    if (asan()) {
        __sanitizer_finish_switch_fiber(nullptr, &this_scheduler().bottom, &this_scheduler().size);
    }
    running->entry();
    abort(); // the entry loops for ever
}

#ifdef HOST_CUDA_UCONTEXT

void prepare(Fiber *fiber) {
    auto *context = static_cast<ucontext_t *>(fiber->context ? fiber->context : malloc(sizeof(ucontext_t)));
    getcontext(context);
    context->uc_stack.ss_sp = fiber->stack;
    context->uc_stack.ss_size = fiber->size;
    context->uc_link = nullptr;
    makecontext(context, start, 0);
    fiber->context = context;
}

void switch_contexts(void **from, void *to) {
    if (!*from) {
        *from = malloc(sizeof(ucontext_t));
    }
    swapcontext(static_cast<ucontext_t *>(*from), static_cast<ucontext_t *>(to));
}

void release_context(Fiber *fiber) {
    free(fiber->context);
}

#else

extern "C" void host_cuda_switch(void **from, void *to);
asm(R"(
.text
.globl host_cuda_switch
.hidden host_cuda_switch
.type host_cuda_switch, @function
host_cuda_switch:
    pushq %rbp
    pushq %rbx
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    subq $8, %rsp
    stmxcsr (%rsp)
    fnstcw 4(%rsp)
    movq %rsp, (%rdi)
    movq %rsi, %rsp
    ldmxcsr (%rsp)
    fldcw 4(%rsp)
    addq $8, %rsp
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbx
    popq %rbp
    popq %rcx
    jmp *%rcx   # not ret, which the processor would predict wrongly every time
.size host_cuda_switch, .-host_cuda_switch
)");

// Lays the stack out as host_cuda_switch leaves it: control words, six registers, return address, a null
// caller.
void prepare(Fiber *fiber) {
    auto top = reinterpret_cast<uintptr_t>(fiber->stack + fiber->size - fiber->colour) & ~uintptr_t{15};
    auto *slot = reinterpret_cast<uint64_t *>(top);
    *--slot = 0; // the return address of `start`; with it the stack is aligned as after a call
    *--slot = reinterpret_cast<uint64_t>(&start);
    for (int i = 0; i < 6; i++) {
        *--slot = 0;
    }
    uint32_t control[2] = {0, 0};
    asm volatile("stmxcsr %0" : "=m"(control[0]));
    asm volatile("fnstcw %0" : "=m"(control[1]));
    memcpy(--slot, control, sizeof control);
    fiber->context = slot;
}

void switch_contexts(void **from, void *to) {
    host_cuda_switch(from, to);
}

void release_context(Fiber *) {}

#endif

void map_stack(Fiber *fiber) {
    size_t guard = page_size();
    void *map = mmap(nullptr, guard + fiber->size, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (map == MAP_FAILED) {
        abort();
    }
    mprotect(map, guard, PROT_NONE);
    fiber->stack = static_cast<char *>(map) + guard;
}

void unmap_stack(Fiber *fiber) {
    munmap(fiber->stack - page_size(), page_size() + fiber->size);
}

// New memory for what was touched of a stack. Only that much, because TSan's bookkeeping for it costs the
// most.
void renew_stack(Fiber *fiber) {
    size_t page = page_size(), pages = fiber->size / page;
    unsigned char resident[asan_stack_size / 4096];
    size_t first = 0;
    if (mincore(fiber->stack, fiber->size, resident) == 0) {
        while (first + 1 < pages && !(resident[first] & 1u)) {
            first++;
        }
    }
    char *from = fiber->stack + first * page;
    if (mmap(from, fiber->size - first * page, PROT_READ | PROT_WRITE,
             MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0) == MAP_FAILED) {
        abort();
    }
}

} // namespace

Fiber *fiber_create(void (*entry)()) {
    auto *fiber = new Fiber;
    fiber->size = asan() ? asan_stack_size : stack_size;
    fiber->entry = entry;
    static size_t fibers = 0;
    fiber->colour = fibers++ * 448 % 4096;
    map_stack(fiber);
    prepare(fiber);
    return fiber;
}

void fiber_destroy(Fiber *fiber) {
    asan_unpoison(fiber->stack, fiber->size);
    unmap_stack(fiber);
    release_context(fiber);
    delete fiber;
}

void fiber_reset(Fiber *fiber, bool fresh) {
    asan_unpoison(fiber->stack, fiber->size);
    if (fresh) {
        renew_stack(fiber);
    }
    fiber->fake_stack = nullptr;
    prepare(fiber);
}

void fiber_enter(Fiber *fiber) {
    running = fiber;
    if (asan()) {
        __sanitizer_start_switch_fiber(&scheduler.fake_stack, fiber->stack, fiber->size);
    }
    if (fiber->tsan) {
        scheduler.tsan = __tsan_get_current_fiber();
        tsan_switch(fiber->tsan);
    }
    switch_contexts(&scheduler.context, fiber->context);
    if (asan()) {
        __sanitizer_finish_switch_fiber(scheduler.fake_stack, nullptr, nullptr);
    }
    running = nullptr;
}

void fiber_leave() {
    Fiber *fiber = running;
    if (asan()) {
        __sanitizer_start_switch_fiber(&fiber->fake_stack, scheduler.bottom, scheduler.size);
    }
    if (fiber->tsan) {
        tsan_switch(scheduler.tsan);
    }
    switch_contexts(&fiber->context, scheduler.context);
    if (asan()) {
        __sanitizer_finish_switch_fiber(fiber->fake_stack, &this_scheduler().bottom, &this_scheduler().size);
    }
}

Fiber *fiber_current() {
    return running;
}

const void *tsan_fresh_address() {
    constexpr size_t bytes = size_t{1} << 20;
    static char *region = nullptr;
    static size_t used = bytes;
    if (used == bytes) {
        // The full region stays mapped: a barrier may still hold one of its addresses. Nothing in it is
        // touched.
        void *map =
            mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (map == MAP_FAILED) {
            abort();
        }
        region = static_cast<char *>(map);
        used = 0;
    }
    used += 8;
    return region + used - 8;
}

} // namespace hc
