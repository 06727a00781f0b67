// Stacks that a kernel's threads run on, and the switch between them and the scheduler.
#pragma once

#include <cstddef>

namespace hc {

struct Fiber {
    void *context = nullptr; // stack pointer, or ucontext_t in the fallback
    char *stack = nullptr;   // lowest usable address; a guard page lies below
    size_t size = 0;
    void (*entry)() = nullptr;  // must not return
    void *fake_stack = nullptr; // ASan's
    void *tsan = nullptr;       // the TSan fiber that runs on it now
    bool in_use = false;
    size_t colour = 0; // bytes left free at the top, so that the stacks' tops do not share cache sets
};

Fiber *fiber_create(void (*entry)());
void fiber_destroy(Fiber *fiber);

// Forgets what ran on the fiber; the next fiber_enter starts at `entry`. With `fresh`, the stack is new
// memory, so that TSan does not take two threads' use of one stack for a race.
void fiber_reset(Fiber *fiber, bool fresh);

// From the scheduler to the fiber, and from the running fiber back. Both return when switched to again.
void fiber_enter(Fiber *fiber);
void fiber_leave();

// The fiber running on this OS thread; null in the scheduler.
Fiber *fiber_current();

} // namespace hc
