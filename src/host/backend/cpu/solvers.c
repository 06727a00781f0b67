/* Iterations of CG and LSMR: vectors row by row, and what the scalars decide. */
#include <math.h>

#include "backend/cpu/cpu.h"
#include "backend/cpu/threads.h"

/* Row i of a matrix of rows of n elements; NULL stays. */
static void *row_of(gn_dtype type, const void *x, size_t i, size_t n) {
    return x ? (char *)x + i * n * gn_cpu_element(type) : NULL;
}

static double squared_norm(const gn_cpu_kernels *k, size_t n, const void *x) {
    double total;
    GN_CPU_REDUCE(n, (double)n * 0.4, total, begin, end, k->dot(begin, end, x, x));
    return total;
}

static double largest_of(size_t count, const double *values) {
    double largest = 0;
    for (size_t i = 0; i < count; i++)
        largest = fmax(largest, values[i]);
    return largest;
}

/* ---- CG: decisions ---- */

/* Whether the last k steps gained less than k times the rule's progress. */
static bool gains_too_little(const gn_solve_rule *rule, const gn_cg_row *row, const double *models,
                             size_t kept) {
    const size_t i = (size_t)row->iterations, k = i / 10 > 10 ? i / 10 : 10;
    if (i <= k || !(row->model < 0))
        return false;
    return (row->model - models[(i - k) % kept]) / row->model < (double)k * rule->progress;
}

static gn_stop cg_verdict(const gn_solve_rule *rule, const gn_cg_row *row, const double *models,
                          size_t kept) {
    if (!isfinite(row->residual_squared))
        return GN_STOP_NOT_FINITE;
    if (row->residual_squared <= row->goal || row->residual_largest <= rule->absolute)
        return GN_STOP_CONVERGED;
    if (gains_too_little(rule, row, models, kept))
        return GN_STOP_MODEL_PROGRESS;
    return row->iterations < rule->limit ? GN_STOP_NONE : GN_STOP_ITERATIONS;
}

/* Why the step along p cannot be taken. */
static gn_stop cg_fault(const gn_cg_row *row) {
    if (!isfinite(row->rho) || !isfinite(row->curvature))
        return GN_STOP_NOT_FINITE;
    if (row->rho <= 0)
        return GN_STOP_BREAKDOWN;
    if (row->curvature <= 0)
        return GN_STOP_NEGATIVE_CURVATURE;
    return isfinite(row->rho / row->curvature) ? GN_STOP_NONE : GN_STOP_BREAKDOWN;
}

static void count_running_cg(gn_cg_slots slots, size_t rows) {
    double running = 0;
    for (size_t i = 0; i < rows; i++)
        running += slots.rows[i].reason == GN_STOP_NONE;
    *slots.flag = running;
}

/* ---- CG: rows ---- */

/* Writes the residual and its sums: r'r, x'(b + r). */
static void begin_row(const gn_cpu_kernels *k, size_t n, double mu, const void *ax, void *x, void *r,
                      double sums[2], double *largest) {
    const size_t block = gn_cpu_block(n), blocks = (n + block - 1) / block;
    double partial[GN_CPU_BLOCKS][2], most[GN_CPU_BLOCKS];
    GN_CPU_SPLIT(
        blocks, 1, 1, (double)n * 0.8, first, last, for (size_t b = first; b < last; b++) {
            const size_t end = (b + 1) * block < n ? (b + 1) * block : n;
            k->cg_begin(b * block, end, mu, ax, x, r, partial[b], &most[b]);
        });
    sums[0] = sums[1] = 0;
    for (size_t b = 0; b < blocks; b++) {
        sums[0] += partial[b][0];
        sums[1] += partial[b][1];
    }
    *largest = largest_of(blocks, most);
}

static gn_status cpu_cg_begin(void *state, gn_dtype type, size_t rows, size_t n, const void *ax, void *x,
                              void *r, gn_cg_slots slots) {
    const gn_cpu_kernels *k = gn_cpu_kernels_of(state, type);
    for (size_t i = 0; i < rows; i++) {
        const gn_solve_rule *rule = &slots.rules[i];
        void *xi = row_of(type, x, i, n), *ri = row_of(type, r, i, n);
        const double square = squared_norm(k, n, ri);
        const void *product = square == 0 ? NULL : row_of(type, ax, i, n);
        double sums[2], largest;
        begin_row(k, n, rule->damping, product, xi, ri, sums, &largest);
        gn_cg_row *row = &slots.rows[i];
        *row = (gn_cg_row){.goal = rule->relative * rule->relative * square,
                           .rho = sums[0],
                           .rho_before = INFINITY,
                           .residual_squared = sums[0],
                           .residual_largest = largest,
                           .model = -0.5 * sums[1]};
        slots.models[i * slots.kept] = row->model;
        row->reason = cg_verdict(rule, row, slots.models + i * slots.kept, slots.kept);
    }
    count_running_cg(slots, rows);
    return GN_OK;
}

static gn_status cpu_cg_direction(void *state, gn_dtype type, size_t rows, size_t n, const void *r,
                                  const void *z, void *p, gn_cg_slots slots) {
    const gn_cpu_kernels *k = gn_cpu_kernels_of(state, type);
    for (size_t i = 0; i < rows; i++) {
        gn_cg_row *row = &slots.rows[i];
        const void *ri = row_of(type, r, i, n), *zi = row_of(type, z, i, n);
        void *pi = row_of(type, p, i, n);
        if (row->reason != GN_STOP_NONE)
            continue;
        if (z != r)
            GN_CPU_REDUCE(n, (double)n * 0.4, row->rho, begin, end, k->dot(begin, end, ri, zi));
        const double beta = row->rho / row->rho_before;
        GN_CPU_SPLIT(n, 64, 1, (double)n * 0.5, begin, end, k->axpby(begin, end, 1, zi, beta, pi));
    }
    return GN_OK;
}

static double step_row(const gn_cpu_kernels *k, size_t n, double alpha, double mu, const void *p,
                       const void *q, void *x, void *r, double *largest) {
    const size_t block = gn_cpu_block(n), blocks = (n + block - 1) / block;
    double squares[GN_CPU_BLOCKS], most[GN_CPU_BLOCKS], sum = 0;
    GN_CPU_SPLIT(
        blocks, 1, 1, (double)n * 0.9, first, last, for (size_t b = first; b < last; b++) {
            const size_t end = (b + 1) * block < n ? (b + 1) * block : n;
            squares[b] = k->cg_step(b * block, end, alpha, mu, p, q, x, r, &most[b]);
        });
    for (size_t b = 0; b < blocks; b++)
        sum += squares[b];
    *largest = largest_of(blocks, most);
    return sum;
}

static void take_step(const gn_cpu_kernels *k, size_t n, const gn_solve_rule *rule, gn_cg_row *row,
                      double *models, size_t kept, const void *p, const void *q, void *x, void *r) {
    const double mu = rule->damping, alpha = row->rho / row->curvature;
    row->residual_squared = step_row(k, n, alpha, mu, p, q, x, r, &row->residual_largest);
    row->iterations += 1;
    row->model -= 0.5 * alpha * row->rho;
    row->rho_before = row->rho;
    row->rho = row->residual_squared;
    row->reason = cg_verdict(rule, row, models, kept);
    models[(size_t)row->iterations % kept] = row->model;
}

static gn_status cpu_cg_step(void *state, gn_dtype type, size_t rows, size_t n, const void *p, const void *q,
                             void *x, void *r, gn_cg_slots slots) {
    const gn_cpu_kernels *k = gn_cpu_kernels_of(state, type);
    for (size_t i = 0; i < rows; i++) {
        const gn_solve_rule *rule = &slots.rules[i];
        gn_cg_row *row = &slots.rows[i];
        const void *pi = row_of(type, p, i, n), *qi = row_of(type, q, i, n);
        if (row->reason != GN_STOP_NONE)
            continue;
        GN_CPU_REDUCE(n, (double)n * 0.4, row->curvature, begin, end,
                      k->cg_curvature(begin, end, rule->damping, pi, qi));
        row->reason = cg_fault(row);
        if (row->reason == GN_STOP_NONE)
            take_step(k, n, rule, row, slots.models + i * slots.kept, slots.kept, pi, qi,
                      row_of(type, x, i, n), row_of(type, r, i, n));
    }
    count_running_cg(slots, rows);
    return GN_OK;
}

/* ---- LSMR ---- */

/* 1 / length, and 0 where a vector has come to its end. */
static double inverse(double length) {
    return length == 0 ? 0 : 1 / length;
}

/* y = a product + b y and its norm; b = 0 does not read y. */
static double combine(const gn_cpu_kernels *k, size_t n, double a, const void *product, double b, void *y) {
    GN_CPU_SPLIT(n, 64, 1, (double)n * 0.5, begin, end, k->axpby(begin, end, a, product, b, y));
    return sqrt(squared_norm(k, n, y));
}

static gn_status cpu_lsmr_left(void *state, gn_dtype type, size_t rows, size_t m, const void *product,
                               void *u, gn_lsmr_slots slots) {
    const gn_cpu_kernels *k = gn_cpu_kernels_of(state, type);
    for (size_t i = 0; i < rows; i++) {
        gn_lsmr_row *row = &slots.rows[i];
        void *ui = row_of(type, u, i, m);
        if (!product)
            *row = (gn_lsmr_row){.iterations = -1, .alpha = INFINITY, .beta = sqrt(squared_norm(k, m, ui))};
        else if (row->reason == GN_STOP_NONE)
            row->beta = combine(k, m, inverse(row->alpha), row_of(type, product, i, m),
                                -row->alpha * inverse(row->beta), ui);
    }
    return GN_OK;
}

static gn_stop lsmr_verdict(const gn_solve_rule *rule, const gn_lsmr_row *row) {
    if (!isfinite(row->residual) || !isfinite(row->x_scale))
        return GN_STOP_NOT_FINITE;
    if (row->residual <= row->goal || row->residual <= rule->absolute)
        return GN_STOP_CONVERGED;
    return row->iterations < rule->limit ? GN_STOP_NONE : GN_STOP_ITERATIONS;
}

static void lsmr_start(const gn_solve_rule *rule, gn_lsmr_row *row) {
    row->residual = row->zeta_bar = row->alpha * row->beta;
    row->goal = rule->relative * row->residual;
    row->alpha_bar = row->alpha;
    row->rho = row->rho_bar = row->c_bar = 1;
}

/* With beta and alpha of this pass: the two rotations, and the scales of the update. */
static void lsmr_rotate(const gn_solve_rule *rule, gn_lsmr_row *row) {
    const double rho_before = row->rho, rho_bar_before = row->rho_bar;
    const double alpha_hat = hypot(row->alpha_bar, sqrt(rule->damping));
    row->rho = hypot(alpha_hat, row->beta);
    const double c = alpha_hat / row->rho, s = row->beta / row->rho;
    const double theta = s * row->alpha, theta_bar = row->s_bar * row->rho, rho_temp = row->c_bar * row->rho;
    row->alpha_bar = c * row->alpha;
    row->rho_bar = hypot(rho_temp, theta);
    row->c_bar = rho_temp / row->rho_bar;
    row->s_bar = theta / row->rho_bar;
    const double zeta = row->c_bar * row->zeta_bar;
    row->zeta_bar *= -row->s_bar;
    row->residual = fabs(row->zeta_bar);
    row->hbar_scale = -theta_bar * row->rho / (rho_before * rho_bar_before);
    row->x_scale = zeta / (row->rho * row->rho_bar);
    row->h_scale = -theta / row->rho;
}

static gn_status cpu_lsmr_right(void *state, gn_dtype type, size_t rows, size_t n, const void *product,
                                void *v, gn_lsmr_slots slots) {
    const gn_cpu_kernels *k = gn_cpu_kernels_of(state, type);
    for (size_t i = 0; i < rows; i++) {
        const gn_solve_rule *rule = &slots.rules[i];
        gn_lsmr_row *row = &slots.rows[i];
        if (row->reason != GN_STOP_NONE)
            continue;
        row->alpha = combine(k, n, inverse(row->beta), row_of(type, product, i, n),
                             -row->beta * inverse(row->alpha), row_of(type, v, i, n));
        row->iterations += 1;
        if (row->iterations == 0)
            lsmr_start(rule, row);
        else
            lsmr_rotate(rule, row);
        row->decided = lsmr_verdict(rule, row);
        if (row->decided == GN_STOP_NOT_FINITE) /* without the update */
            row->reason = GN_STOP_NOT_FINITE;
    }
    return GN_OK;
}

static void update_row(const gn_cpu_kernels *k, size_t n, gn_lsmr_row *row, const void *v, void *h,
                       void *hbar, void *x) {
    const double scale = inverse(row->alpha);
    if (row->iterations == 0) {
        GN_CPU_SPLIT(n, 64, 1, (double)n * 1.0, begin, end, {
            k->axpby(begin, end, scale, v, 0, h);
            k->fill(begin, end, 0, hbar);
            k->fill(begin, end, 0, x);
        });
    } else if (row->reason == GN_STOP_NONE) {
        GN_CPU_SPLIT(n, 64, 1, (double)n * 1.0, begin, end,
                     k->lsmr_update(begin, end, scale, row, v, h, hbar, x));
    }
    if (row->reason == GN_STOP_NONE)
        row->reason = row->decided;
}

static gn_status cpu_lsmr_update(void *state, gn_dtype type, size_t rows, size_t n, const void *v, void *h,
                                 void *hbar, void *x, gn_lsmr_slots slots) {
    const gn_cpu_kernels *k = gn_cpu_kernels_of(state, type);
    double running = 0;
    for (size_t i = 0; i < rows; i++) {
        update_row(k, n, &slots.rows[i], row_of(type, v, i, n), row_of(type, h, i, n),
                   row_of(type, hbar, i, n), row_of(type, x, i, n));
        running += slots.rows[i].reason == GN_STOP_NONE;
    }
    *slots.flag = running;
    return GN_OK;
}

void gn_cpu_solver_entries(gn_backend *table) {
    table->cg_begin = cpu_cg_begin;
    table->cg_direction = cpu_cg_direction;
    table->cg_step = cpu_cg_step;
    table->lsmr_left = cpu_lsmr_left;
    table->lsmr_right = cpu_lsmr_right;
    table->lsmr_update = cpu_lsmr_update;
}
