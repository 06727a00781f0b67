/* Steps of conjugate gradients between the products with A. Bound by memory: a step reads p, q, x, r, writes
 * x, r, and reads p, q once more for the curvature; a direction reads z, p (and r), writes p. Rows that are
 * small are one block's, and then an entry is one launch; larger ones take one more for the sum that comes
 * first. */
#include "rows.cuh"

typedef gn_cuda_cg_row cg_row;
typedef gn_cuda_cg_slots cg_slots;

/* ---- decisions, by one thread ---- */

/* Whether the last k steps gained less than k times the rule's progress. */
__device__ static bool gains_too_little(double progress, const cg_row &w, const double *models, size_t kept) {
    const size_t i = (size_t)w.iterations, k = i / 10 > 10 ? i / 10 : 10;
    if (i <= k || !(w.model < 0))
        return false;
    return (w.model - models[(i - k) % kept]) / w.model < (double)k * progress;
}

__device__ static gn_stop verdict(const gn_cuda_solve_rule &rule, const cg_row &w, const double *models,
                                  size_t kept) {
    if (!isfinite(w.residual_squared))
        return GN_STOP_NOT_FINITE;
    if (w.residual_squared <= w.goal || w.residual_largest <= rule.absolute)
        return GN_STOP_CONVERGED;
    if (gains_too_little(rule.progress, w, models, kept))
        return GN_STOP_MODEL_PROGRESS;
    return w.iterations < rule.limit ? GN_STOP_NONE : GN_STOP_ITERATIONS;
}

/* Why the step along p cannot be taken. */
__device__ static gn_stop fault_of(const cg_row &w) {
    if (!isfinite(w.rho) || !isfinite(w.curvature))
        return GN_STOP_NOT_FINITE;
    if (w.rho <= 0)
        return GN_STOP_BREAKDOWN;
    if (w.curvature <= 0)
        return GN_STOP_NEGATIVE_CURVATURE;
    return isfinite(w.rho / w.curvature) ? GN_STOP_NONE : GN_STOP_BREAKDOWN;
}

/* Writes row number `row`, the residual being what a new solve begins with. */
__device__ static void begin_row(const cg_slots &slots, size_t row, double square, double residual,
                                 double products, double largest) {
    const gn_cuda_solve_rule rule = slots.rules[row];
    double *models = slots.models + row * slots.kept;
    cg_row w = {};
    w.goal = rule.relative * rule.relative * square;
    w.rho = w.residual_squared = residual;
    w.rho_before = INFINITY;
    w.residual_largest = largest;
    w.model = models[0] = -0.5 * products;
    w.reason = verdict(rule, w, models, slots.kept);
    slots.rows[row] = w;
}

/* Writes it after a step that was taken, or was not for the fault. */
__device__ static void end_step(const cg_slots &slots, size_t row, cg_row w, double residual,
                                double largest) {
    double *models = slots.models + row * slots.kept;
    w.reason = fault_of(w);
    if (w.reason == GN_STOP_NONE) {
        w.iterations += 1;
        w.model -= 0.5 * w.rho / w.curvature * w.rho;
        w.rho_before = w.rho;
        w.rho = w.residual_squared = residual;
        w.residual_largest = largest;
        w.reason = verdict(slots.rules[row], w, models, slots.kept);
        models[(size_t)w.iterations % slots.kept] = w.model;
    }
    slots.rows[row] = w;
}

/* ---- a sum that others need first, where rows are cut ---- */

/* r'r of what a solve begins with, which waits in the curvature's slot; r'z; p'(q + mu p). */
enum first_sum { SQUARE, RHO, CURVATURE };

template <class T, int V>
__global__ void __launch_bounds__(ROW_THREADS)
    row_dot_kernel(size_t rows, size_t n, first_sum which, const T *x, const T *y, cg_slots slots,
                   scratch_area *scratch) {
    FOR_ROWS(row, rows) {
        const double mu = which == CURVATURE ? slots.rules[row].damping : 0;
        const double sum = dot_part<V>(n, mu, x + row * n, y + row * n);
        if (threadIdx.x == 0)
            partials_of(scratch, 0, rows, row)[blockIdx.x] = sum;
    }
    if (!grid_is_done(scratch))
        return;
    for_rows_by_warps(rows, [&](size_t row) {
        const double sum = join_sum(partials_of(scratch, 0, rows, row));
        cg_row &w = slots.rows[row];
        if (first_lane() && (which == SQUARE || w.reason == GN_STOP_NONE))
            (which == RHO ? w.rho : w.curvature) = sum;
    });
}

template <class T>
static gn_status row_dot_if_cut(cudaStream_t stream, bool packed, size_t rows, size_t n, first_sum which,
                                const void *x, const void *y, const cg_slots &slots, void *scratch) {
    if (sum_rows_grid(rows, packed ? n / PACK<T> : n).x == 1)
        return GN_OK;
    LAUNCH_ROWS(packed, row_dot_kernel, T, sum_rows_grid, rows, n, stream, which, as<T>(x), as<T>(y), slots,
                scratch_of(scratch));
    return launched();
}

/* ---- cg_begin ---- */

struct begin_sums {
    double residual, products, largest;
};

template <int V, class T>
__device__ static begin_sums begin_part(size_t n, double mu, const T *ax, T *x, T *r) {
    const T shift = (T)mu;
    begin_sums sums = {0, 0, 0};
    for_elements<V>(n, [&](size_t i, auto w) {
        constexpr int W = decltype(w)::value;
        pack<T, W> b = load<W>(r + i), at, product, residual;
        at = product = pack<T, W>{};
        if (ax) {
            at = load<W>(x + i);
            product = load<W>(ax + i);
        } else {
            store<W>(x + i, at);
        }
        for (int k = 0; k < W; k++) {
            residual.at[k] = b.at[k] - (product.at[k] + shift * at.at[k]);
            sums.residual += (double)residual.at[k] * (double)residual.at[k];
            sums.products += (double)at.at[k] * ((double)b.at[k] + (double)residual.at[k]);
            sums.largest = fmax(sums.largest, fabs((double)residual.at[k]));
        }
        if (ax)
            store<W>(r + i, residual);
    });
    sums.residual = block_sum<ROW_THREADS>(sums.residual);
    sums.products = block_sum<ROW_THREADS>(sums.products);
    sums.largest = block_max<ROW_THREADS>(sums.largest);
    return sums;
}

/* b'b is in the curvature's slot where rows are cut. */
template <class T, int V>
__global__ void __launch_bounds__(ROW_THREADS)
    cg_begin_kernel(size_t rows, size_t n, const T *ax, T *x, T *r, cg_slots slots, scratch_area *scratch) {
    FOR_ROWS(row, rows) {
        T *b = r + row * n;
        const double square = row_is_whole() ? dot_part<V>(n, 0, b, b) : slots.rows[row].curvature;
        const T *product = ax && square != 0 ? ax + row * n : nullptr;
        const begin_sums sums = begin_part<V>(n, slots.rules[row].damping, product, x + row * n, b);
        if (threadIdx.x != 0)
            continue;
        if (row_is_whole()) {
            begin_row(slots, row, square, sums.residual, sums.products, sums.largest);
        } else {
            partials_of(scratch, 0, rows, row)[blockIdx.x] = sums.residual;
            partials_of(scratch, 1, rows, row)[blockIdx.x] = sums.products;
            partials_of(scratch, 2, rows, row)[blockIdx.x] = sums.largest;
        }
    }
    if (!grid_is_done(scratch))
        return;
    if (!row_is_whole())
        for_rows_by_warps(rows, [&](size_t row) {
            const double residual = join_sum(partials_of(scratch, 0, rows, row));
            const double products = join_sum(partials_of(scratch, 1, rows, row));
            const double largest = join_max(partials_of(scratch, 2, rows, row));
            if (first_lane())
                begin_row(slots, row, slots.rows[row].curvature, residual, products, largest);
        });
    count_running(rows, slots.rows, slots.flag);
}

template <class T>
static gn_status cg_begin(cudaStream_t stream, size_t rows, size_t n, const void *ax, void *x, void *r,
                          cg_slots slots, void *scratch) {
    const bool packed = rows_packed<T>(rows, n, ax, x, r);
    const gn_status status = row_dot_if_cut<T>(stream, packed, rows, n, SQUARE, r, r, slots, scratch);
    if (status != GN_OK)
        return status;
    LAUNCH_ROWS(packed, cg_begin_kernel, T, sum_rows_grid, rows, n, stream, as<T>(ax), as<T>(x), as<T>(r),
                slots, scratch_of(scratch));
    return launched();
}

gn_status gn_cuda_cg_begin(cudaStream_t stream, int type, size_t rows, size_t n, const void *ax, void *x,
                           void *r, gn_cuda_cg_slots slots, void *scratch) {
    return BY_TYPE(type, cg_begin, stream, rows, n, ax, x, r, slots, scratch);
}

/* ---- cg_direction ---- */

template <int V, class T> __device__ static void direction_part(size_t n, double beta, const T *z, T *p) {
    const T factor = (T)beta;
    for_elements<V>(n, [&](size_t i, auto w) {
        constexpr int W = decltype(w)::value;
        pack<T, W> next = load<W>(z + i);
        if (beta != 0) {
            const pack<T, W> before = load<W>(p + i);
            for (int k = 0; k < W; k++)
                next.at[k] += factor * before.at[k];
        }
        store<W>(p + i, next);
    });
}

/* r NULL: rho is there already. */
template <class T, int V>
__global__ void __launch_bounds__(ROW_THREADS)
    cg_direction_kernel(size_t rows, size_t n, const T *r, const T *z, T *p, cg_slots slots) {
    FOR_ROWS(row, rows) {
        const double reason = slots.rows[row].reason, before = slots.rows[row].rho_before;
        double rho = slots.rows[row].rho;
        if (reason != GN_STOP_NONE)
            continue;
        if (r) {
            rho = dot_part<V>(n, 0, r + row * n, z + row * n);
            if (threadIdx.x == 0)
                slots.rows[row].rho = rho;
        }
        direction_part<V>(n, rho / before, z + row * n, p + row * n);
    }
}

template <class T>
static gn_status cg_direction(cudaStream_t stream, size_t rows, size_t n, const void *r, const void *z,
                              void *p, cg_slots slots, void *scratch) {
    const bool packed = rows_packed<T>(rows, n, r, z, p);
    const bool cut = sum_rows_grid(rows, packed ? n / PACK<T> : n).x > 1;
    if (rows == 0 || (n == 0 && z == r))
        return GN_OK;
    if (z != r && !cut) {
        LAUNCH_ROWS(packed, cg_direction_kernel, T, sum_rows_grid, rows, n, stream, as<T>(r), as<T>(z),
                    as<T>(p), slots);
        return launched();
    }
    const gn_status status =
        z == r ? GN_OK : row_dot_if_cut<T>(stream, packed, rows, n, RHO, r, z, slots, scratch);
    if (status != GN_OK)
        return status;
    LAUNCH_ROWS(packed, cg_direction_kernel, T, move_rows_grid, rows, n, stream, (const T *)nullptr, as<T>(z),
                as<T>(p), slots);
    return launched();
}

gn_status gn_cuda_cg_direction(cudaStream_t stream, int type, size_t rows, size_t n, const void *r,
                               const void *z, void *p, gn_cuda_cg_slots slots, void *scratch) {
    return BY_TYPE(type, cg_direction, stream, rows, n, r, z, p, slots, scratch);
}

/* ---- cg_step ---- */

struct step_sums {
    double residual, largest;
};

template <int V, class T>
__device__ static step_sums step_part(size_t n, double alpha, double mu, const T *p, const T *q, T *x, T *r) {
    const T step = (T)alpha, shift = (T)mu;
    step_sums sums = {0, 0};
    for_elements<V, 2>(n, [&](size_t i, auto w) {
        constexpr int W = decltype(w)::value;
        const pack<T, W> along = load<W>(p + i), product = load<W>(q + i);
        pack<T, W> at = load<W>(x + i), residual = load<W>(r + i);
        for (int k = 0; k < W; k++) {
            at.at[k] += step * along.at[k];
            residual.at[k] -= step * (product.at[k] + shift * along.at[k]);
            sums.residual += (double)residual.at[k] * (double)residual.at[k];
            sums.largest = fmax(sums.largest, fabs((double)residual.at[k]));
        }
        store<W>(x + i, at);
        store<W>(r + i, residual);
    });
    sums.residual = block_sum<ROW_THREADS>(sums.residual);
    sums.largest = block_max<ROW_THREADS>(sums.largest);
    return sums;
}

template <class T, int V>
__global__ void __launch_bounds__(ROW_THREADS)
    cg_step_kernel(size_t rows, size_t n, const T *p, const T *q, T *x, T *r, cg_slots slots,
                   scratch_area *scratch) {
    FOR_ROWS(row, rows) {
        const size_t at = row * n;
        const double mu = slots.rules[row].damping;
        cg_row w = slots.rows[row];
        step_sums sums = {0, 0};
        if (w.reason != GN_STOP_NONE)
            continue;
        if (row_is_whole())
            w.curvature = dot_part<V>(n, mu, p + at, q + at);
        if (fault_of(w) == GN_STOP_NONE)
            sums = step_part<V>(n, w.rho / w.curvature, mu, p + at, q + at, x + at, r + at);
        if (threadIdx.x != 0)
            continue;
        if (row_is_whole()) {
            end_step(slots, row, w, sums.residual, sums.largest);
        } else {
            partials_of(scratch, 0, rows, row)[blockIdx.x] = sums.residual;
            partials_of(scratch, 1, rows, row)[blockIdx.x] = sums.largest;
        }
    }
    if (!grid_is_done(scratch))
        return;
    if (!row_is_whole())
        for_rows_by_warps(rows, [&](size_t row) {
            if (slots.rows[row].reason != GN_STOP_NONE)
                return;
            const double residual = join_sum(partials_of(scratch, 0, rows, row));
            const double largest = join_max(partials_of(scratch, 1, rows, row));
            if (first_lane())
                end_step(slots, row, slots.rows[row], residual, largest);
        });
    count_running(rows, slots.rows, slots.flag);
}

template <class T>
static gn_status cg_step(cudaStream_t stream, size_t rows, size_t n, const void *p, const void *q, void *x,
                         void *r, cg_slots slots, void *scratch) {
    const bool packed = rows_packed<T>(rows, n, p, q, x, r);
    const gn_status status = row_dot_if_cut<T>(stream, packed, rows, n, CURVATURE, p, q, slots, scratch);
    if (status != GN_OK)
        return status;
    LAUNCH_ROWS(packed, cg_step_kernel, T, sum_rows_grid, rows, n, stream, as<T>(p), as<T>(q), as<T>(x),
                as<T>(r), slots, scratch_of(scratch));
    return launched();
}

gn_status gn_cuda_cg_step(cudaStream_t stream, int type, size_t rows, size_t n, const void *p, const void *q,
                          void *x, void *r, gn_cuda_cg_slots slots, void *scratch) {
    return BY_TYPE(type, cg_step, stream, rows, n, p, q, x, r, slots, scratch);
}
