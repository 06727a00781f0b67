/* fourier: the error on the data set's grid, mode by mode. The sums are made on the host in float64, from one
 * table of cosines and sines an axis: the error is small beside what was computed to get it. */
#include <math.h>
#include <stdlib.h>

#include "observe/observer.h"
#include "observe/wave.h"

typedef struct fourier {
    gn_observer base;
    int rank;
    size_t grid[2]; /* n0 x n1; 1-D: 1 x n */
    size_t modes;
    gn_array residual; /* N */
    double *error;     /* N: the same on the host */
    gn_wave *table[2]; /* n0 and n1: exp(-2 pi i j / n) */
    gn_wave *rows;     /* n0 x (modes + 1): the rows' transforms */
    double *values;    /* modes + 1 */
} fourier;

/* ---- transforms ---- */

/* sum_j e_j exp(-2 pi i j k / n) of a column: e_j is e[j * stride]. */
static gn_wave transform_complex(const gn_wave *e, size_t stride, const gn_wave *table, size_t n, size_t k) {
    gn_wave sum = {0, 0};
    for (size_t j = 0, turn = 0; j < n; j++, turn = (turn + k) % n) {
        const gn_wave a = e[j * stride], b = table[turn];
        sum.cosine += a.cosine * b.cosine - a.sine * b.sine;
        sum.sine += a.cosine * b.sine + a.sine * b.cosine;
    }
    return sum;
}

/* Amplitudes of the real waves: two coefficients a mode, but one at 0 and at n/2. */
static void find_modes(fourier *f) {
    const size_t n = f->grid[1];
    for (size_t k = 0; k <= f->modes; k++) {
        const gn_wave sum = gn_wave_transform(f->error, f->table[1], n, k);
        const double factor = k == 0 || 2 * k == n ? 1 : 2;
        f->values[k] = factor / (double)n * hypot(sum.cosine, sum.sine);
    }
}

/* |E_kl| = |E_-k,-l|, the error being real: columns l > 0 stand for -l as well, but l = n/2 is its own. */
static void find_shells(fourier *f) {
    const size_t n0 = f->grid[0], n1 = f->grid[1], width = f->modes + 1;
    const double points = (double)n0 * (double)n1;
    for (size_t j = 0; j < n0; j++)
        for (size_t l = 0; l <= f->modes; l++)
            f->rows[j * width + l] = gn_wave_transform(f->error + j * n1, f->table[1], n1, l);
    for (size_t shell = 0; shell <= f->modes; shell++)
        f->values[shell] = 0;
    for (size_t k = 0; k < n0; k++) {
        const size_t frequency = k <= n0 - k ? k : n0 - k;
        for (size_t l = 0; l <= f->modes && frequency <= f->modes; l++) {
            const gn_wave sum = transform_complex(f->rows + l, width, f->table[0], n0, k);
            const double weight = l == 0 || 2 * l == n1 ? 1 : 2;
            const double square = sum.cosine * sum.cosine + sum.sine * sum.sine;
            f->values[frequency > l ? frequency : l] += weight * square / (points * points);
        }
    }
    for (size_t shell = 0; shell <= f->modes; shell++)
        f->values[shell] = sqrt(f->values[shell]);
}

/* ---- the observer ---- */

static gn_status observe_fourier(gn_observer *observer, uint64_t step, const gn_array *theta,
                                 gn_linearization *training, const gn_observation_sink *sink) {
    (void)theta;
    fourier *f = (fourier *)observer;
    const size_t points = f->grid[0] * f->grid[1], length = f->modes + 1;
    if (gn_linearization_rows(training) != points)
        return gn_fail(observer->context, GN_ERROR_SHAPE,
                       "fourier: the grid has %zu points, the linearization %zu residuals; its batch must be "
                       "the whole training set",
                       points, gn_linearization_rows(training));
    GN_TRY(gn_linearization_residual(training, &f->residual));
    GN_TRY(gn_array_read(&f->residual, f->error, points));
    if (f->rank == 1)
        find_modes(f);
    else
        find_shells(f);
    return sink->write(sink->user, observer->kind->name, step, f->rank == 1 ? "mode" : "shell", 1, &length,
                       f->values);
}

static void release_fourier(gn_observer *observer) {
    fourier *f = (fourier *)observer;
    gn_buffer_destroy(&f->residual);
    free(f->error);
    free(f->table[0]);
    free(f->table[1]);
    free(f->rows);
    free(f->values);
}

static const gn_observer_kind fourier_kind = {
    .name = "fourier", .needs_training = true, .observe = observe_fourier, .release = release_fourier};

/* ---- creation ---- */

static gn_status check(gn_context *context, const gn_dataset *dataset, size_t modes) {
    const size_t outputs = gn_array_length(dataset->targets, 1);
    if (dataset->grid_rank != 1 && dataset->grid_rank != 2)
        return gn_fail(context, GN_ERROR_UNSUPPORTED,
                       "fourier: the training inputs are no periodic grid; leave this observer out, or take "
                       "multi_sine_1d, step_2d or evenly spaced inputs");
    if (outputs != 1)
        return gn_fail(context, GN_ERROR_UNSUPPORTED, "fourier: the data have %zu outputs; it observes one",
                       outputs);
    for (int axis = 0; axis < dataset->grid_rank; axis++)
        if (modes > dataset->grid[axis] / 2)
            return gn_fail(context, GN_ERROR_ARGUMENT,
                           "fourier: modes is %zu, but a grid of %zu points an axis has no more than %zu",
                           modes, dataset->grid[axis], dataset->grid[axis] / 2);
    return GN_OK;
}

static gn_status prepare(fourier *f, const gn_dataset *dataset, size_t modes) {
    gn_context *context = f->base.context;
    f->rank = dataset->grid_rank;
    f->grid[0] = f->rank == 1 ? 1 : dataset->grid[0];
    f->grid[1] = f->rank == 1 ? dataset->grid[0] : dataset->grid[1];
    f->modes = modes;
    const size_t points = f->grid[0] * f->grid[1];
    f->error = calloc(points, sizeof(*f->error));
    f->table[0] = gn_wave_table(f->grid[0]);
    f->table[1] = gn_wave_table(f->grid[1]);
    f->rows = calloc(f->grid[0] * (modes + 1), sizeof(*f->rows));
    f->values = calloc(modes + 1, sizeof(*f->values));
    if (!f->error || !f->table[0] || !f->table[1] || !f->rows || !f->values)
        return gn_fail(context, GN_ERROR_MEMORY, "fourier: no host memory for a grid of %zu points", points);
    return gn_buffer_create(context, &f->residual, gn_array_dtype(dataset->targets), points, 1,
                            "the error that fourier observes");
}

gn_status gn_observer_create_fourier(gn_context *context, const gn_dataset *dataset, size_t modes,
                                     gn_schedule schedule, gn_observer **observer) {
    void *created;
    *observer = NULL;
    GN_TRY(check(context, dataset, modes));
    GN_TRY(gn_observer_allocate(context, &fourier_kind, sizeof(fourier), schedule, &created));
    gn_status status = prepare(created, dataset, modes);
    if (status == GN_OK)
        *observer = created;
    else
        gn_observer_destroy(created);
    return status;
}
