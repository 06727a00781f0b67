/* idx: the digits that come with the project, small made-up sets, and every defect a file can have. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "problem_test.h"

#define DIGITS GNEWT_SOURCE_DIR "/experiments/data/digits"

enum { TRAIN_IMAGES, TRAIN_LABELS, TEST_IMAGES, TEST_LABELS };

typedef struct idx_fixture {
    gn_context *context;
    char folder[256];
    gn_idx_options options;
    gn_dataset dataset;
} idx_fixture;

static char *file_of(const idx_fixture *f, int which, bool gzip) {
    static const char *const names[] = {"train-images-idx3-ubyte", "train-labels-idx1-ubyte",
                                        "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"};
    char name[64];
    snprintf(name, sizeof(name), "%s%s", names[which], gzip ? ".gz" : "");
    return path_in(f->folder, name);
}

static void put(const idx_fixture *f, int which, const void *bytes, size_t count, bool gzip) {
    char *path = file_of(f, which, gzip);
    write_bytes(path, bytes, count, gzip);
    free(path);
}

/* Three training images and two test images of 1 x 2 pixels. */
static const unsigned char train_images[] = {0, 0, 8, 3, 0, 0, 0,   3, 0,  0,  0,
                                             1, 0, 0, 0, 2, 0, 255, 1, 51, 16, 128};
static const unsigned char train_labels[] = {0, 0, 8, 1, 0, 0, 0, 3, 2, 0, 1};
static const unsigned char test_images[] = {0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 2, 9, 8, 7, 6};
static const unsigned char test_labels[] = {0, 0, 8, 1, 0, 0, 0, 2, 3, 0};

static idx_fixture start(bool gzip) {
    idx_fixture f = {.context = device_open("check")};
    scratch_create(f.folder, sizeof(f.folder));
    put(&f, TRAIN_IMAGES, train_images, sizeof(train_images), gzip);
    put(&f, TRAIN_LABELS, train_labels, sizeof(train_labels), gzip);
    put(&f, TEST_IMAGES, test_images, sizeof(test_images), gzip);
    put(&f, TEST_LABELS, test_labels, sizeof(test_labels), gzip);
    return f;
}

static gn_status load(idx_fixture *f) {
    f->options.folder = f->options.folder ? f->options.folder : f->folder;
    f->options.maximum = f->options.maximum == 0 ? 255 : f->options.maximum;
    return gn_dataset_idx(f->context, GN_FLOAT64, &f->options, &f->dataset);
}

static void finish(idx_fixture *f) {
    gn_dataset_destroy(&f->dataset);
    expect_empty(f->context, &f->dataset);
    gn_context_destroy(f->context);
    scratch_remove(f->folder);
}

static void refuse(idx_fixture *f, gn_status status, const char *part) {
    FAILS(f->context, status, part, load(f));
    expect_empty(f->context, &f->dataset);
    finish(f);
}

static void expect_values(const gn_array *array, size_t rows, size_t columns, const double *wanted) {
    cr_assert_eq(gn_array_length(array, 0), rows);
    cr_assert_eq(gn_array_length(array, 1), columns);
    double *values = host_values(array);
    for (size_t i = 0; i < rows * columns; i++)
        cr_assert(values[i] == wanted[i], "value %zu is %g instead of %g", i, values[i], wanted[i]);
    free(values);
}

/* ---- what is read ---- */

static void check_small(bool gzip) {
    static const double one_hot[] = {0, 0, 1, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1, 1, 0, 0, 0};
    const double scale = 1.0 / 255;
    const double pixels[] = {0 * scale, 255 * scale, 1 * scale, 51 * scale, 16 * scale, 128 * scale};
    idx_fixture f = start(gzip);
    OK(f.context, load(&f));
    cr_assert(f.dataset.labels);
    cr_assert_eq(f.dataset.grid_rank, 0);
    expect_values(f.dataset.inputs, 3, 2, pixels);
    expect_values(f.dataset.targets, 3, 4, one_hot); /* class 3 is in the test set alone */
    expect_values(f.dataset.test_targets, 2, 4, one_hot + 12);
    gn_dataset_destroy(&f.dataset);
    f.options.train_count = 2;
    f.options.test_count = 1;
    f.options.maximum = 16;
    OK(f.context, load(&f));
    expect_values(f.dataset.inputs, 2, 2, (double[]){0, 255 / 16.0, 1 / 16.0, 51 / 16.0});
    expect_values(f.dataset.targets, 2, 4, one_hot);
    expect_values(f.dataset.test_inputs, 1, 2, (double[]){9 / 16.0, 8 / 16.0});
    finish(&f);
}

Test(idx, plain_files_are_read) {
    check_small(false);
}

Test(idx, gzipped_files_are_read) {
    check_small(true);
}

Test(idx, the_digits_are_all_there) {
    idx_fixture f = start(false);
    f.options.folder = DIGITS;
    OK(f.context, load(&f));
    cr_assert_eq(gn_array_length(f.dataset.inputs, 0), 1000u);
    cr_assert_eq(gn_array_length(f.dataset.inputs, 1), 64u);
    cr_assert_eq(gn_array_length(f.dataset.targets, 1), 10u);
    cr_assert_eq(gn_array_length(f.dataset.test_inputs, 0), 797u);
    double *x = host_values(f.dataset.inputs), *y = host_values(f.dataset.targets), most = 0, each[10] = {0};
    for (size_t i = 0; i < 64000; i++) {
        cr_assert(x[i] >= 0 && x[i] <= 1);
        most = x[i] > most ? x[i] : most;
    }
    for (size_t i = 0; i < 10000; i++)
        each[i % 10] += y[i];
    cr_assert_eq(most, 1);
    for (int c = 0; c < 10; c++)
        cr_assert(each[c] > 80 && each[c] < 120, "class %d has %g images", c, each[c]);
    free(x);
    free(y);
    finish(&f);
}

/* ---- defects ---- */

static void replace(idx_fixture *f, int which, const unsigned char *bytes, size_t count, bool gzip) {
    char *path = file_of(f, which, gzip);
    cr_assert_eq(unlink(path), 0);
    free(path);
    if (bytes)
        put(f, which, bytes, count, gzip);
}

Test(idx, a_missing_file_is_named_with_all_that_are_needed) {
    idx_fixture f = start(true);
    replace(&f, TEST_LABELS, NULL, 0, true);
    refuse(&f, GN_ERROR_IO, "t10k-labels-idx1-ubyte[.gz]: No such file");
    f = start(false);
    f.options.folder = "/no/such/folder";
    refuse(&f, GN_ERROR_IO, "folder must hold the four files");
}

Test(idx, truncated_files_are_told) {
    for (int gzip = 0; gzip < 2; gzip++) {
        idx_fixture f = start(gzip);
        replace(&f, TRAIN_IMAGES, train_images, sizeof(train_images) - 1, gzip);
        refuse(&f, GN_ERROR_FORMAT, "truncated or damaged after 2 of 3 items");
        f = start(gzip);
        replace(&f, TEST_LABELS, test_labels, sizeof(test_labels) - 1, gzip);
        refuse(&f, GN_ERROR_FORMAT, "truncated or damaged after 1 of 2 items");
        f = start(gzip);
        replace(&f, TRAIN_IMAGES, train_images, 11, gzip);
        refuse(&f, GN_ERROR_FORMAT, "too short for an idx header: 11 of 16 bytes");
        f = start(gzip);
        replace(&f, TRAIN_LABELS, train_labels, 0, gzip);
        refuse(&f, GN_ERROR_FORMAT, "too short for an idx header: 0 of 8 bytes");
    }
}

Test(idx, a_gzip_file_that_was_cut_is_told) {
    idx_fixture f = start(true);
    unsigned char noise[5000], image[5016] = {0, 0, 8, 3, 0, 0, 0, 3, 0, 0, 0, 1, 0, 0, 6, 0x82};
    uint32_t words[4];
    for (size_t i = 0; i < sizeof(noise); i++) {
        gn_philox(1, 0, i, words);
        noise[i] = (unsigned char)words[0];
    }
    memcpy(image + 16, noise, sizeof(noise));
    replace(&f, TRAIN_IMAGES, image, 16 + 3 * 0x682, true); /* 3 images of 1 x 1666 */
    char *path = file_of(&f, TRAIN_IMAGES, true);
    cr_assert_eq(truncate(path, 3000), 0);
    free(path);
    replace(&f, TEST_IMAGES, image, 16 + 3 * 0x682, true);
    replace(&f, TEST_LABELS, train_labels, sizeof(train_labels), true);
    refuse(&f, GN_ERROR_FORMAT, "truncated or damaged after 1 of 3 items");
}

Test(idx, files_with_more_than_they_promise_are_told) {
    unsigned char longer[64] = {0};
    idx_fixture f = start(false);
    memcpy(longer, train_labels, sizeof(train_labels));
    replace(&f, TRAIN_LABELS, longer, sizeof(train_labels) + 1, false);
    refuse(&f, GN_ERROR_FORMAT, "holds more than the 3 items");
    f = start(false);
    memcpy(longer, train_images, sizeof(train_images));
    replace(&f, TRAIN_IMAGES, longer, sizeof(train_images) + 1, false);
    refuse(&f, GN_ERROR_FORMAT, "holds more than the 3 items");
}

Test(idx, a_wrong_magic_is_shown) {
    idx_fixture f = start(false);
    replace(&f, TRAIN_IMAGES, test_labels, sizeof(test_labels), false);
    refuse(&f, GN_ERROR_FORMAT, "too short");
    f = start(false);
    replace(&f, TRAIN_LABELS, train_images, sizeof(train_images), false);
    refuse(&f, GN_ERROR_FORMAT, "is no idx file of labels: it begins with 00000803 instead of 00000801");
    f = start(false);
    replace(&f, TRAIN_IMAGES, (const unsigned char *)"\x89HDF\r\n\x1a\n and so on...", 21, false);
    refuse(&f, GN_ERROR_FORMAT, "is no idx file of images: it begins with 89484446 instead of 00000803");
}

Test(idx, labels_and_images_must_agree) {
    idx_fixture f = start(false);
    replace(&f, TEST_LABELS, train_labels, sizeof(train_labels), false);
    refuse(&f, GN_ERROR_FORMAT, "one label an image");
    f = start(true);
    replace(&f, TRAIN_LABELS, test_labels, sizeof(test_labels), true);
    refuse(&f, GN_ERROR_FORMAT, "holds 2 labels");
}

Test(idx, both_sets_must_have_images_of_one_size) {
    unsigned char other[sizeof(test_images)];
    idx_fixture f = start(false);
    memcpy(other, test_images, sizeof(other));
    other[15] = 1;
    replace(&f, TEST_IMAGES, other, sizeof(other) - 2, false);
    refuse(&f, GN_ERROR_FORMAT, "images of 2 pixels");
}

Test(idx, empty_files_are_told) {
    unsigned char none[sizeof(train_images)];
    idx_fixture f = start(false);
    memcpy(none, train_images, sizeof(none));
    none[7] = 0;
    replace(&f, TRAIN_IMAGES, none, 16, false);
    refuse(&f, GN_ERROR_FORMAT, "is empty");
}

Test(idx, counts_beyond_the_file_are_refused) {
    idx_fixture f = start(false);
    f.options.train_count = 4;
    refuse(&f, GN_ERROR_ARGUMENT, "train_count is 4, but");
    f = start(false);
    f.options.test_count = SIZE_MAX;
    refuse(&f, GN_ERROR_ARGUMENT, "holds 2 images");
}

Test(idx, a_header_that_promises_more_than_memory_is_refused) {
    unsigned char image[sizeof(train_images)];
    idx_fixture f = start(false);
    memcpy(image, train_images, sizeof(image));
    memset(image + 8, 0xff, 8); /* 2^64 pixels an image */
    replace(&f, TRAIN_IMAGES, image, sizeof(image), false);
    memcpy(image, test_images, 8);
    replace(&f, TEST_IMAGES, image, sizeof(image), false);
    refuse(&f, GN_ERROR_MEMORY, "EiB");
}

Test(idx, the_largest_pixel_must_be_positive) {
    static const double wrong[] = {-1, INFINITY, NAN};
    for (int i = 0; i < 3; i++) {
        idx_fixture f = start(false);
        f.options.maximum = wrong[i];
        refuse(&f, GN_ERROR_ARGUMENT, "maximum is");
    }
}
