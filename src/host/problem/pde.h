/* Boundary value problems as data sets: what every PDE of problem/ is made with. */
#ifndef GN_PROBLEM_PDE_H
#define GN_PROBLEM_PDE_H

#include "gnewt/problem.h"

/* A parameter of the texts. */
typedef struct gn_pde_parameter {
    const char *name;
    double value;
} gn_pde_parameter;

enum { GN_PDE_PARAMETERS = 8 }; /* at most */

/* gn_dataset_pde() with parameters (ended by name NULL) in the texts; `kind` begins messages. */
gn_status gn_dataset_pde_of(gn_context *context, gn_dtype dtype, const char *kind, const gn_pde *pde,
                            const gn_pde_parameter *parameters, const gn_pde_points *points,
                            gn_dataset *dataset);

#endif
