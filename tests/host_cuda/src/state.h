// What the whole shim shares: settings, errors, violations, counters, the lock around every call.
#pragma once

#include <cstddef>
#include <string>

#include "cuda_runtime_api.h"
#include "host_cuda_control.h"
#include "sanitizers.h"

namespace hc {

struct Settings {
    host_cuda_order order = HOST_CUDA_FORWARD;
    unsigned seed = 1;
    int devices = 1;
    int driver = CUDART_VERSION;
    size_t memory = size_t{1} << 30;
    int major = 8; // whose cuBLAS workspace is 4 MiB, not 32: closing its pages takes time
    int minor = 0;
    unsigned long while_limit = 100000;
    bool launch_checks = false;
    bool abort = false;
    bool leaks = true;
    bool guard = true;
    bool verbose = false;
    bool quiet = false;
};

Settings &settings();
unsigned long &counter(host_cuda_counter which);

// One lock for all calls, re-entrant. Not a pthread mutex: TSan would take that for an order between host
// threads.
class Lock {
  public:
    Lock();
    ~Lock();
    Lock(const Lock &) = delete;
    Lock &operator=(const Lock &) = delete;

  private:
    TsanIgnore ignore_;
};

// Counts the call and says whether it may go on: an injected fault, a missing device, an old driver and an
// earlier sticky error come before anything else.
cudaError_t begin(const char *function);
// For functions that only ask about errors or versions, or that release something.
cudaError_t begin_anyway(const char *function);
// For the library calls, whose injected codes are their own. Returns true when the call must fail with
// `code`.
bool begin_library(const char *function, int *code);

// Records `code` as the thread's last error, with its reason in words, and returns it.
cudaError_t fail(cudaError_t code, const char *format = nullptr, ...) __attribute__((format(printf, 2, 3)));
void set_reason(const char *format, ...) __attribute__((format(printf, 1, 2)));

void violation(const char *format, ...) __attribute__((format(printf, 1, 2)));

// An error that stays: every later call returns it and queued work is dropped.
cudaError_t sticky_error();
void set_sticky_error(cudaError_t code);
void clear_errors();

cudaError_t last_error(bool clear);
void note_launch(const char *kernel, cudaError_t result);

int current_device();
void set_current_device(int device);

unsigned random_below(unsigned bound);

const char *error_name(cudaError_t code);

void reset_state();

} // namespace hc

// The first line of an entry point of the runtime.
#define HC_API(function)                                                                                     \
    hc::Lock hc_lock;                                                                                        \
    if (cudaError_t hc_error = hc::begin(function)) {                                                        \
        return hc::fail(hc_error);                                                                           \
    }
