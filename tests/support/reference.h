/* The committed reference values (tests/reference/README.md) and the network each file is about. */
#ifndef GN_TESTS_REFERENCE_H
#define GN_TESTS_REFERENCE_H

#include "mlp_case.h"

/* Names of the network cases; *count is their number. */
const char *const *reference_names(size_t *count);

/* Array `path` of case `name` as doubles, for the caller to free; NULL where the file has none. *count is
 * set. */
double *reference_array(const char *name, const char *path, size_t *count);
/* A numeric attribute of an object ("/" for the file); fails the test where absent. */
double reference_attribute(const char *name, const char *object, const char *attribute);

/* The case's network at its params on its data, float64. */
mlp_fixture reference_setup(const char *device, const char *name);

/* The same for the transformers of make_transformer.py; with cross-entropy where the file has targets. */
const char *const *transformer_names(size_t *count);
mlp_fixture transformer_setup(const char *device, const char *name);

/* The same for a file without attributes of its shape: its name and all but the samples are the case's. */
mlp_fixture reference_setup_as(const char *device, const mlp_case *from);

/* Fails unless `found` agrees: largest difference over largest reference value. */
void expect_reference(const char *name, const char *path, const double *found, size_t count,
                      double tolerance);

#endif
