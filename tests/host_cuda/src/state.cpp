// See state.h.
#include "state.h"

#include <atomic>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <sched.h>
#include <unistd.h>

#include "memory.h"
#include "objects.h"

namespace hc {
namespace {

std::atomic<unsigned long> lock_owner{0};
int lock_depth = 0;

struct Fault {
    bool armed = false;
    bool any = true;
    char function[64] = "";
    unsigned long remaining = 0;
    int code = 0;
    int delivered = 0;
} fault;

unsigned long counters[HOST_CUDA_COUNTERS];
unsigned long violations = 0;
char violation_text[512] = "";
char reason[512] = "";
char unchecked_launch[128] = "";
char unread_error[192] = "";
cudaError_t sticky = cudaSuccess;
unsigned random_state = 1;

thread_local cudaError_t thread_error = cudaSuccess;
thread_local int thread_device = 0;
thread_local unsigned long thread_number = 0;

bool environment_says(const char *name, char value) {
    const char *text = getenv(name);
    return text && text[0] == value;
}

void read_order(Settings &s) {
    const char *order = getenv("HOST_CUDA_ORDER");
    if (order && strcmp(order, "reverse") == 0) {
        s.order = HOST_CUDA_REVERSE;
    } else if (order && strncmp(order, "random", 6) == 0) {
        s.order = HOST_CUDA_RANDOM;
        s.seed = order[6] == ':' ? static_cast<unsigned>(strtoul(order + 7, nullptr, 10)) : 1u;
        random_state = s.seed * 2654435761u + 1u;
    }
}

// After everything else at exit: what nobody noticed must not pass for success.
void at_exit() {
    if (unread_error[0]) {
        violation("the failed launch of %s was never looked at (cudaGetLastError)", unread_error);
    }
    check_guards();
    if (settings().leaks && !sticky && live_objects(false) > 0) {
        live_objects(true);
        violation("%zu objects were never released", live_objects(false));
    }
    if (violations) {
        fflush(nullptr);
        _exit(HOST_CUDA_EXIT_STATUS);
    }
}

Settings initial_settings() {
    Settings s;
    read_order(s);
    const char *visible = getenv("CUDA_VISIBLE_DEVICES"); // as with CUDA, an empty list hides all
    if (visible && !visible[0]) {
        s.devices = 0;
    }
    if (const char *driver = getenv("HOST_CUDA_DRIVER")) {
        s.driver = atoi(driver);
    }
    if (const char *memory = getenv("HOST_CUDA_MEMORY")) {
        s.memory = strtoull(memory, nullptr, 10);
    }
    s.abort = environment_says("HOST_CUDA_ABORT", '1');
    s.leaks = !environment_says("HOST_CUDA_LEAKS", '0');
    s.guard = !environment_says("HOST_CUDA_GUARD", '0');
    s.verbose = environment_says("HOST_CUDA_VERBOSE", '1');
    return s;
}

// "function:nth:code"
void arm_from_environment() {
    const char *text = getenv("HOST_CUDA_INJECT");
    if (text && sscanf(text, "%63[^:]:%lu:%d", fault.function, &fault.remaining, &fault.code) == 3) {
        fault.any = strcmp(fault.function, "*") == 0;
        fault.armed = fault.remaining > 0;
    } else if (text) {
        fprintf(stderr, "host_cuda: HOST_CUDA_INJECT=%s is not function:nth:code\n", text);
        abort();
    }
}

Settings &first_settings() {
    static Settings s = initial_settings();
    static int registered = atexit(at_exit);
    (void)registered;
    arm_from_environment();
    return s;
}

bool fault_hits(const char *function) {
    if (!fault.armed || (!fault.any && strcmp(fault.function, function) != 0) || --fault.remaining > 0) {
        return false;
    }
    fault.armed = false;
    fault.delivered = 1;
    set_reason("%s: a fault was injected (code %d)", function, fault.code);
    return true;
}

bool is_sticky(int code) {
    return code >= 700 && code < 800;
}

void check_previous_launch(const char *function) {
    if (unchecked_launch[0]) {
        char name[sizeof unchecked_launch];
        memcpy(name, unchecked_launch, sizeof name);
        unchecked_launch[0] = 0;
        violation("the launch of %s was not followed by cudaGetLastError before %s", name, function);
    }
}

cudaError_t missing_device(const char *function) {
    if (settings().driver < CUDART_VERSION) {
        set_reason("%s: the driver is version %d, the runtime %d", function, settings().driver,
                   CUDART_VERSION);
        return cudaErrorInsufficientDriver;
    }
    if (settings().devices == 0) {
        set_reason("%s: there is no device", function);
        return cudaErrorNoDevice;
    }
    return cudaSuccess;
}

} // namespace

Settings &settings() {
    static Settings &s = first_settings();
    return s;
}

unsigned long &counter(host_cuda_counter which) {
    return counters[which];
}

Lock::Lock() {
    static std::atomic<unsigned long> threads{0};
    if (thread_number == 0) {
        thread_number = ++threads;
    }
    unsigned long free_lock = 0;
    if (lock_owner.load() != thread_number) {
        while (!lock_owner.compare_exchange_weak(free_lock, thread_number)) {
            free_lock = 0;
            sched_yield();
        }
    }
    lock_depth++;
}

Lock::~Lock() {
    if (--lock_depth == 0) {
        lock_owner.store(0);
    }
}

cudaError_t begin(const char *function) {
    settings();
    counter(HOST_CUDA_API_CALLS)++;
    if (strcmp(function, "LAUNCH") != 0 || unchecked_launch[0]) {
        check_previous_launch(function);
    }
    if (fault_hits(function)) {
        if (is_sticky(fault.code)) {
            sticky = static_cast<cudaError_t>(fault.code);
        }
        return static_cast<cudaError_t>(fault.code);
    }
    if (cudaError_t missing = missing_device(function)) {
        return missing;
    }
    return sticky;
}

cudaError_t begin_anyway(const char *function) {
    settings();
    counter(HOST_CUDA_API_CALLS)++;
    check_previous_launch(function);
    return fault_hits(function) ? static_cast<cudaError_t>(fault.code) : cudaSuccess;
}

bool begin_library(const char *function, int *code) {
    settings();
    counter(HOST_CUDA_API_CALLS)++;
    check_previous_launch(function);
    if (fault_hits(function)) {
        *code = fault.code;
        return true;
    }
    return false;
}

cudaError_t fail(cudaError_t code, const char *format, ...) {
    if (format) {
        va_list list;
        va_start(list, format);
        vsnprintf(reason, sizeof reason, format, list);
        va_end(list);
    }
    if (code != cudaSuccess) {
        thread_error = code;
        if (settings().verbose) {
            fprintf(stderr, "host_cuda: %s: %s\n", error_name(code), reason);
        }
    }
    return code;
}

void set_reason(const char *format, ...) {
    va_list list;
    va_start(list, format);
    vsnprintf(reason, sizeof reason, format, list);
    va_end(list);
}

void violation(const char *format, ...) {
    va_list list;
    va_start(list, format);
    vsnprintf(violation_text, sizeof violation_text, format, list);
    va_end(list);
    memcpy(reason, violation_text, sizeof reason);
    violations++;
    if (!settings().quiet) {
        fprintf(stderr, "host_cuda: violation: %s\n", violation_text);
    }
    if (settings().abort) {
        abort();
    }
}

cudaError_t sticky_error() {
    return sticky;
}

void set_sticky_error(cudaError_t code) {
    if (!sticky) {
        sticky = code;
    }
}

void clear_errors() {
    sticky = cudaSuccess;
    thread_error = cudaSuccess;
}

cudaError_t last_error(bool clear) {
    unchecked_launch[0] = 0;
    unread_error[0] = 0;
    cudaError_t code = sticky ? sticky : thread_error;
    if (clear) {
        thread_error = cudaSuccess;
    }
    return code;
}

void note_launch(const char *kernel, cudaError_t result) {
    if (settings().launch_checks) {
        snprintf(unchecked_launch, sizeof unchecked_launch, "%s", kernel);
    }
    if (result != cudaSuccess) {
        if (unread_error[0]) {
            violation("the failed launch of %s was never looked at (cudaGetLastError)", unread_error);
        }
        snprintf(unread_error, sizeof unread_error, "%s: %s", kernel, error_name(result));
    }
}

int current_device() {
    return thread_device;
}

void set_current_device(int device) {
    thread_device = device;
}

unsigned random_below(unsigned bound) {
    random_state ^= random_state << 13;
    random_state ^= random_state >> 17;
    random_state ^= random_state << 5;
    return random_state % bound;
}

void reset_state() {
    settings() = initial_settings();
    fault = Fault{};
    memset(counters, 0, sizeof counters);
    violations = 0;
    violation_text[0] = reason[0] = unchecked_launch[0] = unread_error[0] = 0;
    sticky = cudaSuccess;
    thread_error = cudaSuccess;
    thread_device = 0;
}

} // namespace hc

using namespace hc;

extern "C" {

void host_cuda_set_order(enum host_cuda_order order, unsigned seed) {
    settings().order = order;
    settings().seed = seed;
    random_state = seed * 2654435761u + 1u;
}

void host_cuda_set_devices(int count) {
    settings().devices = count < 16 ? count : 16;
}

void host_cuda_set_driver_version(int version) {
    settings().driver = version;
}

void host_cuda_set_memory(size_t bytes) {
    settings().memory = bytes;
}

void host_cuda_set_compute_capability(int major, int minor) {
    settings().major = major;
    settings().minor = minor;
}

void host_cuda_set_while_limit(unsigned long iterations) {
    settings().while_limit = iterations;
}

void host_cuda_require_launch_checks(int on) {
    settings().launch_checks = on != 0;
}

void host_cuda_inject(const char *function, unsigned long nth, int code) {
    fault = Fault{};
    fault.armed = nth > 0;
    fault.any = !function;
    snprintf(fault.function, sizeof fault.function, "%s", function ? function : "");
    fault.remaining = nth;
    fault.code = code;
}

int host_cuda_injected(void) {
    return fault.delivered;
}

unsigned long host_cuda_count(enum host_cuda_counter which) {
    return counter(which);
}

unsigned long host_cuda_violations(void) {
    return violations;
}

const char *host_cuda_last_violation(void) {
    return violation_text;
}

void host_cuda_forgive(void) {
    violations = 0;
    violation_text[0] = 0;
}

void host_cuda_quiet(int on) {
    settings().quiet = on != 0;
}

const char *host_cuda_last_reason(void) {
    return reason;
}
}
