/* First-order updates: one pass over the parameters, bound by memory.
 *
 * The rate and the clock live in device memory, so that a captured graph of a step can be replayed while they
 * change. s is 4 or 8 bytes. */
#include "launch.cuh"

/* ---- sgd_update: reads 3 s, writes 2 s bytes a parameter; without a velocity reads 2 s, writes s ---- */

template <class T, int V>
__global__ void sgd_update_kernel(size_t p, T momentum, T decay, const double *rate, const T *__restrict__ g,
                                  T *__restrict__ v, T *__restrict__ theta) {
    const T step = (T)*rate;
    for_elements<V>(p, [&](size_t i, auto w) {
        constexpr int W = decltype(w)::value;
        pack<T, W> velocity = load<W>(g + i), weights = load<W>(theta + i);
        for (int k = 0; k < W; k++)
            velocity.at[k] += decay * weights.at[k];
        if (v) {
            const pack<T, W> old = load<W>(v + i);
            for (int k = 0; k < W; k++)
                velocity.at[k] += momentum * old.at[k];
            store<W>(v + i, velocity);
        }
        for (int k = 0; k < W; k++)
            weights.at[k] -= step * velocity.at[k];
        store<W>(theta + i, weights);
    });
}

template <class T>
static gn_status sgd_update(cudaStream_t stream, size_t p, double momentum, double decay, const double *rate,
                            const void *g, void *v, void *theta) {
    const bool packed = aligned(g, v, theta);
    if (p == 0)
        return GN_OK;
    LAUNCH_PACKED(packed, sgd_update_kernel, T, line_grid(packed ? p / PACK<T> : p, MOST_BLOCKS), THREADS,
                  stream, p, (T)momentum, (T)decay, rate, as<T>(g), as<T>(v), as<T>(theta));
    return launched();
}

gn_status gn_cuda_sgd_update(cudaStream_t stream, int type, size_t p, double momentum, double weight_decay,
                             const double *rate, const void *g, void *v, void *theta) {
    if (!v && momentum != 0)
        return GN_ERROR_ARGUMENT;
    return BY_TYPE(type, sgd_update, stream, p, momentum, weight_decay, rate, g, v, theta);
}

/* ---- adam_update: reads 4 s, writes 3 s bytes a parameter. D. Kingma and J. Ba, "Adam", ICLR 2015;
 * decoupled decay: I. Loshchilov and F. Hutter, ICLR 2019. ---- */

/* Blocks: about what is resident at once, because each pays for two powers first. */
constexpr unsigned ADAM_BLOCKS = 1024;

struct adam_rule {
    double beta1, beta2, epsilon, weight_decay;
    bool decoupled;
};

/* What the powers of beta make of this update's clock. */
template <class T> struct adam_step {
    T step;   /* rate / (1 - beta1^t) */
    T scale;  /* 1 / sqrt(1 - beta2^t) */
    T shrink; /* theta *= shrink first */
};

/* By one thread of each block. The block that is last to have read the clock raises it: no block can read it
 * raised, and no second launch is needed. */
template <class T>
__device__ static adam_step<T> adam_begin(adam_rule rule, double rate, double *clock, scratch_area *scratch) {
    const double t = *(const volatile double *)clock + 1;
    __threadfence(); /* read before the ticket is drawn */
    if (atomicInc(&scratch->ticket[1], gridDim.x - 1) == gridDim.x - 1) {
        __threadfence(); /* raised after all have read */
        *clock = t;
    }
    adam_step<T> now;
    now.step = (T)(rate / (1 - pow(rule.beta1, t)));
    now.scale = (T)(1 / sqrt(1 - pow(rule.beta2, t)));
    now.shrink = (T)(rule.decoupled ? 1 - rate * rule.weight_decay : 1);
    return now;
}

template <class T, int V>
__global__ void __launch_bounds__(THREADS)
    adam_update_kernel(size_t p, adam_rule rule, const double *rate, double *clock, const T *__restrict__ g,
                       T *__restrict__ m, T *__restrict__ v, T *__restrict__ theta, scratch_area *scratch) {
    SHARED(adam_step<T>, shared_step, );
    if (threadIdx.x == 0)
        shared_step = adam_begin<T>(rule, *rate, clock, scratch);
    __syncthreads();
    const adam_step<T> now = shared_step;
    const T beta1 = (T)rule.beta1, rest1 = (T)(1 - rule.beta1), beta2 = (T)rule.beta2,
            rest2 = (T)(1 - rule.beta2);
    const T coupled = rule.decoupled ? (T)0 : (T)rule.weight_decay, epsilon = (T)rule.epsilon;
    for_elements<V>(p, [&](size_t i, auto w) {
        constexpr int W = decltype(w)::value;
        pack<T, W> gradient = load<W>(g + i), first = load<W>(m + i), second = load<W>(v + i);
        pack<T, W> weights = load<W>(theta + i);
        for (int k = 0; k < W; k++) {
            gradient.at[k] += coupled * weights.at[k];
            first.at[k] = beta1 * first.at[k] + rest1 * gradient.at[k];
            second.at[k] = beta2 * second.at[k] + rest2 * gradient.at[k] * gradient.at[k];
            weights.at[k] = now.shrink * weights.at[k] -
                            now.step * first.at[k] / (sqrt(second.at[k]) * now.scale + epsilon);
        }
        store<W>(m + i, first);
        store<W>(v + i, second);
        store<W>(theta + i, weights);
    });
}

template <class T>
static gn_status adam_update(cudaStream_t stream, size_t p, adam_rule rule, const double *rate, double *clock,
                             const void *g, void *m, void *v, void *theta, void *scratch) {
    const bool packed = aligned(g, m, v, theta);
    LAUNCH_PACKED(packed, adam_update_kernel, T, line_grid(packed ? p / PACK<T> : p, ADAM_BLOCKS), THREADS,
                  stream, p, rule, rate, clock, as<T>(g), as<T>(m), as<T>(v), as<T>(theta),
                  scratch_of(scratch));
    return launched();
}

gn_status gn_cuda_adam_update(cudaStream_t stream, int type, size_t p, double beta1, double beta2,
                              double epsilon, double weight_decay, bool decoupled, const double *rate,
                              double *clock, const void *g, void *m, void *v, void *theta, void *scratch) {
    const adam_rule rule = {beta1, beta2, epsilon, weight_decay, decoupled};
    return BY_TYPE(type, adam_update, stream, p, rule, rate, clock, g, m, v, theta, scratch);
}
