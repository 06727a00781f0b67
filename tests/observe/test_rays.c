/* rays: a committee's coefficients solved by hand at the largest frequency, plain loops at both, and what has
 * no target along rays. */
#include <complex.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "observe_test.h"

enum { D = 3, H = 4 };
static const double alpha = 0.7, epsilon = 0.3;

typedef struct rays_case {
    gn_context *context;
    gn_dataset data;
    gn_network *network;
    double *theta, *v[2], *b; /* H x D; of both rays, and the target's direction, D each */
} rays_case;

static rays_case start(const char *device, gn_dtype dtype, bool centred) {
    const gn_polynomial_options polynomial = {.features = D, .points = 5, .factor = 0.5, .seed = 4};
    const gn_committee_options committee = {
        .inputs = D, .hidden = H, .alpha = alpha, .epsilon = epsilon, .centred = centred};
    rays_case c = {.context = device_open(device)};
    OK(c.context, gn_dataset_polynomial(c.context, dtype, &polynomial, &c.data));
    OK(c.context, gn_network_create_committee(c.context, &committee, &c.network));
    c.theta = random_values(8, H * D);
    c.v[0] = host_values(c.data.inputs);
    c.v[1] = random_values(9, D);
    for (size_t k = 0; k < D; k++)
        c.v[1][k] = 1;
    c.b = host_values(c.data.direction);
    return c;
}

static void end(rays_case *c) {
    gn_network_destroy(c->network);
    gn_dataset_destroy(&c->data);
    free(c->theta), free(c->v[0]), free(c->v[1]), free(c->b);
    cr_assert_eq(gn_context_allocated(c->context), 0u);
    gn_context_destroy(c->context);
}

static kept_rows observe(const rays_case *c, size_t points) {
    gn_array *theta = device_array(c->context, gn_array_dtype(c->data.inputs), H * D, 1, c->theta);
    gn_observer *observer;
    kept_rows kept;
    const gn_observation_sink sink = keep_in(&kept);
    OK(c->context,
       gn_observer_create_rays(c->context, c->network, &c->data, theta, points, (gn_schedule){3}, &observer));
    cr_assert_str_eq(gn_observer_name(observer), "rays");
    cr_assert_eq(gn_observer_schedule(observer).every, 3u);
    OK(c->context, gn_observer_observe(observer, 6, theta, NULL, &sink));
    gn_observer_destroy(observer);
    gn_array_destroy(theta);
    cr_assert(kept.count == 4 && kept.rows[0].step == 6 && kept.rows[0].rank == 0);
    return kept;
}

/* Of the network a c + b c^2 and the target t c^2 along a ray. */
typedef struct along {
    double a, b, t;
} along;

static along along_ray(const rays_case *c, const double *v) {
    along r = {0, 0, 0};
    double product = 0;
    for (size_t i = 0; i < H; i++) {
        double h = 0;
        for (size_t k = 0; k < D; k++)
            h += c->theta[i * D + k] * v[k];
        r.a += alpha / H * h;
        r.b += alpha / H * epsilon / 2 * h * h;
    }
    for (size_t k = 0; k < D; k++)
        product += c->b[k] * v[k];
    r.t = 0.5 * product * product;
    return r;
}

/* sum_j (-1)^j j = -n/2 and sum_j (-1)^j j^2 = -n (n - 1) / 2: at n/2, c has the coefficient -1/2 and c^2 has
 * -(1 - 1/n) / 2. */
static double nyquist_by_hand(const rays_case *c, const double *v, double n) {
    const along r = along_ray(c, v);
    const double square = 1 - 1 / n;
    return fabs(r.a + (r.b - r.t) * square) / (r.t * square);
}

static double first_by_loop(const rays_case *c, const double *v, int n) {
    const along r = along_ray(c, v);
    double complex error = 0, target = 0;
    for (int j = 0; j < n; j++) {
        const double at = (double)j / n;
        const double complex wave = cexp(-2 * M_PI * I * at);
        error += (r.a * at + (r.b - r.t) * at * at) * wave;
        target += r.t * at * at * wave;
    }
    return cabs(error) / cabs(target);
}

static void check_values(const char *device, gn_dtype dtype, size_t points) {
    rays_case c = start(device, dtype, false);
    const kept_rows kept = observe(&c, points);
    static const char *const names[][2] = {{"nyquist_error_train", "first_error_train"},
                                           {"nyquist_error_test", "first_error_test"}};
    const double tolerance = dtype == GN_FLOAT64 ? 1e-12 : 1e-4;
    for (size_t ray = 0; ray < 2; ray++) {
        const double wanted[] = {nyquist_by_hand(&c, c.v[ray], (double)points),
                                 first_by_loop(&c, c.v[ray], (int)points)};
        for (size_t k = 0; k < 2; k++)
            cr_expect(fabs(kept_number(&kept, names[ray][k]) - wanted[k]) < tolerance * (1 + wanted[k]),
                      "%s: %.17g, not %.17g", names[ray][k], kept_number(&kept, names[ray][k]), wanted[k]);
    }
    end(&c);
}

ON_EACH_DEVICE(rays, errors_of_quadratics) {
    check_values(device, GN_FLOAT64, 64);
    check_values(device, GN_FLOAT64, 4);
    check_values(device, GN_FLOAT32, 64);
}

/* A centred network gives 0 at its start: the whole target is missing at every frequency. */
Test(rays, a_centred_network_begins_with_all_of_the_target) {
    rays_case c = start("check", GN_FLOAT64, true);
    const kept_rows kept = observe(&c, 16);
    for (size_t i = 0; i < kept.count; i++)
        cr_expect_float_eq(kept.rows[i].values[0], 1, 1e-13, "%s", kept.rows[i].name);
    end(&c);
}

Test(rays, what_cannot_be_observed) {
    rays_case c = start("cpu", GN_FLOAT64, false);
    gn_array *theta = device_array(c.context, GN_FLOAT64, H * D, 1, c.theta);
    gn_observer *observer;
    static const size_t wrong[] = {0, 2, 7};
    for (size_t i = 0; i < 3; i++) {
        cr_expect_eq(gn_observer_create_rays(c.context, c.network, &c.data, theta, wrong[i], (gn_schedule){0},
                                             &observer),
                     GN_ERROR_ARGUMENT);
        cr_expect_not_null(strstr(gn_error_message(c.context), "it must be even"));
        cr_expect_null(observer);
    }
    static const size_t many[] = {SIZE_MAX - 1, SIZE_MAX / 4 - 1}; /* rays, and their features, overflow */
    for (size_t i = 0; i < 2; i++) {
        cr_expect_eq(gn_observer_create_rays(c.context, c.network, &c.data, theta, many[i], (gn_schedule){0},
                                             &observer),
                     GN_ERROR_MEMORY);
        cr_expect_not_null(strstr(gn_error_message(c.context), "no host memory"));
        cr_expect_null(observer);
    }
    gn_dataset sines;
    OK(c.context, gn_dataset_multi_sine_1d(c.context, GN_FLOAT64, 8, 0, 0, &sines));
    cr_expect_eq(
        gn_observer_create_rays(c.context, c.network, &sines, theta, 64, (gn_schedule){0}, &observer),
        GN_ERROR_UNSUPPORTED);
    cr_expect_not_null(strstr(gn_error_message(c.context), "only `polynomial`"));
    gn_dataset_destroy(&sines);
    gn_array_destroy(theta);
    end(&c);
}
