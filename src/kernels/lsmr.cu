/* Steps of LSMR between the products with A and A'. Bound by memory: lsmr_left and lsmr_right read two
 * vectors and write one, lsmr_update reads four and writes three. One launch each; the rotations are the last
 * block's. */
#include "rows.cuh"

typedef gn_cuda_lsmr_row lsmr_row;
typedef gn_cuda_lsmr_slots lsmr_slots;

/* 1 / length, and 0 where a vector has come to its end. */
__device__ static double inverse(double length) {
    return length == 0 ? 0 : 1 / length;
}

/* ---- decisions, by one thread ---- */

__device__ static gn_stop verdict(const gn_cuda_solve_rule &rule, const lsmr_row &w) {
    if (!isfinite(w.residual) || !isfinite(w.x_scale))
        return GN_STOP_NOT_FINITE;
    if (w.residual <= w.goal || w.residual <= rule.absolute)
        return GN_STOP_CONVERGED;
    return w.iterations < rule.limit ? GN_STOP_NONE : GN_STOP_ITERATIONS;
}

__device__ static void start(const gn_cuda_solve_rule &rule, lsmr_row *w) {
    w->residual = w->zeta_bar = w->alpha * w->beta;
    w->goal = rule.relative * w->residual;
    w->alpha_bar = w->alpha;
    w->rho = w->rho_bar = w->c_bar = 1;
}

/* With beta and alpha of this pass: the two rotations, and the scales of the update. */
__device__ static void rotate(const gn_cuda_solve_rule &rule, lsmr_row *w) {
    const double rho_before = w->rho, rho_bar_before = w->rho_bar;
    const double alpha_hat = hypot(w->alpha_bar, sqrt(rule.damping));
    w->rho = hypot(alpha_hat, w->beta);
    const double c = alpha_hat / w->rho, s = w->beta / w->rho;
    const double theta = s * w->alpha, theta_bar = w->s_bar * w->rho, rho_temp = w->c_bar * w->rho;
    w->alpha_bar = c * w->alpha;
    w->rho_bar = hypot(rho_temp, theta);
    w->c_bar = rho_temp / w->rho_bar;
    w->s_bar = theta / w->rho_bar;
    const double zeta = w->c_bar * w->zeta_bar;
    w->zeta_bar *= -w->s_bar;
    w->residual = fabs(w->zeta_bar);
    w->hbar_scale = -theta_bar * w->rho / (rho_before * rho_bar_before);
    w->x_scale = zeta / (w->rho * w->rho_bar);
    w->h_scale = -theta / w->rho;
}

/* Which of the two vectors is made. */
enum side { LEFT_FIRST, LEFT, RIGHT };

/* With the square of the new vector's length. */
__device__ static void end_side(const lsmr_slots &slots, size_t row, side which, double square) {
    const gn_cuda_solve_rule rule = slots.rules[row];
    lsmr_row w = {};
    if (which != LEFT_FIRST)
        w = slots.rows[row];
    if (which == LEFT_FIRST) {
        w.iterations = -1;
        w.alpha = INFINITY;
    }
    if (which != RIGHT) {
        w.beta = sqrt(square);
    } else {
        w.alpha = sqrt(square);
        w.iterations += 1;
        if (w.iterations == 0)
            start(rule, &w);
        else
            rotate(rule, &w);
        w.decided = verdict(rule, w);
        if (w.decided == GN_STOP_NOT_FINITE) /* without the update */
            w.reason = GN_STOP_NOT_FINITE;
    }
    slots.rows[row] = w;
}

/* ---- lsmr_left, lsmr_right ---- */

/* y = a product + b y, where product is not NULL; this block's part of y'y. */
template <int V, class T>
__device__ double combine_part(size_t n, double a, const T *product, double b, T *y) {
    const T from = (T)a, keep = (T)b;
    double sum = 0;
    for_elements<V, 2>(n, [&](size_t i, auto w) {
        constexpr int W = decltype(w)::value;
        pack<T, W> value = {};
        if (b != 0)
            value = load<W>(y + i);
        if (product) {
            const pack<T, W> more = load<W>(product + i);
            for (int k = 0; k < W; k++)
                value.at[k] = from * more.at[k] + (b != 0 ? keep * value.at[k] : (T)0);
            store<W>(y + i, value);
        }
        for (int k = 0; k < W; k++)
            sum += (double)value.at[k] * (double)value.at[k];
    });
    return block_sum<ROW_THREADS>(sum);
}

template <class T, int V>
__global__ void __launch_bounds__(ROW_THREADS)
    lsmr_side_kernel(size_t rows, size_t n, side which, const T *product, T *y, lsmr_slots slots,
                     scratch_area *scratch) {
    FOR_ROWS(row, rows) {
        lsmr_row w = {};
        double a = 0, b = 1;
        if (which != LEFT_FIRST)
            w = slots.rows[row];
        if (w.reason != GN_STOP_NONE)
            continue;
        if (which == LEFT) {
            a = inverse(w.alpha);
            b = -w.alpha * inverse(w.beta);
        } else if (which == RIGHT) {
            a = inverse(w.beta);
            b = -w.beta * inverse(w.alpha);
        }
        const double square = combine_part<V>(n, a, product ? product + row * n : nullptr, b, y + row * n);
        if (threadIdx.x != 0)
            continue;
        if (row_is_whole())
            end_side(slots, row, which, square);
        else
            partials_of(scratch, 0, rows, row)[blockIdx.x] = square;
    }
    if (row_is_whole() || !grid_is_done(scratch))
        return;
    for_rows_by_warps(rows, [&](size_t row) {
        if (which != LEFT_FIRST && slots.rows[row].reason != GN_STOP_NONE)
            return;
        const double square = join_sum(partials_of(scratch, 0, rows, row));
        if (first_lane())
            end_side(slots, row, which, square);
    });
}

template <class T>
static gn_status lsmr_side(cudaStream_t stream, size_t rows, size_t n, side which, const void *product,
                           void *y, lsmr_slots slots, void *scratch) {
    const bool packed = rows_packed<T>(rows, n, product, y);
    LAUNCH_ROWS(packed, lsmr_side_kernel, T, sum_rows_grid, rows, n, stream, which, as<T>(product), as<T>(y),
                slots, scratch_of(scratch));
    return launched();
}

gn_status gn_cuda_lsmr_left(cudaStream_t stream, int type, size_t rows, size_t m, const void *product,
                            void *u, gn_cuda_lsmr_slots slots, void *scratch) {
    return BY_TYPE(type, lsmr_side, stream, rows, m, product ? LEFT : LEFT_FIRST, product, u, slots, scratch);
}

gn_status gn_cuda_lsmr_right(cudaStream_t stream, int type, size_t rows, size_t n, const void *product,
                             void *v, gn_cuda_lsmr_slots slots, void *scratch) {
    return BY_TYPE(type, lsmr_side, stream, rows, n, RIGHT, product, v, slots, scratch);
}

/* ---- lsmr_update ---- */

template <int V, class T>
__device__ static void update_part(size_t n, const lsmr_row &row, const T *v, T *h, T *hbar, T *x) {
    const bool first = row.iterations == 0;
    const T scale = (T)inverse(row.alpha), hbar_scale = (T)row.hbar_scale, x_scale = (T)row.x_scale,
            h_scale = (T)row.h_scale;
    for_elements<V>(n, [&](size_t i, auto w) {
        constexpr int W = decltype(w)::value;
        pack<T, W> direction = {}, conjugate = {}, at = {};
        const pack<T, W> from = load<W>(v + i);
        if (!first) {
            direction = load<W>(h + i);
            conjugate = load<W>(hbar + i);
            at = load<W>(x + i);
        }
        for (int k = 0; k < W; k++) {
            conjugate.at[k] = first ? (T)0 : direction.at[k] + hbar_scale * conjugate.at[k];
            at.at[k] += first ? (T)0 : x_scale * conjugate.at[k];
            direction.at[k] = scale * from.at[k] + (first ? (T)0 : h_scale * direction.at[k]);
        }
        store<W>(h + i, direction);
        store<W>(hbar + i, conjugate);
        store<W>(x + i, at);
    });
}

template <class T, int V>
__global__ void __launch_bounds__(ROW_THREADS)
    lsmr_update_kernel(size_t rows, size_t n, const T *v, T *h, T *hbar, T *x, lsmr_slots slots,
                       scratch_area *scratch) {
    FOR_ROWS(row, rows) {
        const lsmr_row w = slots.rows[row];
        const size_t at = row * n;
        if (w.iterations == 0 || w.reason == GN_STOP_NONE)
            update_part<V>(n, w, v + at, h + at, hbar + at, x + at);
    }
    if (!grid_is_done(scratch))
        return;
    for (size_t row = threadIdx.x; row < rows; row += ROW_THREADS)
        if (slots.rows[row].reason == GN_STOP_NONE)
            slots.rows[row].reason = slots.rows[row].decided;
    __syncthreads();
    count_running(rows, slots.rows, slots.flag);
}

template <class T>
static gn_status lsmr_update(cudaStream_t stream, size_t rows, size_t n, const void *v, void *h, void *hbar,
                             void *x, lsmr_slots slots, void *scratch) {
    const bool packed = rows_packed<T>(rows, n, v, h, hbar, x);
    LAUNCH_ROWS(packed, lsmr_update_kernel, T, move_rows_grid, rows, n, stream, as<T>(v), as<T>(h),
                as<T>(hbar), as<T>(x), slots, scratch_of(scratch));
    return launched();
}

gn_status gn_cuda_lsmr_update(cudaStream_t stream, int type, size_t rows, size_t n, const void *v, void *h,
                              void *hbar, void *x, gn_cuda_lsmr_slots slots, void *scratch) {
    return BY_TYPE(type, lsmr_update, stream, rows, n, v, h, hbar, x, slots, scratch);
}
