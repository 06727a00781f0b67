/* What the data sets share: memory asked for ahead, and arrays that are filled piece by piece. */
#ifndef GN_PROBLEM_DATASET_H
#define GN_PROBLEM_DATASET_H

#include "backend/context.h"
#include "gnewt/problem.h"

/* Samples (N), test samples (N'), features and outputs (C); test_samples 0: no test set. */
typedef struct gn_dataset_shape {
    size_t samples, test_samples, features, outputs;
} gn_dataset_shape;

/* A new data set with undefined arrays of this shape, all rank 2. MEMORY, naming `what` and the sizes, before
 * anything is allocated. On failure *dataset is zeroed. */
gn_status gn_dataset_allocate(gn_context *context, gn_dtype dtype, const gn_dataset_shape *shape,
                              const char *what, gn_dataset *dataset);

/* Makes `rows` rows from row `first` on: values is rows x columns, row-major. */
typedef gn_status (*gn_rows_function)(void *user, size_t first, size_t rows, double *values);

/* Fills the array (rank 2) from row 0 up. The host holds one piece at a time, however large the array. */
gn_status gn_dataset_fill(gn_array *array, gn_rows_function make, void *user);

/* Which of a data set's four arrays is being made, and the options of what makes it. */
typedef struct gn_dataset_part {
    const void *options;
    bool test, target;
} gn_dataset_part;

/* Fills all arrays there are; `make` gets a gn_dataset_part. */
gn_status gn_dataset_fill_parts(gn_dataset *dataset, gn_rows_function make, const void *options);

/* GN_OK where `kind` has points to train on; else an ARGUMENT that says so. */
gn_status gn_dataset_expect_points(gn_context *context, const char *kind, size_t points);

#endif
