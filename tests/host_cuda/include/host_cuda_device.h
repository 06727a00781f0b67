/*
 * The device side of CUDA for g++: what a kernel source sees instead of nvcc's built-ins.
 *
 * Each CUDA thread runs on a fiber of the library; the only state a kernel reads from it is host_cuda_here,
 * which the library rewrites at every switch. Everything here that blocks (barriers, shuffles) is a call into
 * the library. The rest is inline, so that the sanitizers see a kernel's own memory accesses. No std::
 * containers: an inline function of theirs compiled here with a sanitizer could be the copy that the linker
 * gives to the library.
 */
#ifndef HOST_CUDA_DEVICE_H
#define HOST_CUDA_DEVICE_H

#include <math.h>
#include <stdint.h>
#include <string.h>

#include "cuda_runtime_api.h"

#define __global__
#define __device__
#define __host__
#define __constant__
#define __forceinline__ inline __attribute__((always_inline))
#define __launch_bounds__(...)
#define __align__(n) __attribute__((aligned(n)))
#ifndef __restrict__
#define __restrict__ __restrict
#endif

#define warpSize 32

struct host_cuda_coordinates {
    uint3 thread, block;
    dim3 block_dim, grid_dim;
};

struct host_cuda_site {
    const char
        *text; /* for a launch: the text of the macro's arguments, which begins with the kernel's name */
    const char *file;
    int line;
};

struct host_cuda_closure {
    void *object;
    void (*call)(void *object);
    void (*destroy)(void *object);
};

enum host_cuda_warp_op {
    HOST_CUDA_SYNCWARP,
    HOST_CUDA_SHFL,
    HOST_CUDA_SHFL_UP,
    HOST_CUDA_SHFL_DOWN,
    HOST_CUDA_SHFL_XOR,
    HOST_CUDA_BALLOT
};

extern "C" {
extern __thread struct host_cuda_coordinates host_cuda_here;

/* Takes the closure over, also when the launch fails. */
void host_cuda_launch(struct host_cuda_site site, const void *function, dim3 grid, dim3 block,
                      size_t shared_bytes, cudaStream_t stream, struct host_cuda_closure closure);
void *host_cuda_static_shared(const void *key, const char *name, size_t size, size_t alignment);
void *host_cuda_dynamic_shared(void);
/* Returns how many threads of the block gave a non-zero predicate. */
int host_cuda_block_barrier(const char *file, int line, int predicate);
uint64_t host_cuda_warp(enum host_cuda_warp_op op, unsigned mask, uint64_t bits, int lane, int width,
                        const char *file, int line);
void host_cuda_fence(void);
void host_cuda_atomic_order(const void *address, int before);
void host_cuda_trap(const char *what, const char *file, int line);
void cudaGraphSetConditional(cudaGraphConditionalHandle handle, unsigned int value);
}

#define threadIdx (static_cast<const uint3 &>(host_cuda_here.thread))
#define blockIdx  (static_cast<const uint3 &>(host_cuda_here.block))
#define blockDim  (static_cast<const dim3 &>(host_cuda_here.block_dim))
#define gridDim   (static_cast<const dim3 &>(host_cuda_here.grid_dim))

/* launching and shared memory */

namespace host_cuda {

template <class T> struct same { using type = T; };

/* The arguments are converted to the kernel's parameter types here, at the launch, as CUDA does. */
template <class... P>
inline void launch(host_cuda_site site, void (*kernel)(P...), dim3 grid, dim3 block, size_t shared_bytes,
                   cudaStream_t stream, typename same<P>::type... args) {
    auto body = [=]() { kernel(args...); };
    using Body = decltype(body);
    host_cuda_closure closure = {new Body(body), [](void *object) { (*static_cast<Body *>(object))(); },
                                 [](void *object) { delete static_cast<Body *>(object); }};
    host_cuda_launch(site, reinterpret_cast<const void *>(kernel), grid, block, shared_bytes, stream,
                     closure);
}

} // namespace host_cuda

/* LAUNCH(kernel, grid, block, shared_bytes, stream, args...); a kernel with a comma in its name goes in
 * parentheses. */
#define LAUNCH(...) ::host_cuda::launch(host_cuda_site{#__VA_ARGS__, __FILE__, __LINE__}, __VA_ARGS__)

/* SHARED(float, tile, [32][33]); SHARED(int, flag, ). The key is one per declaration and template instance.
 */
#define SHARED(type, name, extents)                                                                          \
    static const char host_cuda_key_##name = 0;                                                              \
    using host_cuda_type_##name = type extents;                                                              \
    host_cuda_type_##name &name = *static_cast<host_cuda_type_##name *>(host_cuda_static_shared(             \
        &host_cuda_key_##name, #name, sizeof(host_cuda_type_##name), alignof(host_cuda_type_##name)))
#define DYN_SHARED(type, name) type *const name = static_cast<type *>(host_cuda_dynamic_shared())

/* barriers: macros, because the place in the source is what tells two barriers apart */

#define __syncthreads()        ((void)host_cuda_block_barrier(__FILE__, __LINE__, 0))
#define __syncthreads_count(p) (host_cuda_block_barrier(__FILE__, __LINE__, (p) ? 1 : 0))
#define __syncthreads_or(p)    (host_cuda_block_barrier(__FILE__, __LINE__, (p) ? 1 : 0) != 0)
#define __syncthreads_and(p)   (host_cuda_block_barrier(__FILE__, __LINE__, (p) ? 0 : 1) == 0)
#define __syncwarp(...)        ((::host_cuda::syncwarp_at{__FILE__, __LINE__})(__VA_ARGS__))
#define __shfl_sync(...)       (::host_cuda::shuffle(HOST_CUDA_SHFL, __FILE__, __LINE__, __VA_ARGS__))
#define __shfl_up_sync(...)    (::host_cuda::shuffle(HOST_CUDA_SHFL_UP, __FILE__, __LINE__, __VA_ARGS__))
#define __shfl_down_sync(...)  (::host_cuda::shuffle(HOST_CUDA_SHFL_DOWN, __FILE__, __LINE__, __VA_ARGS__))
#define __shfl_xor_sync(...)   (::host_cuda::shuffle(HOST_CUDA_SHFL_XOR, __FILE__, __LINE__, __VA_ARGS__))
#define __ballot_sync(mask, p) (::host_cuda::ballot(__FILE__, __LINE__, (mask), (p) ? 1 : 0))
#define __any_sync(mask, p)    (__ballot_sync(mask, p) != 0)
#define __all_sync(mask, p)    (__ballot_sync(mask, !(p)) == 0)
#define __trap()               host_cuda_trap("__trap()", __FILE__, __LINE__)

namespace host_cuda {

/* An object, so that the macro can pass on an empty argument list. */
struct syncwarp_at {
    const char *file;
    int line;
    void operator()(unsigned mask = 0xffffffffu) const {
        (void)host_cuda_warp(HOST_CUDA_SYNCWARP, mask, 0, 0, 32, file, line);
    }
};

inline unsigned ballot(const char *file, int line, unsigned mask, int predicate) {
    return static_cast<unsigned>(
        host_cuda_warp(HOST_CUDA_BALLOT, mask, predicate ? 1 : 0, 0, 32, file, line));
}

template <class T>
inline T shuffle(host_cuda_warp_op op, const char *file, int line, unsigned mask, T value, int lane,
                 int width = 32) {
    static_assert(sizeof(T) <= sizeof(uint64_t), "a shuffle moves at most 8 bytes");
    uint64_t bits = 0;
    memcpy(&bits, &value, sizeof value);
    bits = host_cuda_warp(op, mask, bits, lane, width, file, line);
    memcpy(&value, &bits, sizeof value);
    return value;
}

} // namespace host_cuda

/*
 * Integer atomics, relaxed as CUDA's. Inline, so that a sanitizer sees the access. Under TSan the library
 * adds the ordering that __threadfence gives: fence before an atomic releases, atomic before a fence
 * acquires.
 */
#ifdef __SANITIZE_THREAD__
#define HOST_CUDA_ATOMIC_ORDER(address, before) host_cuda_atomic_order((address), (before))
#else
#define HOST_CUDA_ATOMIC_ORDER(address, before) ((void)0)
#endif

#define HOST_CUDA_ATOMIC(name, type, call)                                                                   \
    inline type name(type *address, type value) {                                                            \
        HOST_CUDA_ATOMIC_ORDER(address, 1);                                                                  \
        type old = call(address, value, __ATOMIC_RELAXED);                                                   \
        HOST_CUDA_ATOMIC_ORDER(address, 0);                                                                  \
        return old;                                                                                          \
    }

#define HOST_CUDA_ATOMIC_BY_CAS(name, type, updated)                                                         \
    inline type name(type *address, type value) {                                                            \
        HOST_CUDA_ATOMIC_ORDER(address, 1);                                                                  \
        type old = __atomic_load_n(address, __ATOMIC_RELAXED);                                               \
        while (!__atomic_compare_exchange_n(address, &old, (updated), false, __ATOMIC_RELAXED,               \
                                            __ATOMIC_RELAXED)) {                                             \
        }                                                                                                    \
        HOST_CUDA_ATOMIC_ORDER(address, 0);                                                                  \
        return old;                                                                                          \
    }

#define HOST_CUDA_ATOMICS(type)                                                                              \
    HOST_CUDA_ATOMIC(atomicAdd, type, __atomic_fetch_add)                                                    \
    HOST_CUDA_ATOMIC(atomicExch, type, __atomic_exchange_n)                                                  \
    HOST_CUDA_ATOMIC(atomicAnd, type, __atomic_fetch_and)                                                    \
    HOST_CUDA_ATOMIC(atomicOr, type, __atomic_fetch_or)                                                      \
    HOST_CUDA_ATOMIC(atomicXor, type, __atomic_fetch_xor)                                                    \
    HOST_CUDA_ATOMIC_BY_CAS(atomicMin, type, old < value ? old : value)                                      \
    HOST_CUDA_ATOMIC_BY_CAS(atomicMax, type, old > value ? old : value)                                      \
    inline type atomicCAS(type *address, type compare, type value) {                                         \
        HOST_CUDA_ATOMIC_ORDER(address, 1);                                                                  \
        __atomic_compare_exchange_n(address, &compare, value, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED);    \
        HOST_CUDA_ATOMIC_ORDER(address, 0);                                                                  \
        return compare;                                                                                      \
    }

HOST_CUDA_ATOMICS(int)
HOST_CUDA_ATOMICS(unsigned int)
HOST_CUDA_ATOMICS(unsigned long long)
HOST_CUDA_ATOMIC(atomicSub, int, __atomic_fetch_sub)
HOST_CUDA_ATOMIC(atomicSub, unsigned int, __atomic_fetch_sub)
HOST_CUDA_ATOMIC_BY_CAS(atomicInc, unsigned int, old >= value ? 0u : old + 1u)
#undef HOST_CUDA_ATOMICS
#undef HOST_CUDA_ATOMIC_BY_CAS
#undef HOST_CUDA_ATOMIC

inline void __threadfence() {
    host_cuda_fence();
}

inline void __threadfence_block() {
    host_cuda_fence();
}

#include "host_cuda_math.h"

#endif
