/* The inside of the check backend: the CPU's table, with its own memory (memory.c) and, before each call, NaN
 * in the outputs that the call must not read (poison.c). */
#ifndef GN_BACKEND_CHECK_CHECK_H
#define GN_BACKEND_CHECK_CHECK_H

#include "backend/cpu/cpu.h"

typedef struct gn_check_block gn_check_block;

typedef struct gn_check_state {
    gn_cpu_state cpu; /* first: the CPU's functions take this state for theirs */
    gn_backend table; /* the CPU's */
    gn_check_block *blocks;
    size_t made;    /* allocations so far: their numbers */
    bool corrupted; /* an overrun was seen; it stays an error */
} gn_check_state;

/* memory.c */
gn_status gn_check_allocate(void *state, size_t bytes, void **pointer);
gn_status gn_check_release(void *state, void *pointer);
/* DEVICE, with the allocation's number and size, where any guard was written to. */
gn_status gn_check_guards(void *state);
/* Frees what is still held. */
void gn_check_release_all(gn_check_state *state);
/* Bytes that are NaN as float32 and float64. */
void gn_check_poison(void *memory, size_t bytes);

/* poison.c */
void gn_check_poison_entries(gn_backend *table);
/* The rows x columns elements of a matrix, and not what lies between its rows. */
void gn_check_poison_matrix(gn_dtype type, size_t rows, size_t columns, void *x, size_t ld);
/* poison_sequences.c */
void gn_check_poison_sequence_entries(gn_backend *table);

#endif
