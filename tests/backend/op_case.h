/* One list of cases drives the contract suite of the backends, and may drive their benchmark: a case knows
 * how to prepare its operands on a device, to call the entry, and what a plain loop in double makes of them.
 */
#ifndef GN_TESTS_BACKEND_OP_CASE_H
#define GN_TESTS_BACKEND_OP_CASE_H

#include "backend/context.h"

enum { MOST_OPERANDS = 8 };

/* An expected value that stands for "anything": what the contract leaves undefined. */
#define ANYTHING 0x1p1000

typedef struct op_run op_run;

/* One entry of the table. */
typedef struct op_family {
    const char *entry;
    void (*prepare)(op_run *run);
    gn_status (*call)(op_run *run);
    void (*expect)(op_run *run); /* turns the operands' host values into what they must be afterwards */
    bool library;                /* the sums are a library's: bits may depend on its threads */
} op_family;

/* What m, n, k, r, the flags and the scalars mean is the family's. */
typedef struct op_case {
    const op_family *family;
    size_t m, n, k, r;
    size_t t;   /* positions; 0 means 1 */
    size_t pad; /* elements between rows: ld = columns + pad */
    bool transpose_a, transpose_b, flag, alias;
    int kind;
    double alpha, beta, gamma, delta;
} op_case;

/* A matrix on the device with the values that it must have there. Between its rows lies NaN. */
typedef struct operand {
    gn_dtype dtype;
    size_t rows, columns, ld;
    double *host;     /* rows x columns */
    gn_array buffer;  /* rows x ld */
    double tolerance; /* of the largest absolute value; 0: the same value exactly */
} operand;

struct op_run {
    const op_case *c;
    gn_context *context;
    gn_dtype dtype;
    double epsilon; /* of the type */
    int count;
    operand x[MOST_OPERANDS];
    uint32_t *index; /* a host copy, where a case needs indices */
    gn_array index_buffer;
    uint64_t drawn;
};

/* ---- for families ---- */

/* Each adds an operand and returns its host values: uniform in [low, high), rounded to the type; */
double *add_uniform(op_run *run, size_t rows, size_t columns, size_t pad, double low, double high);
/* given ones; */
double *add_values(op_run *run, size_t rows, size_t columns, size_t pad, const double *values);
/* or NaN, which nobody may read: */
double *add_output(op_run *run, size_t rows, size_t columns, size_t pad);
/* float64 scalars, NaN or the given one. */
double *add_slots(op_run *run, size_t count);
double *add_scalar(op_run *run, double value);
/* Or a matrix of given ones. */
double *add_doubles(op_run *run, size_t rows, size_t columns, const double *values);

/* Device pointer and row distance of operand i. */
void *device_pointer(const op_run *run, int i);
size_t row_distance(const op_run *run, int i);
/* What operand i holds on the device now, rows x columns, for the caller to free. */
double *fetch(op_run *run, int i);
/* `count` rounding errors of the type, as operand i's tolerance. */
void allow(op_run *run, int i, double count);

/* ---- for whoever runs cases ---- */

/* Prepares; the operands depend on the case and the type alone. */
void run_begin(op_run *run, gn_context *context, gn_dtype dtype, const op_case *c);
/* Compares every operand, and what lies between rows, with the host values; fails the running test. */
void run_compare(op_run *run);
/* The bytes of all operands, for the caller to free; *size is their number. */
unsigned char *run_bytes(op_run *run, size_t *size);
void run_end(op_run *run);
/* "gemm m=3 n=31 ..." */
const char *case_text(const op_case *c, gn_dtype dtype, char *text, size_t size);

/* All cases; *count is their number. The list is the caller's to free. */
op_case *op_cases(size_t *count);

/* A list under construction. */
typedef struct case_list {
    op_case *cases;
    size_t count, capacity;
} case_list;

void add_case(case_list *list, op_case c);
/* Positions of a case. */
static inline size_t positions_of(const op_case *c) {
    return c->t ? c->t : 1;
}
/* Sizes that are not multiples of anything; the last one is large enough for several threads. */
extern const size_t awkward[];
enum { AWKWARD = 8 };

/* Each file of families adds its cases. */
void add_device_cases(case_list *list);
void add_vector_cases(case_list *list);
void add_product_cases(case_list *list);
void add_dense_cases(case_list *list);
void add_network_cases(case_list *list);
void add_gram_cases(case_list *list);
void add_update_cases(case_list *list);
void add_sequence_cases(case_list *list);
void add_class_cases(case_list *list);
void add_cg_cases(case_list *list);
void add_lsmr_cases(case_list *list);
void add_program_cases(case_list *list);

#endif
