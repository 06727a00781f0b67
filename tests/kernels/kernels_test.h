/* Tests of the launchers in src/kernels against plain loops. The same program runs on a GPU, and on the CPU
 * over the host shim (GN_HOST_CUDA), which also varies the order of threads and finds accesses outside
 * allocations.
 *
 * A case makes buffers, calls launchers, turns the buffers' host values into what must come out, and ends:
 * then every buffer is compared, with the memory around it. All cases run several times, in several orders of
 * threads, and must give the same bits each time. */
#ifndef GN_TESTS_KERNELS_TEST_H
#define GN_TESTS_KERNELS_TEST_H

#include "kernels.h"

enum { F32 = 0, F64 = 1 };

/* rows x columns elements on the device, rows ld apart. What lies before, between and after holds a pattern.
 */
typedef struct buffer {
    int type;
    size_t rows, columns, ld, lead;
    double *host;     /* rows x columns, tightly packed */
    void *device;     /* of the allocation */
    double tolerance; /* in rounding errors of the type at the largest value; 0: exact */
} buffer;

/* An expected value that stands for "anything". */
#define ANYTHING 0x1p1000

/* What all cases share: set by main. */
typedef struct test_state {
    int type;    /* of the buffers */
    size_t lead; /* elements before each buffer: 1 makes it unaligned */
    bool first;  /* pass */
    cudaStream_t stream;
    void *scratch; /* GN_CUDA_SCRATCH_BYTES */
    unsigned long failures, cases;
} test_state;
extern test_state test;

/* Sizes that are not multiples of anything; under TSan, where a thread costs much, only the small ones. */
extern const size_t awkward[];
#ifdef __SANITIZE_THREAD__
enum { AWKWARD = 5, SLOW = 1 };
#else
enum { AWKWARD = 6, SLOW = 0 };
#endif
/* Whether to run the cases that fill a grid: float32, one element an access. */
bool large_cases(void);
#define FOR_AWKWARD(n) for (size_t at_##n = 0, n; at_##n < AWKWARD && (n = awkward[at_##n], true); at_##n++)

__attribute__((format(printf, 1, 2))) void begin_case(const char *format, ...);
void end_case(void);

/* Uniform values, rounded to the type; NaN for outputs; float64 scalars, each with the given value. */
buffer *uniform(size_t rows, size_t columns, size_t pad, double low, double high);
buffer *output(size_t rows, size_t columns, size_t pad);
buffer *scalars(size_t count, double value);
/* A vector of `count` given values. */
buffer *given(size_t count, const double *values);
/* Host values that were changed go to the device. */
void reload(buffer *b);
void *at(const buffer *b);
double rounded(double value); /* to the type of the pass */

void check(bool condition, const char *what);
#define CHECK(condition) check(condition, #condition)
#define OK(call)         check((call) == GN_OK, #call)
#define CUDA(call)       check((call) == cudaSuccess, #call)

/* ---- the families ---- */
void test_vectors(void);
void test_reduce(void);
void test_loss(void);
void test_sequences(void);
void test_dense(void);
void test_network(void);
void test_gram(void);
void test_jets(void);
void test_optimizer(void);
void test_random(void);
void test_solvers(void);
void test_loop(void);
void test_errors(void);

#endif
