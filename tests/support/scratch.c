#define _GNU_SOURCE /* nftw */
#include "scratch.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>

#include <criterion/criterion.h>

void scratch_create(char *path, size_t size) {
    const char *parent = getenv("TMPDIR");
    const int length = snprintf(path, size, "%s/gnewt-test-XXXXXX", parent ? parent : "/tmp");
    cr_assert(length > 0 && (size_t)length < size);
    cr_assert_not_null(mkdtemp(path), "no folder could be made at %s", path);
}

static int remove_entry(const char *path, const struct stat *info, int type, struct FTW *walk) {
    (void)info;
    (void)type;
    (void)walk;
    return remove(path);
}

void scratch_remove(const char *path) {
    nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}
