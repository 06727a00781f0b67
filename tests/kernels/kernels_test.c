/* Buffers, comparison, and the passes. */
#include "kernels_test.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef GN_HOST_CUDA
#include "host_cuda_control.h"
#endif

enum { TRAIL = 5, MOST_BUFFERS = 16, PATTERN = 0xA5, TICKET_BYTES = 1024 };

test_state test;
const size_t awkward[] = {0, 1, 3, 31, 33, 1000};

static buffer buffers[MOST_BUFFERS];
static int buffer_count;
static char case_name[200];
static uint64_t drawn;          /* numbers of this case */
static uint64_t *hashes;        /* of each case, from the first pass */
static size_t hash_count, next; /* case of this pass */

/* ---- checks ---- */

void check(bool condition, const char *what) {
    if (condition)
        return;
    if (test.failures++ < 20)
        fprintf(stderr, "%s (%s%s): failed: %s\n", case_name, test.type == F64 ? "float64" : "float32",
                test.lead ? ", unaligned" : "", what);
}

void begin_case(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(case_name, sizeof case_name, format, arguments);
    va_end(arguments);
    buffer_count = 0;
    drawn = 0;
    test.cases++;
}

/* ---- buffers ---- */

static size_t size_of(const buffer *b) {
    return b->type == F64 ? 8 : 4;
}

static size_t elements_of(const buffer *b) {
    return b->lead + b->rows * b->ld + TRAIL;
}

static double get(const buffer *b, const void *image, size_t i) {
    return b->type == F64 ? ((const double *)image)[i] : (double)((const float *)image)[i];
}

static void put(const buffer *b, void *image, size_t i, double value) {
    if (b->type == F64)
        ((double *)image)[i] = value;
    else
        ((float *)image)[i] = (float)value;
}

bool large_cases(void) {
    return !SLOW && test.type == F32 && test.lead == 1;
}

double rounded(double value) {
    return test.type == F64 ? value : (double)(float)value;
}

static buffer *create(int type, size_t rows, size_t columns, size_t pad) {
    buffer *b = &buffers[buffer_count++];
    *b = (buffer){.type = type, .rows = rows, .columns = columns, .ld = columns + pad, .lead = test.lead};
    b->host = malloc((rows * columns + 1) * sizeof(double));
    CUDA(cudaMalloc(&b->device, elements_of(b) * size_of(b)));
    return b;
}

static buffer *upload(buffer *b) {
    const size_t bytes = elements_of(b) * size_of(b);
    void *image = malloc(bytes);
    memset(image, PATTERN, bytes);
    for (size_t i = 0; i < b->rows; i++)
        for (size_t j = 0; j < b->columns; j++)
            put(b, image, b->lead + i * b->ld + j, b->host[i * b->columns + j]);
    CUDA(cudaMemcpyAsync(b->device, image, bytes, cudaMemcpyHostToDevice, test.stream));
    CUDA(cudaStreamSynchronize(test.stream));
    free(image);
    return b;
}

/* In [0, 1): splitmix64 of the case's own counter, so that a case draws the same in every pass. */
static double draw(void) {
    uint64_t z = ++drawn * 0x9E3779B97F4A7C15u;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return (double)((z ^ (z >> 31)) >> 11) * 0x1p-53;
}

buffer *uniform(size_t rows, size_t columns, size_t pad, double low, double high) {
    buffer *b = create(test.type, rows, columns, pad);
    for (size_t i = 0; i < rows * columns; i++)
        b->host[i] = rounded(low + (high - low) * draw());
    return upload(b);
}

buffer *output(size_t rows, size_t columns, size_t pad) {
    buffer *b = create(test.type, rows, columns, pad);
    for (size_t i = 0; i < rows * columns; i++)
        b->host[i] = NAN;
    return upload(b);
}

buffer *scalars(size_t count, double value) {
    buffer *b = create(F64, 1, count, 0);
    for (size_t i = 0; i < count; i++)
        b->host[i] = value;
    return upload(b);
}

buffer *given(size_t count, const double *values) {
    buffer *b = create(test.type, 1, count, 0);
    for (size_t i = 0; i < count; i++)
        b->host[i] = rounded(values[i]);
    return upload(b);
}

void *at(const buffer *b) {
    return (char *)b->device + b->lead * size_of(b);
}

/* ---- the end of a case ---- */

static void compare_value(const buffer *b, int number, size_t i, size_t j, double found, double allowed) {
    const double expected = b->host[i * b->columns + j];
    const bool same = isnan(expected) ? isnan(found) : found == expected || fabs(found - expected) <= allowed;
    char text[160];
    if (same || expected == ANYTHING)
        return;
    snprintf(text, sizeof text, "buffer %d [%zu, %zu] is %.17g, expected %.17g", number, i, j, found,
             expected);
    check(false, text);
}

static bool untouched(const buffer *b, const unsigned char *image, size_t from, size_t to) {
    for (size_t k = from * size_of(b); k < to * size_of(b); k++)
        if (image[k] != PATTERN)
            return false;
    return true;
}

static void compare(const buffer *b, int number, const unsigned char *image) {
    double largest = 1; /* what goes in is of the order of 1, and terms may cancel */
    for (size_t k = 0; k < b->rows * b->columns; k++)
        if (b->host[k] != ANYTHING && isfinite(b->host[k]))
            largest = fmax(largest, fabs(b->host[k]));
    const double allowed = b->tolerance * (b->type == F64 ? 0x1p-52 : 0x1p-23) * largest;
    CHECK(untouched(b, image, 0, b->lead));
    for (size_t i = 0; i < b->rows; i++) {
        const size_t row = b->lead + i * b->ld;
        for (size_t j = 0; j < b->columns; j++)
            compare_value(b, number, i, j, get(b, image, row + j), allowed);
        CHECK(untouched(b, image, row + b->columns, row + b->ld));
    }
    CHECK(untouched(b, image, b->lead + b->rows * b->ld, elements_of(b)));
}

static uint64_t hash(uint64_t h, const unsigned char *image, size_t bytes) {
    for (size_t k = 0; k < bytes; k++)
        h = (h ^ image[k]) * 0x100000001B3u;
    return h;
}

static void check_hash(uint64_t h) {
    if (test.first) {
        if (hash_count % 1024 == 0)
            hashes = realloc(hashes, (hash_count + 1024) * sizeof *hashes);
        hashes[hash_count++] = h;
    } else
        check(hashes[next] == h, "the same bits in every pass");
    next++;
}

/* Tickets are back at 0 after every case. */
static void check_scratch(void) {
    unsigned char tickets[TICKET_BYTES], zero[TICKET_BYTES] = {0};
    CUDA(cudaMemcpy(tickets, (char *)test.scratch + GN_CUDA_SCRATCH_BYTES - TICKET_BYTES, TICKET_BYTES,
                    cudaMemcpyDeviceToHost));
    CHECK(memcmp(tickets, zero, TICKET_BYTES) == 0);
}

void end_case(void) {
    uint64_t h = 0xCBF29CE484222325u;
    CUDA(cudaStreamSynchronize(test.stream));
    for (int number = 0; number < buffer_count; number++) {
        buffer *b = &buffers[number];
        const size_t bytes = elements_of(b) * size_of(b);
        unsigned char *image = malloc(bytes);
        CUDA(cudaMemcpy(image, b->device, bytes, cudaMemcpyDeviceToHost));
        compare(b, number, image);
        h = hash(h, image, bytes);
        free(image);
        free(b->host);
        CUDA(cudaFree(b->device));
    }
    check_hash(h);
    check_scratch();
}

/* ---- passes ---- */

/* `typed`: for each type, aligned and not; under TSan float32 is unaligned and float64 is not. */
static const struct family {
    const char *name;
    void (*run)(void);
    bool typed;
} families[] = {
    {"vectors", test_vectors, true},     {"reduce", test_reduce, true},   {"loss", test_loss, true},
    {"dense", test_dense, true},         {"network", test_network, true}, {"gram", test_gram, true},
    {"optimizer", test_optimizer, true}, {"random", test_random, true},   {"solvers", test_solvers, true},
    {"loop", test_loop, false},          {"errors", test_errors, false}};

static void run_family(const struct family *family) {
    for (test.type = family->typed ? F32 : F64; test.type <= F64; test.type++)
        for (test.lead = 0; test.lead <= (family->typed ? 1 : 0); test.lead++)
            if (!SLOW || !family->typed || (test.lead == 1) == (test.type == F32))
                family->run();
}

static bool chosen(const char *name, int argc, char **argv) {
    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], name) == 0)
            return true;
    return argc <= 1;
}

static void pass(int number, int argc, char **argv) {
#ifdef GN_HOST_CUDA
    static const enum host_cuda_order orders[] = {HOST_CUDA_FORWARD, HOST_CUDA_REVERSE, HOST_CUDA_RANDOM};
    host_cuda_set_order(orders[number], 7);
#endif
    test.first = number == 0;
    next = 0;
    for (size_t i = 0; i < sizeof families / sizeof families[0]; i++)
        if (chosen(families[i].name, argc, argv))
            run_family(&families[i]);
}

/* test-kernels [FAMILY]... */
int main(int argc, char **argv) {
#ifdef GN_HOST_CUDA
    host_cuda_require_launch_checks(1);
#endif
    int count = 0;
    if (cudaGetDeviceCount(&count) != cudaSuccess || count == 0) {
        fprintf(stderr, "no CUDA device\n");
        return getenv("GNEWT_REQUIRE_DEVICES") ? 1 : 77;
    }
    CUDA(cudaStreamCreateWithFlags(&test.stream, cudaStreamNonBlocking));
    CUDA(cudaMalloc(&test.scratch, GN_CUDA_SCRATCH_BYTES));
    CUDA(cudaMemset(test.scratch, 0, GN_CUDA_SCRATCH_BYTES));
    CUDA(cudaDeviceSynchronize());
    for (int number = 0; number < (SLOW ? 1 : 3); number++) /* races show in any order */
        pass(number, argc, argv);
    CUDA(cudaFree(test.scratch));
    CUDA(cudaStreamDestroy(test.stream));
    free(hashes);
#ifdef GN_HOST_CUDA
    check(host_cuda_violations() == 0, "no access outside an allocation, no leak");
    check(host_cuda_live_objects() == 0, "everything released");
#endif
    printf("%lu cases, %lu failures\n", test.cases, test.failures);
    return test.failures != 0;
}
