/* Linear maps as solvers see them. */
#ifndef GN_SOLVE_OPERATOR_H
#define GN_SOLVE_OPERATOR_H

#include "backend/context.h"

/* A maps n values to m; a symmetric one has m = n and no transpose. x and y are device pointers to whole
 * rows, which do not overlap. Solvers record these calls (backend/program.h): they only give the device work,
 * and the same rows and pointers always mean the same calls to the table. */
typedef struct gn_operator {
    /* y (rows x m) = A x (rows x n), each row by itself */
    gn_status (*apply)(void *user, size_t rows, const void *x, void *y);
    /* y (rows x n) = A' x (rows x m) */
    gn_status (*apply_transpose)(void *user, size_t rows, const void *x, void *y);
    void *user;
} gn_operator;

#endif
