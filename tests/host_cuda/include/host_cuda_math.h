/* CUDA's device mathematics that <math.h> lacks. The fast intrinsics are computed exactly: only their names
 * matter. */
#ifndef HOST_CUDA_MATH_H
#define HOST_CUDA_MATH_H

#include <math.h>
#include <string.h>

#include "vector_types.h"

/* As in CUDA, min and max are overloads in the global namespace; for floating point they are fmin and fmax.
 */
#define HOST_CUDA_MIN_MAX(type)                                                                              \
    inline type min(type a, type b) {                                                                        \
        return b < a ? b : a;                                                                                \
    }                                                                                                        \
    inline type max(type a, type b) {                                                                        \
        return a < b ? b : a;                                                                                \
    }
HOST_CUDA_MIN_MAX(int)
HOST_CUDA_MIN_MAX(unsigned int)
HOST_CUDA_MIN_MAX(long)
HOST_CUDA_MIN_MAX(unsigned long)
HOST_CUDA_MIN_MAX(long long)
HOST_CUDA_MIN_MAX(unsigned long long)
#undef HOST_CUDA_MIN_MAX
inline float min(float a, float b) {
    return fmin(a, b);
}
inline float max(float a, float b) {
    return fmax(a, b);
}
inline double min(double a, double b) {
    return fmin(a, b);
}
inline double max(double a, double b) {
    return fmax(a, b);
}

inline double rsqrt(double x) {
    return 1.0 / sqrt(x);
}
inline float rsqrtf(float x) {
    return 1.0f / sqrtf(x);
}
inline float rsqrt(float x) {
    return rsqrtf(x);
}
inline double normcdf(double x) {
    return 0.5 * erfc(-x * 0.70710678118654752440);
}
inline float normcdff(float x) {
    return 0.5f * erfcf(-x * 0.70710678f);
}
inline double sinpi(double x) {
    return sin(3.14159265358979323846 * fmod(x, 2.0));
}
inline double cospi(double x) {
    return cos(3.14159265358979323846 * fmod(x, 2.0));
}
inline float sinpif(float x) {
    return static_cast<float>(sinpi(x));
}
inline float cospif(float x) {
    return static_cast<float>(cospi(x));
}
inline void sincospi(double x, double *s, double *c) {
    *s = sinpi(x), *c = cospi(x);
}
inline void sincospif(float x, float *s, float *c) {
    *s = sinpif(x), *c = cospif(x);
}

inline float __expf(float x) {
    return expf(x);
}
inline float __logf(float x) {
    return logf(x);
}
inline float __sinf(float x) {
    return sinf(x);
}
inline float __cosf(float x) {
    return cosf(x);
}
inline float __powf(float x, float y) {
    return powf(x, y);
}
inline float __fdividef(float x, float y) {
    return x / y;
}
inline float __fmaf_rn(float x, float y, float z) {
    return fmaf(x, y, z);
}
inline double __fma_rn(double x, double y, double z) {
    return fma(x, y, z);
}
inline float __fadd_rn(float x, float y) {
    return x + y;
}
inline float __fmul_rn(float x, float y) {
    return x * y;
}
inline double __dadd_rn(double x, double y) {
    return x + y;
}
inline double __dmul_rn(double x, double y) {
    return x * y;
}

template <class T> inline T __ldg(const T *address) {
    return *address;
}

template <class To, class From> inline To host_cuda_bits(From from) {
    static_assert(sizeof(To) == sizeof(From), "a reinterpretation keeps the size");
    To to;
    memcpy(&to, &from, sizeof to);
    return to;
}
inline int __float_as_int(float x) {
    return host_cuda_bits<int>(x);
}
inline float __int_as_float(int x) {
    return host_cuda_bits<float>(x);
}
inline unsigned int __float_as_uint(float x) {
    return host_cuda_bits<unsigned int>(x);
}
inline float __uint_as_float(unsigned int x) {
    return host_cuda_bits<float>(x);
}
inline long long __double_as_longlong(double x) {
    return host_cuda_bits<long long>(x);
}
inline double __longlong_as_double(long long x) {
    return host_cuda_bits<double>(x);
}

inline int __popc(unsigned int x) {
    return __builtin_popcount(x);
}
inline int __popcll(unsigned long long x) {
    return __builtin_popcountll(x);
}
inline int __ffs(int x) {
    return __builtin_ffs(x);
}
inline int __clz(int x) {
    return x ? __builtin_clz(static_cast<unsigned int>(x)) : 32;
}
inline unsigned int __umulhi(unsigned int a, unsigned int b) {
    return static_cast<unsigned int>((static_cast<unsigned long long>(a) * b) >> 32);
}
inline unsigned long long __umul64hi(unsigned long long a, unsigned long long b) {
    __extension__ typedef unsigned __int128 wide;
    return static_cast<unsigned long long>((static_cast<wide>(a) * b) >> 64);
}

inline float2 make_float2(float x, float y) {
    return float2{x, y};
}
inline float3 make_float3(float x, float y, float z) {
    return float3{x, y, z};
}
inline float4 make_float4(float x, float y, float z, float w) {
    return float4{x, y, z, w};
}
inline double2 make_double2(double x, double y) {
    return double2{x, y};
}
inline int2 make_int2(int x, int y) {
    return int2{x, y};
}
inline int4 make_int4(int x, int y, int z, int w) {
    return int4{x, y, z, w};
}
inline uint2 make_uint2(unsigned int x, unsigned int y) {
    return uint2{x, y};
}
inline uint4 make_uint4(unsigned int x, unsigned int y, unsigned int z, unsigned int w) {
    return uint4{x, y, z, w};
}

#endif
