/* Memory with a guard on either side. A guard is NaN to whoever reads it, with a payload that arithmetic does
 * not make, so that a write of NaN is seen as well. The records lie apart, where an overrun does not reach.
 */
#include <stdint.h>
#include <stdlib.h>

#include "backend/check/check.h"

enum { GUARD = 256 }; /* bytes on each side, a multiple of the alignment */
static const uint32_t guard_word = 0xFFF7A5C3u;

struct gn_check_block {
    gn_check_block *next;
    size_t number, bytes;
    unsigned char *data; /* GUARD bytes before it belong to it, and as many from its end on */
};

void gn_check_poison(void *memory, size_t bytes) {
    if (bytes)
        memset(memory, 0xFF, bytes);
}

/* The byte of a guard at `offset` from the guard's start. */
static unsigned char guard_byte(size_t offset) {
    return (unsigned char)(guard_word >> (8 * (offset % 4)));
}

static void set_guard(unsigned char *guard) {
    for (size_t i = 0; i < GUARD; i++)
        guard[i] = guard_byte(i);
}

gn_status gn_check_allocate(void *state, size_t bytes, void **pointer) {
    gn_check_state *check = state;
    gn_check_block *block = malloc(sizeof(*block));
    void *memory = NULL;
    *pointer = NULL;
    if (!block || bytes > SIZE_MAX - 2 * GUARD || posix_memalign(&memory, 64, bytes + 2 * GUARD) != 0) {
        free(block);
        return gn_cpu_fail(state, GN_ERROR_MEMORY, "%zu bytes could not be allocated", bytes);
    }
    *block = (gn_check_block){.next = check->blocks,
                              .number = ++check->made,
                              .bytes = bytes,
                              .data = (unsigned char *)memory + GUARD};
    set_guard(block->data - GUARD);
    set_guard(block->data + bytes);
    gn_check_poison(block->data, bytes);
    check->blocks = block;
    *pointer = block->data;
    return GN_OK;
}

/* Describes the first byte of `block`'s guards that was written to, nearest to the data. */
static gn_status check_block(gn_check_state *state, const gn_check_block *block) {
    for (size_t i = 0; i < GUARD; i++)
        if (block->data[block->bytes + i] != guard_byte(i)) {
            state->corrupted = true;
            return gn_cpu_fail(state, GN_ERROR_DEVICE,
                               "overrun: allocation %zu (%zu bytes) was written to %zu bytes after its end",
                               block->number, block->bytes, i);
        }
    for (size_t i = GUARD; i-- > 0;)
        if (block->data[(ptrdiff_t)i - GUARD] != guard_byte(i)) {
            state->corrupted = true;
            return gn_cpu_fail(
                state, GN_ERROR_DEVICE,
                "overrun: allocation %zu (%zu bytes) was written to %zu bytes before its start",
                block->number, block->bytes, (size_t)GUARD - i);
        }
    return GN_OK;
}

gn_status gn_check_guards(void *state) {
    gn_check_state *check = state;
    for (const gn_check_block *block = check->blocks; block; block = block->next)
        GN_TRY(check_block(check, block));
    if (check->corrupted)
        return gn_cpu_fail(state, GN_ERROR_DEVICE,
                           "overrun: memory freed since had been written to outside %s", "of its bounds");
    return GN_OK;
}

static void free_block(gn_check_block *block) {
    gn_check_poison(block->data, block->bytes); /* for those who still hold the pointer */
    free(block->data - GUARD);
    free(block);
}

gn_status gn_check_release(void *state, void *pointer) {
    gn_check_state *check = state;
    if (!pointer)
        return GN_OK;
    for (gn_check_block **link = &check->blocks; *link; link = &(*link)->next) {
        gn_check_block *block = *link;
        if (block->data != pointer)
            continue;
        const gn_status status = check_block(check, block);
        *link = block->next;
        free_block(block);
        return status;
    }
    return gn_cpu_fail(state, GN_ERROR_DEVICE,
                       "released memory that was not allocated here, or released twice");
}

void gn_check_release_all(gn_check_state *state) {
    while (state->blocks) {
        gn_check_block *block = state->blocks;
        state->blocks = block->next;
        free_block(block);
    }
}
