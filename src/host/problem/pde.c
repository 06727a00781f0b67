/* The points of a boundary value problem on a box: inside, on its sides, and a grid to measure the error on.
 * A row of the inputs is the two coordinates and the row's kind (network.h): 0 inside, 1 where u itself is
 * given. */
#include "problem/pde.h"

#include <math.h>
#include <stdlib.h>

#include "core/size.h"
#include "gnewt/random.h"
#include "problem/dataset.h"
#include "problem/expression.h"

/* A side of the box: where coordinate `axis` is at its low or high end. */
typedef struct side {
    int axis;
    bool high;
} side;

/* Going round; the last one is the end of time, where nothing is known. */
static const side sides[] = {{1, false}, {0, true}, {0, false}, {1, true}};

typedef struct problem {
    gn_context *context;
    const char *kind;
    const gn_pde *pde;
    const gn_pde_points *points;
    gn_expression residual, solution;
    size_t sides;     /* that have values */
    size_t columns;   /* of the lattice inside: interior = columns x rows */
    size_t test_side; /* points an axis of the test grid */
} problem;

/* ---- points ---- */

static double within(const problem *p, int axis, double part) {
    return p->pde->low[axis] + part * (p->pde->high[axis] - p->pde->low[axis]);
}

static void inner_point(const problem *p, size_t i, double part[2]) {
    const size_t columns = p->columns, rows = p->points->interior / columns;
    if (!p->points->grid) {
        gn_random_uniform(p->points->seed, GN_STREAM_DATA, 2 * (uint64_t)i, 2, 0, 1, part);
        return;
    }
    part[0] = (double)(i / rows + 1) / (double)(columns + 1);
    part[1] = (double)(i % rows + 1) / (double)(rows + 1);
}

/* Sides take turns. On a grid each side has its first corner and not its second, going round. */
static void outer_point(const problem *p, size_t i, double part[2]) {
    const side s = sides[i % p->sides];
    const size_t count = p->points->boundary / p->sides + (i % p->sides < p->points->boundary % p->sides);
    double along = (double)(i / p->sides) / (double)count;
    if (!p->points->grid)
        gn_random_uniform(p->points->seed, GN_STREAM_DATA, 2 * (uint64_t)p->points->interior + i, 1, 0, 1,
                          &along);
    else if (s.high == (s.axis == 1))
        along = 1 - along;
    part[s.axis] = s.high;
    part[1 - s.axis] = along;
}

static void test_point(const problem *p, size_t i, double part[2]) {
    const size_t n = p->test_side;
    part[0] = n > 1 ? (double)(i / n) / (double)(n - 1) : 0.5;
    part[1] = n > 1 ? (double)(i % n) / (double)(n - 1) : 0.5;
}

/* Coordinates and kind of row i. */
static void find_row(const gn_dataset_part *part, size_t i, double row[3]) {
    const problem *p = part->options;
    const bool inner = !part->test && i < p->points->interior;
    double at[2];
    if (part->test)
        test_point(p, i, at);
    else if (inner)
        inner_point(p, i, at);
    else
        outer_point(p, i - p->points->interior, at);
    row[0] = within(p, 0, at[0]);
    row[1] = within(p, 1, at[1]);
    row[2] = inner ? 0 : 1;
}

static gn_status make_rows(void *user, size_t first, size_t rows, double *values) {
    const gn_dataset_part *part = user;
    const problem *p = part->options;
    for (size_t i = 0; i < rows; i++) {
        double row[3];
        find_row(part, first + i, row);
        if (!part->target) {
            for (int k = 0; k < 3; k++)
                values[3 * i + k] = row[k];
            continue;
        }
        values[i] = row[2] == 0 ? 0 : gn_expression_evaluate(&p->solution, row, NULL);
        if (!isfinite(values[i]))
            return gn_fail(p->context, GN_ERROR_ARGUMENT, "%s: the solution is %g at (%g, %g)", p->kind,
                           values[i], row[0], row[1]);
    }
    return GN_OK;
}

/* N / n of the row's own group, so that the mean over all rows is the sum of both groups' means. */
static gn_status make_weights(void *user, size_t first, size_t rows, double *values) {
    const problem *p = user;
    const double all = (double)(p->points->interior + p->points->boundary);
    for (size_t i = 0; i < rows; i++)
        values[i] =
            all / (double)(first + i < p->points->interior ? p->points->interior : p->points->boundary);
    return GN_OK;
}

/* Rows of derivatives; what has none at some point is there all the same, for who does not ask. */
static gn_status make_slopes(void *user, size_t first, size_t rows, double *values) {
    const gn_dataset_part part = {.options = user, .test = true};
    const problem *p = user;
    for (size_t i = 0; i < rows; i++) {
        double row[3];
        find_row(&part, first + i, row);
        for (int axis = 0; axis < 2; axis++)
            values[2 * i + (size_t)axis] = gn_expression_derivative(&p->solution, row, axis);
    }
    return GN_OK;
}

/* ---- creation ---- */

static gn_status check(const problem *p) {
    const gn_pde *pde = p->pde;
    for (int axis = 0; axis < 2; axis++)
        if (!(pde->low[axis] < pde->high[axis]) || !isfinite(pde->high[axis] - pde->low[axis]))
            return gn_fail(p->context, GN_ERROR_ARGUMENT,
                           "%s: %s goes from %g to %g; the second must be larger", p->kind, pde->axes[axis],
                           pde->low[axis], pde->high[axis]);
    if (p->points->interior == 0 || p->points->boundary == 0)
        return gn_fail(p->context, GN_ERROR_ARGUMENT,
                       "%s: %zu points inside and %zu on the boundary; give at least one of each", p->kind,
                       p->points->interior, p->points->boundary);
    return GN_OK;
}

static gn_status parse(problem *p, const gn_pde_parameter *parameters) {
    const char *names[GN_PDE_PARAMETERS];
    double values[GN_PDE_PARAMETERS];
    gn_expression_names known = {.axes = 2, .axis = p->pde->axes, .parameter = names, .value = values};
    for (; parameters && parameters->name && known.parameters < GN_PDE_PARAMETERS; parameters++) {
        names[known.parameters] = parameters->name;
        values[known.parameters++] = parameters->value;
    }
    GN_TRY(gn_expression_parse(p->context, "the solution", p->pde->solution, &known, &p->solution));
    known.unknown = true;
    return gn_expression_parse(p->context, "the residual", p->pde->residual, &known, &p->residual);
}

/* The largest divisor of n that is not above its root. */
static size_t lattice_columns(size_t n) {
    size_t columns = 1;
    for (size_t k = 1; k <= n / k; k++)
        if (n % k == 0)
            columns = k;
    return columns;
}

static gn_status fill(problem *p, gn_dtype dtype, gn_dataset *dataset) {
    const size_t rows = p->points->interior + p->points->boundary;
    dataset->residual = malloc(sizeof(p->residual));
    if (!dataset->residual)
        return gn_fail(p->context, GN_ERROR_MEMORY, "%s: no host memory for the residual", p->kind);
    *dataset->residual = p->residual;
    dataset->boundary = p->points->boundary;
    GN_TRY(gn_array_create(p->context, dtype, 1, &rows, &dataset->weights));
    gn_array column = gn_array_view(p->context, dtype, rows, 1, dataset->weights->data);
    GN_TRY(gn_dataset_fill(&column, make_weights, p));
    if (dataset->test_inputs) {
        const size_t slopes[] = {gn_array_length(dataset->test_inputs, 0), 2};
        GN_TRY(gn_array_create(p->context, dtype, 2, slopes, &dataset->test_slopes));
        GN_TRY(gn_dataset_fill(dataset->test_slopes, make_slopes, p));
    }
    return gn_dataset_fill_parts(dataset, make_rows, p);
}

gn_status gn_dataset_pde_of(gn_context *context, gn_dtype dtype, const char *kind, const gn_pde *pde,
                            const gn_pde_parameter *parameters, const gn_pde_points *points,
                            gn_dataset *dataset) {
    problem p = {.context = context,
                 .kind = kind,
                 .pde = pde,
                 .points = points,
                 .sides = pde->evolves ? 3 : 4,
                 .test_side = points->test_points};
    gn_dataset_shape shape = {.features = 3, .outputs = 1};
    *dataset = (gn_dataset){0};
    GN_TRY(check(&p));
    GN_TRY(parse(&p, parameters));
    p.columns = lattice_columns(points->interior);
    if (!gn_size_add(points->interior, points->boundary, &shape.samples))
        shape.samples = SIZE_MAX; /* refused below, with a size that says enough */
    if (!gn_size_multiply(points->test_points, points->test_points, &shape.test_samples))
        shape.test_samples = SIZE_MAX;
    GN_TRY(gn_dataset_allocate(context, dtype, &shape, kind, dataset));
    const gn_status status = fill(&p, dtype, dataset);
    if (status != GN_OK)
        gn_dataset_destroy(dataset);
    return status;
}

gn_status gn_dataset_pde(gn_context *context, gn_dtype dtype, const gn_pde *pde, const gn_pde_points *points,
                         gn_dataset *dataset) {
    return gn_dataset_pde_of(context, dtype, "pde_2d", pde, NULL, points, dataset);
}
