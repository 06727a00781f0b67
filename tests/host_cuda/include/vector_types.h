/* Vector types of CUDA, for the host shim: the sizes and alignments are those of the real header. */
#ifndef HOST_CUDA_VECTOR_TYPES_H
#define HOST_CUDA_VECTOR_TYPES_H

typedef struct uint3 {
    unsigned int x, y, z;
} uint3;

/* The attribute, not alignas: it is the one spelling that C17 and C++ share inside a typedef. */
#define HOST_CUDA_VECTOR(type, letter, size2, size4)                                                         \
    typedef struct __attribute__((aligned(size2))) type##2 {                                                 \
        letter x, y;                                                                                         \
    }                                                                                                        \
    type##2;                                                                                                 \
    typedef struct type##3 {                                                                                 \
        letter x, y, z;                                                                                      \
    }                                                                                                        \
    type##3;                                                                                                 \
    typedef struct __attribute__((aligned(size4))) type##4 {                                                 \
        letter x, y, z, w;                                                                                   \
    }                                                                                                        \
    type##4;

HOST_CUDA_VECTOR(float, float, 8, 16)
HOST_CUDA_VECTOR(double, double, 16, 16)
HOST_CUDA_VECTOR(int, int, 8, 16)
#undef HOST_CUDA_VECTOR

typedef struct __attribute__((aligned(8))) uint2 {
    unsigned int x, y;
} uint2;
typedef struct __attribute__((aligned(16))) uint4 {
    unsigned int x, y, z, w;
} uint4;

typedef struct dim3 {
    unsigned int x, y, z;
#ifdef __cplusplus
    constexpr dim3(unsigned int x_ = 1, unsigned int y_ = 1, unsigned int z_ = 1) : x(x_), y(y_), z(z_) {}
    constexpr dim3(uint3 v) : x(v.x), y(v.y), z(v.z) {}
    constexpr operator uint3() const {
        return uint3{x, y, z};
    }
#endif
} dim3;

#endif
