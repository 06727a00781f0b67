/* idx: MNIST and what comes in its format, as pixels and one-hot labels. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "problem/dataset.h"
#include "problem/idx_file.h"

/* The images and labels of one set. */
typedef struct half {
    gn_idx_file images;
    unsigned char *labels; /* all of the file's, one an image */
    size_t count;          /* samples taken, the first ones */
    size_t classes;        /* one more than the largest label of the file */
    double scale;          /* of a pixel */
} half;

/* ---- labels ---- */

static gn_status read_labels(gn_context *context, gn_idx_file *file, half *set) {
    if (file->items != set->images.items)
        return gn_fail(context, GN_ERROR_FORMAT,
                       "%s holds %zu labels and %s holds %zu images; one label an image is needed",
                       file->path, file->items, set->images.path, set->images.items);
    set->labels = malloc(file->items);
    if (!set->labels)
        return gn_fail(context, GN_ERROR_MEMORY, "%s: no host memory for %zu labels", file->path,
                       file->items);
    GN_TRY(gn_idx_read(file, set->labels, file->items));
    GN_TRY(gn_idx_expect_end(file));
    for (size_t i = 0; i < file->items; i++)
        if (set->labels[i] >= set->classes)
            set->classes = (size_t)set->labels[i] + 1;
    return GN_OK;
}

/* ---- both files of a set ---- */

static gn_status open_half(gn_context *context, const gn_idx_options *options, bool test, half *set) {
    const char *images = test ? "t10k-images-idx3-ubyte" : "train-images-idx3-ubyte";
    const char *labels = test ? "t10k-labels-idx1-ubyte" : "train-labels-idx1-ubyte";
    const size_t asked = test ? options->test_count : options->train_count;
    gn_idx_file file;
    GN_TRY(gn_idx_open(context, options->folder, images, 3, &set->images));
    if (asked > set->images.items)
        return gn_fail(context, GN_ERROR_ARGUMENT, "%s is %zu, but %s holds %zu images; 0 takes all",
                       test ? "test_count" : "train_count", asked, set->images.path, set->images.items);
    set->count = asked > 0 ? asked : set->images.items;
    set->scale = 1 / options->maximum;
    GN_TRY(gn_idx_open(context, options->folder, labels, 1, &file));
    gn_status status = read_labels(context, &file, set);
    gn_idx_close(&file);
    return status;
}

static void close_half(half *set) {
    gn_idx_close(&set->images);
    free(set->labels);
}

/* ---- arrays ---- */

static gn_status make_pixels(void *user, size_t first, size_t rows, double *values) {
    (void)first; /* the file gives them in order */
    half *set = user;
    unsigned char bytes[4096];
    for (size_t done = 0, count = rows * set->images.size; done < count;) {
        const size_t length = count - done < sizeof(bytes) ? count - done : sizeof(bytes);
        GN_TRY(gn_idx_read(&set->images, bytes, length));
        for (size_t i = 0; i < length; i++)
            values[done + i] = bytes[i] * set->scale;
        done += length;
    }
    return GN_OK;
}

static gn_status make_one_hot(void *user, size_t first, size_t rows, double *values) {
    const half *set = user;
    memset(values, 0, rows * set->classes * sizeof(*values));
    for (size_t i = 0; i < rows; i++)
        values[i * set->classes + set->labels[first + i]] = 1;
    return GN_OK;
}

static gn_status fill_half(half *set, gn_array *inputs, gn_array *targets) {
    GN_TRY(gn_dataset_fill(inputs, make_pixels, set));
    GN_TRY(gn_dataset_fill(targets, make_one_hot, set));
    return set->count == set->images.items ? gn_idx_expect_end(&set->images) : GN_OK;
}

static gn_status load(gn_context *context, gn_dtype dtype, const gn_idx_options *options, half *train,
                      half *test, gn_dataset *dataset) {
    GN_TRY(open_half(context, options, false, train));
    GN_TRY(open_half(context, options, true, test));
    if (train->images.size != test->images.size)
        return gn_fail(context, GN_ERROR_FORMAT,
                       "%s holds images of %zu pixels and %s of %zu; they must be of one size",
                       train->images.path, train->images.size, test->images.path, test->images.size);
    if (train->classes < test->classes)
        train->classes = test->classes;
    test->classes = train->classes;
    const gn_dataset_shape shape = {train->count, test->count, train->images.size, train->classes};
    GN_TRY(gn_dataset_allocate(context, dtype, &shape, options->folder, dataset));
    dataset->labels = 1;
    GN_TRY(fill_half(train, dataset->inputs, dataset->targets));
    return fill_half(test, dataset->test_inputs, dataset->test_targets);
}

gn_status gn_dataset_idx(gn_context *context, gn_dtype dtype, const gn_idx_options *options,
                         gn_dataset *dataset) {
    memset(dataset, 0, sizeof(*dataset));
    if (!options->folder)
        return gn_fail(context, GN_ERROR_ARGUMENT, "idx: folder is not given");
    if (!(options->maximum > 0) || !isfinite(options->maximum))
        return gn_fail(context, GN_ERROR_ARGUMENT,
                       "idx: maximum is %g; give the largest pixel value, 255 for MNIST", options->maximum);
    half *sets = calloc(2, sizeof(*sets)); /* too large for the stack: paths are kept */
    if (!sets)
        return gn_fail(context, GN_ERROR_MEMORY, "idx: out of host memory");
    gn_status status = load(context, dtype, options, &sets[0], &sets[1], dataset);
    if (status != GN_OK)
        gn_dataset_destroy(dataset);
    close_half(&sets[0]);
    close_half(&sets[1]);
    free(sets);
    return status;
}
