#include "mlp_case.h"

#include <math.h>
#include <stdlib.h>

#include <criterion/criterion.h>

#include "devices.h"
#include "problem/expression.h"

void expect_ok(gn_context *context, gn_status status, const char *call, const char *file, int line) {
    cr_assert(status == GN_OK, "%s:%d: %s: %s: %s", file, line, call, gn_status_text(status),
              context ? gn_error_message(context) : "");
}

double *random_values(uint64_t seed, size_t count) {
    double *values = malloc((count + 1) * sizeof *values);
    cr_assert_not_null(values);
    gn_random_uniform(seed, GN_STREAM_AUXILIARY, 0, count, -1, 1, values);
    return values;
}

double *host_values(const gn_array *array) {
    size_t count = gn_array_count(array);
    double *values = malloc((count + 1) * sizeof *values);
    cr_assert_not_null(values);
    OK(NULL, gn_array_read(array, values, count));
    return values;
}

gn_array *device_array(gn_context *context, gn_dtype dtype, size_t rows, size_t columns,
                       const double *values) {
    gn_array *array;
    OK(context, gn_array_create(context, dtype, 2, (size_t[]){rows, columns}, &array));
    if (values)
        OK(context, gn_array_write(array, values, rows * columns));
    return array;
}

double relative_difference(size_t count, const double *a, const double *b) {
    double difference = 0, size = 0;
    for (size_t i = 0; i < count; i++) {
        difference += (a[i] - b[i]) * (a[i] - b[i]);
        size += b[i] * b[i];
    }
    double relative = sqrt(difference) / fmax(sqrt(size), 1e-300);
    return isnan(relative) ? INFINITY : size == 0 ? sqrt(difference) : relative;
}

static gn_array *random_array(gn_context *context, gn_dtype dtype, size_t rows, size_t columns,
                              uint64_t seed) {
    double *values = random_values(seed, rows * columns);
    gn_array *array = device_array(context, dtype, rows, columns, values);
    free(values);
    return array;
}

double *one_hot(size_t n, size_t c) {
    double *values = calloc(n * c + 1, sizeof *values);
    cr_assert_not_null(values);
    for (size_t i = 0; i < n; i++)
        values[i * c + 7 * i % c] = 1;
    return values;
}

static gn_array *class_array(gn_context *context, gn_dtype dtype, size_t n, size_t c) {
    double *values = one_hot(n, c);
    gn_array *array = device_array(context, dtype, n, c, values);
    free(values);
    return array;
}

static gn_array *token_array(gn_context *context, gn_dtype dtype, size_t n, size_t t, size_t vocabulary) {
    double *values = random_values(1, n * t);
    for (size_t i = 0; i < n * t; i++)
        values[i] = floor((values[i] + 1) / 2 * (double)vocabulary);
    gn_array *array = device_array(context, dtype, n, t, values);
    free(values);
    return array;
}

static gn_network *other_network(gn_context *context, const mlp_case *from) {
    const gn_quadratic_options quadratic = {.inputs = from->widths[0],
                                            .hidden = from->widths[1],
                                            .outputs = from->widths[2],
                                            .alpha = from->alpha};
    const gn_committee_options committee = {.inputs = from->widths[0],
                                            .hidden = from->widths[1],
                                            .alpha = from->alpha,
                                            .epsilon = from->epsilon,
                                            .centred = from->centred};
    gn_network *network;
    OK(context, from->kind == QUADRATIC ? gn_network_create_quadratic(context, &quadratic, &network)
                                        : gn_network_create_committee(context, &committee, &network));
    return network;
}

gn_network *case_network(gn_context *context, const mlp_case *from) {
    gn_mlp_options options = gn_mlp_options_default();
    gn_network *network;
    if (from->kind != MLP)
        return other_network(context, from);
    if (from->transformer.layers) {
        OK(context, gn_network_create_transformer(context, &from->transformer, &network));
        return network;
    }
    options.widths = from->widths;
    while (options.depth + 1 < MLP_MOST_WIDTHS && from->widths[options.depth + 1])
        options.depth++;
    options.activation = from->activation;
    options.bias = !from->no_bias;
    options.output_scale = from->output_scale == 0 ? 1 : from->output_scale;
    options.centred = from->centred;
    gn_expression residual;
    if (from->pde) {
        static const char *const axes[] = {"x", "y", "z"};
        const gn_expression_names names = {.axes = from->widths[0], .axis = axes, .unknown = true};
        OK(context, gn_expression_parse(context, "the residual", from->pde, &names, &residual));
        options.residual = &residual;
    }
    OK(context, gn_network_create_mlp(context, &options, &network));
    return network;
}

/* Coordinates, then kinds: every second row the residual, the others all channels in turn. */
static gn_array *pde_inputs(gn_context *context, gn_dtype dtype, size_t n, size_t d) {
    double *values = random_values(1, n * (d + 1));
    for (size_t i = 0; i < n; i++)
        values[i * (d + 1) + d] = i % 2 == 0 ? 0 : (double)(1 + i / 2 % (2 * d + 1));
    gn_array *array = device_array(context, dtype, n, d + 1, values);
    free(values);
    return array;
}

size_t positions_read(const mlp_case *from) {
    return from->transformer.layers ? from->transformer.read : 1;
}

mlp_fixture mlp_setup(const char *device, gn_dtype dtype, const mlp_case *from) {
    mlp_fixture f = {.dtype = dtype, .n = from->samples};
    f.context = device_open(device);
    f.network = case_network(f.context, from);
    f.c = gn_network_outputs(f.network);
    f.m = f.n * f.c;
    f.p = gn_network_parameters(f.network);
    const size_t features = gn_network_inputs(f.network);
    f.inputs = from->pde ? pde_inputs(f.context, dtype, f.n, from->widths[0])
               : from->transformer.layers
                   ? token_array(f.context, dtype, f.n, features, from->transformer.vocabulary)
                   : random_array(f.context, dtype, f.n, features, 1);
    const size_t read = positions_read(from);
    f.targets = from->classes ? class_array(f.context, dtype, f.n * read, f.c / read)
                              : random_array(f.context, dtype, f.n, f.c, 2);
    f.theta = random_array(f.context, dtype, f.p, 1, 3);
    f.theta0 = random_array(f.context, dtype, f.p, 1, 4);
    gn_loss loss = from->classes ? GN_LOSS_CROSS_ENTROPY : GN_LOSS_SQUARED;
    OK(f.context, gn_linearization_create(f.network, loss, dtype, f.n, &f.lin));
    OK(f.context, gn_linearization_set_reference(f.lin, f.theta0));
    OK(f.context, gn_linearization_set_batch(f.lin, f.inputs, f.targets));
    OK(f.context, gn_linearization_set_point(f.lin, f.theta));
    return f;
}

void mlp_teardown(mlp_fixture *f) {
    gn_linearization_destroy(f->lin);
    gn_network_destroy(f->network);
    gn_array_destroy(f->theta);
    gn_array_destroy(f->theta0);
    gn_array_destroy(f->inputs);
    gn_array_destroy(f->targets);
    gn_context_destroy(f->context);
}

const mlp_case *mlp_shapes(size_t *count) {
    static const mlp_case shapes[] = {
        {.name = "one layer", .widths = {4, 3}, .activation = "tanh", .samples = 5},
        {.name = "one of everything", .widths = {1, 1, 1}, .activation = "tanh", .samples = 1},
        {.name = "1-80-1", .widths = {1, 80, 1}, .activation = "tanh", .samples = 31},
        {.name = "1-80-80-1", .widths = {1, 80, 80, 1}, .activation = "tanh", .samples = 20},
        {.name = "M > P", .widths = {2, 3, 4}, .activation = "sin", .samples = 12},
        {.name = "deep", .widths = {2, 5, 4, 3, 2}, .activation = "softplus", .samples = 7},
        {.name = "several tiles", .widths = {3, 6, 7}, .activation = "tanh", .samples = 111},
        {.name = "no bias", .widths = {3, 6, 4, 2}, .activation = "tanh", .samples = 9, .no_bias = true},
        {.name = "scaled", .widths = {3, 6, 2}, .activation = "tanh", .samples = 9, .output_scale = 0.37},
        {.name = "centred", .widths = {3, 6, 2}, .activation = "tanh", .samples = 9, .centred = true},
        {.name = "scaled, centred, no bias",
         .widths = {3, 6, 2},
         .activation = "gelu",
         .samples = 9,
         .no_bias = true,
         .output_scale = -2.5,
         .centred = true},
        {.name = "quadratic", .kind = QUADRATIC, .widths = {6, 5, 3}, .samples = 9, .alpha = 1.5},
        {.name = "committee",
         .kind = COMMITTEE,
         .widths = {4, 7, 1},
         .samples = 8,
         .alpha = 2,
         .epsilon = 0.3},
        {.name = "committee, centred",
         .kind = COMMITTEE,
         .widths = {4, 7, 1},
         .samples = 40,
         .alpha = 2,
         .epsilon = 0.3,
         .centred = true},
    };
    *count = sizeof shapes / sizeof *shapes;
    return shapes;
}

const mlp_case *mlp_activations(size_t *count) {
    static const mlp_case nets[] = {
        {.name = "tanh", .widths = {3, 7, 5, 2}, .activation = "tanh", .samples = 6},
        {.name = "relu", .widths = {3, 7, 5, 2}, .activation = "relu", .samples = 6},
        {.name = "gelu", .widths = {3, 7, 5, 2}, .activation = "gelu", .samples = 6},
        {.name = "sin", .widths = {3, 7, 5, 2}, .activation = "sin", .samples = 6},
        {.name = "sigmoid", .widths = {3, 7, 5, 2}, .activation = "sigmoid", .samples = 6},
        {.name = "softplus", .widths = {3, 7, 5, 2}, .activation = "softplus", .samples = 6},
        {.name = "quadratic", .widths = {3, 7, 5, 2}, .activation = "quadratic", .samples = 6},
        {.name = "identity", .widths = {3, 7, 5, 2}, .activation = "identity", .samples = 6},
    };
    *count = sizeof nets / sizeof *nets;
    return nets;
}

#define BURGERS "u_y + u*u_x - 0.1*u_xx + sin(2*x)*y"
#define POISSON "u_xx + u_yy + x*exp(-y)"

const mlp_case *mlp_pdes(size_t *count) {
    static const mlp_case nets[] = {
        {.name = "jets, tanh", .widths = {2, 7, 5, 1}, .activation = "tanh", .samples = 13, .pde = BURGERS},
        {.name = "jets, relu", .widths = {2, 7, 5, 1}, .activation = "relu", .samples = 13, .pde = BURGERS},
        {.name = "jets, gelu", .widths = {2, 7, 5, 1}, .activation = "gelu", .samples = 13, .pde = BURGERS},
        {.name = "jets, sin", .widths = {2, 7, 5, 1}, .activation = "sin", .samples = 13, .pde = BURGERS},
        {.name = "jets, sigmoid",
         .widths = {2, 7, 5, 1},
         .activation = "sigmoid",
         .samples = 13,
         .pde = BURGERS},
        {.name = "jets, softplus",
         .widths = {2, 7, 5, 1},
         .activation = "softplus",
         .samples = 13,
         .pde = BURGERS},
        {.name = "jets, quadratic",
         .widths = {2, 7, 5, 1},
         .activation = "quadratic",
         .samples = 13,
         .pde = BURGERS},
        {.name = "jets, identity",
         .widths = {2, 7, 5, 1},
         .activation = "identity",
         .samples = 13,
         .pde = BURGERS},
        {.name = "jets, linear", .widths = {2, 1}, .activation = "tanh", .samples = 7, .pde = POISSON},
        {.name = "jets, several tiles",
         .widths = {2, 9, 1},
         .activation = "tanh",
         .samples = 111,
         .pde = POISSON},
        {.name = "jets, no bias",
         .widths = {2, 6, 5, 1},
         .activation = "tanh",
         .samples = 9,
         .no_bias = true,
         .pde = POISSON},
        {.name = "jets, scaled",
         .widths = {2, 6, 1},
         .activation = "gelu",
         .samples = 9,
         .output_scale = -2.5,
         .pde = POISSON},
        {.name = "jets, 1 coordinate, by pairs",
         .widths = {1, 40, 40, 1},
         .activation = "sin",
         .samples = 11,
         .pde = "u_xx + tanh(u)*u_x^2 - x"},
        {.name = "jets, 3 coordinates",
         .widths = {3, 8, 6, 1},
         .activation = "tanh",
         .samples = 17,
         .pde = "u_xx + u_yy + u_zz - u^3 + z"},
    };
    *count = sizeof nets / sizeof *nets;
    return nets;
}

const mlp_case *mlp_classes(size_t *count) {
    static const mlp_case nets[] = {
        {.name = "two classes", .widths = {3, 5, 2}, .activation = "tanh", .samples = 4, .classes = true},
        {.name = "classes", .widths = {3, 6, 4}, .activation = "tanh", .samples = 9, .classes = true},
        {.name = "classes, M > P", .widths = {2, 4, 7}, .activation = "sin", .samples = 20, .classes = true},
        {.name = "33 classes", .widths = {4, 6, 33}, .activation = "gelu", .samples = 17, .classes = true},
        {.name = "classes, centred, scaled",
         .widths = {3, 6, 4},
         .activation = "tanh",
         .samples = 9,
         .output_scale = 3,
         .centred = true,
         .classes = true},
        {.name = "vanishing probabilities",
         .widths = {3, 6, 4},
         .activation = "tanh",
         .samples = 9,
         .output_scale = 400,
         .classes = true},
    };
    *count = sizeof nets / sizeof *nets;
    return nets;
}

#define TINY .width = 8, .heads = 2, .ffn_width = 12, .vocabulary = 7, .context = 4
const mlp_case *mlp_transformers(size_t *count) {
    static const mlp_case nets[] = {
        {.name = "post, 1 layer", .samples = 5, .transformer = {TINY, .layers = 1, .read = 1}},
        {.name = "post, 2 layers", .samples = 5, .transformer = {TINY, .layers = 2, .read = 1}},
        {.name = "pre, 1 layer",
         .samples = 5,
         .transformer = {TINY, .layers = 1, .read = 1, .norm = GN_NORM_PRE}},
        {.name = "pre, 2 layers",
         .samples = 20,
         .transformer = {TINY, .layers = 2, .read = 1, .norm = GN_NORM_PRE}},
        {.name = "sinusoidal, 2 read",
         .samples = 3,
         .transformer = {TINY, .layers = 2, .read = 2, .sinusoidal = true}},
        {.name = "pre, all read",
         .samples = 3,
         .transformer = {TINY, .layers = 1, .read = 4, .norm = GN_NORM_PRE}},
        {.name = "wide",
         .samples = 4,
         .transformer = {.layers = 1,
                         .width = 24,
                         .heads = 3,
                         .ffn_width = 20,
                         .vocabulary = 5,
                         .context = 3,
                         .read = 1}},
        {.name = "tokens of classes",
         .samples = 9,
         .classes = true,
         .transformer = {TINY, .layers = 1, .read = 1}},
        {.name = "two positions of classes",
         .samples = 7,
         .classes = true,
         .transformer = {TINY, .layers = 1, .read = 2}},
    };
    *count = sizeof nets / sizeof *nets;
    return nets;
}

void mlp_on_each(const char *device, gn_dtype dtype, const mlp_case *cases, size_t count, mlp_check *check) {
    for (size_t i = 0; i < count; i++) {
        mlp_fixture f = mlp_setup(device, dtype, &cases[i]);
        check(&f, cases[i].name);
        mlp_teardown(&f);
    }
}

void mlp_on_all(const char *device, gn_dtype dtype, mlp_check *check) {
    size_t count;
    const mlp_case *cases = mlp_shapes(&count);
    mlp_on_each(device, dtype, cases, count, check);
    cases = mlp_activations(&count);
    mlp_on_each(device, dtype, cases, count, check);
    cases = mlp_pdes(&count);
    mlp_on_each(device, dtype, cases, count, check);
    cases = mlp_classes(&count);
    mlp_on_each(device, dtype, cases, count - 1, check);
    cases = mlp_transformers(&count);
    mlp_on_each(device, dtype, cases, count, check);
}
