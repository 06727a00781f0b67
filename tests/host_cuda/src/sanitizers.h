// What the shim tells AddressSanitizer and ThreadSanitizer. The library is compiled without either; the
// symbols are weak, so the same object serves a plain, an ASan and a TSan program.
#pragma once

#include <cstddef>

extern "C" {
void __asan_init() __attribute__((weak));
void __asan_poison_memory_region(const volatile void *address, size_t size) __attribute__((weak));
void __asan_unpoison_memory_region(const volatile void *address, size_t size) __attribute__((weak));
void __sanitizer_start_switch_fiber(void **fake_stack, const void *bottom, size_t size) __attribute__((weak));
void __sanitizer_finish_switch_fiber(void *fake_stack, const void **bottom, size_t *size)
    __attribute__((weak));

void *__tsan_get_current_fiber() __attribute__((weak));
void *__tsan_create_fiber(unsigned flags) __attribute__((weak));
void __tsan_destroy_fiber(void *fiber) __attribute__((weak));
void __tsan_switch_to_fiber(void *fiber, unsigned flags) __attribute__((weak));
void __tsan_set_fiber_name(void *fiber, const char *name) __attribute__((weak));
void __tsan_acquire(void *address) __attribute__((weak));
void __tsan_release(void *address) __attribute__((weak));
void __tsan_ignore_thread_begin() __attribute__((weak));
void __tsan_ignore_thread_end() __attribute__((weak));
void __tsan_read_range(void *address, size_t size) __attribute__((weak));
void __tsan_write_range(void *address, size_t size) __attribute__((weak));
}

namespace hc {

inline bool asan() {
    return __asan_init != nullptr;
}

inline bool tsan() {
    return __tsan_create_fiber != nullptr;
}

inline void tsan_acquire(const void *address) {
    if (tsan()) {
        __tsan_acquire(const_cast<void *>(address));
    }
}

inline void tsan_release(const void *address) {
    if (tsan()) {
        __tsan_release(const_cast<void *>(address));
    }
}

// While it exists, TSan disregards what this (TSan) thread does. The library itself needs it although it is
// not instrumented: TSan intercepts its memcpy and free, and its own data go from fiber to fiber as TSan
// would not have it.
class TsanIgnore {
  public:
    TsanIgnore() {
        if (tsan()) {
            __tsan_ignore_thread_begin();
        }
    }
    ~TsanIgnore() {
        if (tsan()) {
            __tsan_ignore_thread_end();
        }
    }
    TsanIgnore(const TsanIgnore &) = delete;
    TsanIgnore &operator=(const TsanIgnore &) = delete;
};

// A copy, a BLAS or a LAPACK call touches the program's memory: this much TSan must know. To be called while
// ignoring.
inline void tsan_reads(const void *address, size_t size) {
    if (tsan() && size) {
        __tsan_ignore_thread_end();
        __tsan_read_range(const_cast<void *>(address), size);
        __tsan_ignore_thread_begin();
    }
}

inline void tsan_writes(const void *address, size_t size) {
    if (tsan() && size) {
        __tsan_ignore_thread_end();
        __tsan_write_range(const_cast<void *>(address), size);
        __tsan_ignore_thread_begin();
    }
}

inline void *tsan_create(const char *name) {
    if (!tsan()) {
        return nullptr;
    }
    void *fiber = __tsan_create_fiber(0);
    __tsan_set_fiber_name(fiber, name);
    return fiber;
}

inline void tsan_destroy(void *fiber) {
    if (fiber) {
        __tsan_destroy_fiber(fiber);
    }
}

// Without synchronisation: a switch is the scheduler's doing, not an order that CUDA promises.
inline void tsan_switch(void *fiber) {
    if (fiber) {
        __tsan_switch_to_fiber(fiber, 1u);
    }
}

// Runs a scope of the library as another TSan fiber, on the same stack, ignoring what the library does in it.
class TsanScope {
  public:
    explicit TsanScope(void *fiber) : before_(fiber ? __tsan_get_current_fiber() : nullptr) {
        tsan_switch(fiber);
        if (before_) {
            __tsan_ignore_thread_begin();
        }
    }
    ~TsanScope() {
        if (before_) {
            __tsan_ignore_thread_end();
        }
        tsan_switch(before_);
    }
    TsanScope(const TsanScope &) = delete;
    TsanScope &operator=(const TsanScope &) = delete;

  private:
    void *before_;
};

// An address that no earlier synchronisation has used. Reusing one would order events that CUDA leaves
// unordered.
const void *tsan_fresh_address();

// Drops the TSan threads kept for the launches of a stream's or graph node's TSan fiber.
void tsan_forget_launcher(void *stream_fiber);

inline void asan_poison(const void *address, size_t size) {
    if (asan()) {
        __asan_poison_memory_region(address, size);
    }
}

inline void asan_unpoison(const void *address, size_t size) {
    if (asan()) {
        __asan_unpoison_memory_region(address, size);
    }
}

} // namespace hc
