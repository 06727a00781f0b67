// A memory fault in a kernel: reported with thread and allocation, and turned into the device's own error.
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ucontext.h>
#include <unistd.h>

#include "block.h"
#include "memory.h"
#include "sanitizers.h"
#include "state.h"

namespace hc {
namespace {

const void *fault_address = nullptr;
struct sigaction previous_segv, previous_bus;

// Runs on the fiber that faulted, after the handler has returned, so that nothing below is in signal context.
void land() {
    std::string what = describe_address(fault_address);
    char address[32];
    snprintf(address, sizeof address, "%p", fault_address);
    abort_kernel(cudaErrorIllegalAddress,
                 where_am_i() + ": illegal access at " + address + (what.empty() ? "" : ", " + what));
    what = std::string();
    stop_if_aborted();
}

void give_up(int signal, const siginfo_t *info) {
    std::string what = describe_address(info->si_addr);
    if (!what.empty()) {
        fprintf(stderr, "host_cuda: the host touched %s\n", what.c_str());
    }
    sigaction(signal, signal == SIGBUS ? &previous_bus : &previous_segv, nullptr); // and fault again
}

void handler(int signal, siginfo_t *info, void *context) {
    Fiber *fiber = fiber_current();
    if (!fiber || !block || tsan()) {
        if (block && fiber) {
            fault_address = info->si_addr;
            violation("%s: illegal access at %p, %s", where_am_i().c_str(), info->si_addr,
                      describe_address(info->si_addr).c_str());
        }
        give_up(signal, info);
        return;
    }
    fault_address = info->si_addr;
#ifdef __x86_64__
    auto *machine = static_cast<ucontext_t *>(context);
    auto top = reinterpret_cast<unsigned long>(fiber->stack + fiber->size) & ~15ul;
    machine->uc_mcontext.gregs[REG_RSP] = static_cast<greg_t>(top - 8);
    machine->uc_mcontext.gregs[REG_RIP] = reinterpret_cast<greg_t>(&land);
#else
    (void)context;
    give_up(signal, info);
#endif
}

} // namespace

// ASan has a better handler of its own. The stack for signals is needed because a fiber's own may be what
// overflowed.
void install_fault_handler() {
    static thread_local bool stack_ready = false;
    static bool handler_ready = false;
    if (asan()) {
        return;
    }
    if (!stack_ready) {
        stack_t stack = {};
        stack.ss_size = size_t{64} << 10;
        stack.ss_sp = malloc(stack.ss_size); // lives as long as the thread
        sigaltstack(&stack, nullptr);
        stack_ready = true;
    }
    if (!handler_ready) {
        struct sigaction action = {};
        action.sa_sigaction = handler;
        action.sa_flags = SA_SIGINFO | SA_ONSTACK;
        sigaction(SIGSEGV, &action, &previous_segv);
        sigaction(SIGBUS, &action, &previous_bus);
        handler_ready = true;
    }
}

} // namespace hc
