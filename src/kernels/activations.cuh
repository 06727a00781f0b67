/* Activations at x, one type a kind: value and slope, and, where these are known (v, s), the second and third
 * derivative, and the fourth where the second (p) is known as well. No fast mathematics: CUDA's own functions
 * are within a few ulp. */
#ifndef GN_KERNELS_ACTIVATIONS_CUH
#define GN_KERNELS_ACTIVATIONS_CUH

#include "launch.cuh"

__device__ inline float exponential(float x) {
    return expf(x);
}
__device__ inline double exponential(double x) {
    return exp(x);
}
__device__ inline float error_function(float x) {
    return erff(x);
}
__device__ inline double error_function(double x) {
    return erf(x);
}
__device__ inline float log_one_plus(float x) {
    return log1pf(x);
}
__device__ inline double log_one_plus(double x) {
    return log1p(x);
}
__device__ inline float hyperbolic_tangent(float x) {
    return tanhf(x);
}
__device__ inline double hyperbolic_tangent(double x) {
    return tanh(x);
}
__device__ inline void sine_cosine(float x, float *s, float *c) {
    sincosf(x, s, c);
}
__device__ inline void sine_cosine(double x, double *s, double *c) {
    sincos(x, s, c);
}

struct identity_function {
    template <class T> __device__ static void at(T x, T *value, T *slope) {
        *value = x;
        *slope = 1;
    }

    template <class T> __device__ static void curve(T, T, T, T *second, T *third) {
        *second = *third = 0;
    }

    template <class T> __device__ static T fourth(T, T, T, T) {
        return 0;
    }
};

struct tanh_function {
    template <class T> __device__ static void at(T x, T *value, T *slope) {
        const T t = hyperbolic_tangent(x);
        *value = t;
        *slope = 1 - t * t;
    }

    template <class T> __device__ static void curve(T, T v, T s, T *second, T *third) {
        *second = -2 * v * s;
        *third = s * (6 * v * v - 2);
    }

    template <class T> __device__ static T fourth(T, T v, T, T p) {
        return p * (12 * v * v - 8);
    }
};

struct relu_function {
    template <class T> __device__ static void at(T x, T *value, T *slope) {
        *value = x < 0 ? 0 : x; /* NaN stays */
        *slope = x > 0 ? 1 : 0;
    }

    template <class T> __device__ static void curve(T, T, T, T *second, T *third) {
        *second = *third = 0;
    }

    template <class T> __device__ static T fourth(T, T, T, T) {
        return 0;
    }
};

/* x Phi(x). Beyond 40 Phi is 0 or 1 and the density 0; the clamps keep inf * 0 away. */
struct gelu_function {
    template <class T> __device__ static void at(T x, T *value, T *slope) {
        const T above = x < -40 ? -40 : x, inside = above > 40 ? 40 : above;
        const T cumulative = (T)0.5 + (T)0.5 * error_function(x * (T)0.70710678118654752440);
        const T density = (T)0.39894228040143267794 * exponential((T)-0.5 * inside * inside);
        *value = above * cumulative;
        *slope = cumulative + inside * density;
    }

    template <class T> __device__ static void curve(T x, T, T, T *second, T *third) {
        const T above = x < -40 ? -40 : x, inside = above > 40 ? 40 : above, square = inside * inside;
        const T density = (T)0.39894228040143267794 * exponential((T)-0.5 * square);
        *second = density * (2 - square);
        *third = density * inside * (square - 4);
    }

    template <class T> __device__ static T fourth(T x, T, T, T) {
        const T above = x < -40 ? -40 : x, inside = above > 40 ? 40 : above, square = inside * inside;
        const T density = (T)0.39894228040143267794 * exponential((T)-0.5 * square);
        return density * (square * (7 - square) - 4);
    }
};

struct sin_function {
    template <class T> __device__ static void at(T x, T *value, T *slope) {
        sine_cosine(x, value, slope);
    }

    template <class T> __device__ static void curve(T, T v, T s, T *second, T *third) {
        *second = -v;
        *third = -s;
    }

    template <class T> __device__ static T fourth(T, T v, T, T) {
        return v;
    }
};

/* exp of -|x| alone, so that nothing overflows. */
struct sigmoid_function {
    template <class T> __device__ static void at(T x, T *value, T *slope) {
        const T e = exponential(x < 0 ? x : -x), inverse = 1 / (1 + e);
        *value = x < 0 ? e * inverse : inverse;
        *slope = e * inverse * inverse;
    }

    template <class T> __device__ static void curve(T, T v, T s, T *second, T *third) {
        *second = s * (1 - 2 * v);
        *third = s * (1 - 6 * s);
    }

    template <class T> __device__ static T fourth(T, T, T s, T p) {
        return p * (1 - 12 * s);
    }
};

struct softplus_function {
    template <class T> __device__ static void at(T x, T *value, T *slope) {
        const T e = exponential(x < 0 ? x : -x), inverse = 1 / (1 + e);
        *value = (x < 0 ? 0 : x) + log_one_plus(e);
        *slope = x < 0 ? e * inverse : inverse;
    }

    template <class T> __device__ static void curve(T x, T, T s, T *second, T *third) {
        T value, slope;
        sigmoid_function::at(x, &value, &slope);
        *second = slope; /* afresh: 1 - s has no digits far above 0 */
        *third = slope * (1 - 2 * s);
    }

    template <class T> __device__ static T fourth(T, T, T, T p) {
        return p * (1 - 6 * p);
    }
};

struct quadratic_function {
    template <class T> __device__ static void at(T x, T *value, T *slope) {
        *value = x * x;
        *slope = 2 * x;
    }

    template <class T> __device__ static void curve(T, T, T, T *second, T *third) {
        *second = 2;
        *third = 0;
    }

    template <class T> __device__ static T fourth(T, T, T, T) {
        return 0;
    }
};

/* Calls function<T, the activation's type>: `kind` is the value of a gn_activation. */
#define BY_ACTIVATION(kind, T, function, ...)                                                                \
    ((kind) == 0   ? function<T, identity_function>(__VA_ARGS__)                                             \
     : (kind) == 1 ? function<T, tanh_function>(__VA_ARGS__)                                                 \
     : (kind) == 2 ? function<T, relu_function>(__VA_ARGS__)                                                 \
     : (kind) == 3 ? function<T, gelu_function>(__VA_ARGS__)                                                 \
     : (kind) == 4 ? function<T, sin_function>(__VA_ARGS__)                                                  \
     : (kind) == 5 ? function<T, sigmoid_function>(__VA_ARGS__)                                              \
     : (kind) == 6 ? function<T, softplus_function>(__VA_ARGS__)                                             \
     : (kind) == 7 ? function<T, quadratic_function>(__VA_ARGS__)                                            \
                   : GN_ERROR_ARGUMENT)

#endif
