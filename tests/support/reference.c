#include "reference.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>
#include <hdf5.h>

const char *const *reference_names(size_t *count) {
    static const char *const names[] = {
        "tanh_80_80",      "tanh_80",        "small_tanh",    "small_relu",
        "small_gelu",      "small_sin",      "small_sigmoid", "small_softplus",
        "small_quadratic", "small_identity", "small_no_bias", "small_scaled",
        "small_centred",   "single_linear",  "wide_output",   "rank_deficient",
    };
    *count = sizeof names / sizeof *names;
    return names;
}

static hid_t open_case(const char *name) {
    char path[512];
    snprintf(path, sizeof path, "%s/%s.h5", GNEWT_REFERENCE_DIR, name);
    hid_t file = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
    cr_assert(file >= 0, "no reference file %s", path);
    return file;
}

double *reference_array(const char *name, const char *path, size_t *count) {
    hid_t file = open_case(name);
    double *values = NULL;
    hid_t set = -1;
    H5E_BEGIN_TRY {
        set = H5Dopen2(file, path, H5P_DEFAULT);
    }
    H5E_END_TRY;
    if (set >= 0) {
        hid_t space = H5Dget_space(set);
        *count = (size_t)H5Sget_simple_extent_npoints(space);
        values = malloc((*count + 1) * sizeof *values);
        cr_assert(H5Dread(set, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) >= 0);
        H5Sclose(space);
        H5Dclose(set);
    }
    H5Fclose(file);
    return values;
}

double reference_attribute(const char *name, const char *object, const char *attribute) {
    double value;
    hid_t file = open_case(name);
    hid_t a = H5Aopen_by_name(file, object, attribute, H5P_DEFAULT, H5P_DEFAULT);
    cr_assert(a >= 0 && H5Aread(a, H5T_NATIVE_DOUBLE, &value) >= 0, "%s: no attribute %s of %s", name,
              attribute, object);
    H5Aclose(a);
    H5Fclose(file);
    return value;
}

static void read_shape(const char *name, mlp_case *shape, char activation[32]) {
    int widths[MLP_MOST_WIDTHS] = {0};
    hid_t file = open_case(name), a = H5Aopen(file, "widths", H5P_DEFAULT);
    cr_assert(H5Aread(a, H5T_NATIVE_INT, widths) >= 0);
    H5Aclose(a);
    for (size_t i = 0; i < MLP_MOST_WIDTHS; i++)
        shape->widths[i] = (size_t)widths[i];
    hid_t text = H5Tcopy(H5T_C_S1);
    H5Tset_size(text, 32);
    memset(activation, 0, 32);
    a = H5Aopen(file, "activation", H5P_DEFAULT);
    cr_assert(H5Aread(a, text, activation) >= 0);
    H5Aclose(a);
    H5Tclose(text);
    H5Fclose(file);
    shape->activation = activation;
}

/* /<group>/<name> of every parameter, flat. */
static void write_parameters(const mlp_fixture *f, const char *name, const char *group, gn_array *theta) {
    double *flat = malloc(f->p * sizeof *flat);
    for (size_t i = 0; i < gn_network_parameter_count(f->network); i++) {
        gn_parameter p = gn_network_parameter(f->network, i);
        char path[128];
        size_t count;
        snprintf(path, sizeof path, "/%s/%s", group, p.name);
        double *values = reference_array(name, path, &count);
        cr_assert(values && count == p.count, "%s has no %s of %zu elements", name, path, p.count);
        memcpy(flat + p.offset, values, count * sizeof *flat);
        free(values);
    }
    OK(f->context, gn_array_write(theta, flat, f->p));
    free(flat);
}

static void write_array(gn_context *context, const char *name, const char *path, gn_array *array) {
    size_t count;
    double *values = reference_array(name, path, &count);
    OK(context, gn_array_write(array, values, count));
    free(values);
}

/* The case's inputs and parameters. */
static void set_point(const mlp_fixture *f, const char *name) {
    write_array(f->context, name, "/inputs", f->inputs);
    write_parameters(f, name, "params", f->theta);
    OK(f->context, gn_linearization_set_reference(f->lin, f->theta0));
    OK(f->context, gn_linearization_set_batch(f->lin, f->inputs, f->targets));
    OK(f->context, gn_linearization_set_point(f->lin, f->theta));
}

mlp_fixture reference_setup(const char *device, const char *name) {
    mlp_case shape = {.name = name};
    char activation[32];
    read_shape(name, &shape, activation);
    shape.no_bias = reference_attribute(name, "/", "bias") == 0;
    shape.output_scale = reference_attribute(name, "/", "output_scale");
    shape.centred = reference_attribute(name, "/", "centred") != 0;
    return reference_setup_as(device, &shape);
}

mlp_fixture reference_setup_as(const char *device, const mlp_case *from) {
    mlp_case shape = *from;
    const char *name = shape.name;
    size_t count;
    double *inputs = reference_array(name, "/inputs", &count);
    free(inputs);
    shape.samples = count / shape.widths[0];
    mlp_fixture f = mlp_setup(device, GN_FLOAT64, &shape);
    write_array(f.context, name, "/targets", f.targets);
    if (shape.centred)
        write_parameters(&f, name, "params0", f.theta0);
    set_point(&f, name);
    return f;
}

/* ---- transformers ---- */

const char *const *transformer_names(size_t *count) {
    static const char *const names[] = {"transformer_post", "transformer_pre", "transformer_sinusoidal"};
    *count = sizeof names / sizeof *names;
    return names;
}

static size_t size_attribute(const char *name, const char *attribute) {
    return (size_t)reference_attribute(name, "/", attribute);
}

mlp_fixture transformer_setup(const char *device, const char *name) {
    mlp_case shape = {.name = name};
    size_t count;
    shape.transformer =
        (gn_transformer_options){.layers = size_attribute(name, "layers"),
                                 .width = size_attribute(name, "width"),
                                 .heads = size_attribute(name, "heads"),
                                 .ffn_width = size_attribute(name, "ffn_width"),
                                 .vocabulary = size_attribute(name, "vocabulary"),
                                 .context = size_attribute(name, "context"),
                                 .norm = size_attribute(name, "pre") ? GN_NORM_PRE : GN_NORM_POST,
                                 .sinusoidal = size_attribute(name, "sinusoidal") != 0,
                                 .read = size_attribute(name, "read")};
    free(reference_array(name, "/inputs", &count));
    shape.samples = count / shape.transformer.context;
    double *targets = reference_array(name, "/targets", &count);
    shape.classes = targets != NULL;
    mlp_fixture f = mlp_setup(device, GN_FLOAT64, &shape);
    if (targets)
        OK(f.context, gn_array_write(f.targets, targets, count));
    free(targets);
    set_point(&f, name);
    return f;
}

void expect_reference(const char *name, const char *path, const double *found, size_t count,
                      double tolerance) {
    size_t expected_count;
    double *expected = reference_array(name, path, &expected_count), difference = 0, size = 0;
    cr_assert(expected && expected_count == count, "%s%s: %zu elements found", name, path, count);
    for (size_t i = 0; i < count; i++) {
        difference = fmax(difference, isnan(found[i]) ? INFINITY : fabs(found[i] - expected[i]));
        size = fmax(size, fabs(expected[i]));
    }
    cr_expect(difference <= tolerance * size, "%s%s differs by %.3g of its largest value (%.3g allowed)",
              name, path, difference / size, tolerance);
    free(expected);
}
