#include "problem_test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

void expect_failure(gn_context *context, gn_status got, gn_status wanted, const char *part, const char *file,
                    int line) {
    const char *message = gn_error_message(context);
    cr_assert(got == wanted, "%s:%d: \"%s\" instead of \"%s\" (%s)", file, line, gn_status_text(got),
              gn_status_text(wanted), message);
    cr_assert(strstr(message, part), "%s:%d: the message \"%s\" lacks \"%s\"", file, line, message, part);
}

void expect_empty(gn_context *context, const gn_dataset *dataset) {
    const gn_dataset empty = {0};
    cr_assert_eq(memcmp(dataset, &empty, sizeof(empty)), 0, "a failure left something in the data set");
    cr_assert_eq(gn_context_allocated(context), 0u, "a failure left %zu bytes allocated",
                 gn_context_allocated(context));
}

char *path_in(const char *folder, const char *name) {
    const size_t size = strlen(folder) + strlen(name) + 2;
    char *path = malloc(size);
    cr_assert_not_null(path);
    snprintf(path, size, "%s/%s", folder, name);
    return path;
}

void write_bytes(const char *path, const void *bytes, size_t count, bool gzip) {
    gzFile file = gzopen(path, gzip ? "wb" : "wbT");
    cr_assert_not_null(file);
    cr_assert(count == 0 || gzwrite(file, bytes, (unsigned)count) == (int)count);
    cr_assert_eq(gzclose(file), Z_OK);
}

void write_array(hid_t file, const char *name, int rank, const hsize_t *shape, hid_t type,
                 const void *values) {
    hid_t space = rank > 0 ? H5Screate_simple(rank, shape, NULL) : H5Screate(H5S_SCALAR);
    hid_t links = H5Pcreate(H5P_LINK_CREATE);
    cr_assert_geq(H5Pset_create_intermediate_group(links, 1), 0);
    hid_t array = H5Dcreate2(file, name, type, space, links, H5P_DEFAULT, H5P_DEFAULT);
    cr_assert_geq(array, 0);
    if (values)
        cr_assert_geq(H5Dwrite(array, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values), 0);
    H5Dclose(array);
    H5Pclose(links);
    H5Sclose(space);
}
