/* One file in MNIST's idx format, plain or gzip, read from front to back. */
#ifndef GN_PROBLEM_IDX_FILE_H
#define GN_PROBLEM_IDX_FILE_H

#include <limits.h>
#include <zlib.h>

#include "backend/context.h"

typedef struct gn_idx_file {
    gn_context *context;
    char path[PATH_MAX];
    gzFile file;  /* NULL: closed */
    size_t items; /* images or labels that the header promises */
    size_t size;  /* bytes of one: pixels of an image, 1 for a label */
    size_t taken; /* bytes read after the header */
} gn_idx_file;

/* Opens folder/name, or else folder/name.gz; `rank` 3 for images, 1 for labels. IO where neither is there,
 * FORMAT where the header is not that of such a file. */
gn_status gn_idx_open(gn_context *context, const char *folder, const char *name, int rank, gn_idx_file *file);
void gn_idx_close(gn_idx_file *file);
/* The next `count` bytes. FORMAT where the file ends before. */
gn_status gn_idx_read(gn_idx_file *file, unsigned char *bytes, size_t count);
/* FORMAT unless the file ends here, intact. */
gn_status gn_idx_expect_end(gn_idx_file *file);

#endif
