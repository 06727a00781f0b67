/* The problems and gnewt's answers as HDF5 files, for other programs to do the same. */
#include "problem.h"

#include <hdf5.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TRY(call)                                                                                            \
    do {                                                                                                     \
        const gn_status try_status = (call);                                                                 \
        if (try_status != GN_OK)                                                                             \
            return try_status;                                                                               \
    } while (0)

/* What a file holds of gnewt's answers. */
typedef struct dumped {
    const bench_problem_kind *kind;
    const char *steps[3]; /* by the names of bench_problem_optimizer(); NULL ends them */
    bool kernel, product;
} dumped;

static const dumped files[] = {
    {.kind = &bench_regression, .steps = {"lm-step", "sgd-step", "adamw-step"}, .kernel = true},
    {.kind = &bench_kernel_tanh, .kernel = true},
    {.kind = &bench_kernel_relu, .kernel = true},
    {.kind = &bench_digits, .steps = {"lm-step"}},
    {.kind = &bench_poisson, .steps = {"lm-step"}, .kernel = true},
    {.kind = &bench_transformer, .steps = {"adam-step"}, .product = true},
};

static bool write_array(hid_t file, const char *name, int rank, const size_t *shape, const double *values) {
    hsize_t lengths[2] = {shape[0], rank > 1 ? shape[1] : 1};
    const hid_t links = H5Pcreate(H5P_LINK_CREATE), space = H5Screate_simple(rank, lengths, NULL);
    H5Pset_create_intermediate_group(links, 1);
    const hid_t set = H5Dcreate2(file, name, H5T_NATIVE_DOUBLE, space, links, H5P_DEFAULT, H5P_DEFAULT);
    const bool written =
        set >= 0 && H5Dwrite(set, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) >= 0;
    if (set >= 0)
        H5Dclose(set);
    H5Sclose(space);
    H5Pclose(links);
    return written;
}

static bool write_number(hid_t file, const char *name, double value) {
    const hid_t space = H5Screate(H5S_SCALAR);
    const hid_t attribute = H5Acreate2(file, name, H5T_NATIVE_DOUBLE, space, H5P_DEFAULT, H5P_DEFAULT);
    const bool written = attribute >= 0 && H5Awrite(attribute, H5T_NATIVE_DOUBLE, &value) >= 0;
    if (attribute >= 0)
        H5Aclose(attribute);
    H5Sclose(space);
    return written;
}

static bool write_text(hid_t file, const char *name, const char *value) {
    const hid_t space = H5Screate(H5S_SCALAR), type = H5Tcopy(H5T_C_S1);
    H5Tset_size(type, strlen(value));
    const hid_t attribute = H5Acreate2(file, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
    const bool written = attribute >= 0 && H5Awrite(attribute, type, value) >= 0;
    if (attribute >= 0)
        H5Aclose(attribute);
    H5Tclose(type);
    H5Sclose(space);
    return written;
}

static gn_status done(bool written) {
    return written ? GN_OK : GN_ERROR_IO;
}

static gn_status write_settings(const bench_problem *p, hid_t file) {
    const bench_problem_kind *kind = p->kind;
    bool written = write_text(file, "activation", kind->activation) && write_number(file, "mu", kind->mu) &&
                   write_number(file, "rate", kind->rate) &&
                   write_number(file, "gradient_rate", kind->gradient_rate);
    for (size_t i = 0; i < gn_network_parameter_count(p->network); i++) {
        const gn_parameter parameter = gn_network_parameter(p->network, i);
        char name[96];
        snprintf(name, sizeof name, "params/%s", parameter.name);
        written =
            write_array(file, name, parameter.rank, parameter.shape, p->theta0 + parameter.offset) && written;
    }
    const size_t inputs[] = {p->samples, p->features}, targets[] = {p->samples, p->outputs};
    return done(write_array(file, "inputs", 2, inputs, p->x) &&
                write_array(file, "targets", 2, targets, p->y) && written);
}

static gn_status write_steps(bench_run *run, bench_problem *p, const char *const *steps, double *theta,
                             hid_t file) {
    for (size_t i = 0; i < 3 && steps[i]; i++) {
        char name[64];
        snprintf(name, sizeof name, "steps/%s", steps[i]);
        TRY(bench_problem_step(run, p, steps[i], theta));
        TRY(done(write_array(file, name, 1, &p->parameters, theta)));
    }
    return GN_OK;
}

static gn_status write_kernel(bench_problem *p, gn_array *k, double *values, hid_t file) {
    const size_t square[] = {p->rows, p->rows};
    TRY(gn_linearization_gram(p->linearization, k));
    TRY(gn_array_read(k, values, p->rows * p->rows));
    return done(write_array(file, "ntk", 2, square, values));
}

static gn_status write_product(bench_problem *p, gn_array *v, double *values, hid_t file) {
    bench_problem_vector(p, values);
    TRY(done(write_array(file, "vector", 1, &p->parameters, values)));
    TRY(gn_array_write(v, values, p->parameters));
    TRY(bench_problem_product(p, v, v));
    TRY(gn_array_read(v, values, p->parameters));
    return done(write_array(file, "product", 1, &p->parameters, values));
}

static gn_status write_answers(bench_run *run, const dumped *what, bench_problem *p, gn_array *array,
                               double *values, hid_t file) {
    TRY(write_steps(run, p, what->steps, values, file));
    TRY(bench_problem_reset(p));
    TRY(gn_linearization_set_point(p->linearization, p->theta));
    if (what->kernel)
        TRY(write_kernel(p, array, values, file));
    return what->product ? write_product(p, array, values, file) : GN_OK;
}

static gn_status write_problem(bench_run *run, const dumped *what, bench_problem *p, hid_t file) {
    TRY(write_settings(p, file));
    size_t count = what->kernel ? p->rows * p->rows : p->parameters;
    gn_array *array = NULL;
    double *values = malloc((count > p->parameters ? count : p->parameters) * sizeof *values);
    gn_status status = values ? gn_array_create(run->context, p->dtype, 1, &count, &array) : GN_ERROR_MEMORY;
    if (status == GN_OK)
        status = write_answers(run, what, p, array, values, file);
    gn_array_destroy(array);
    free(values);
    return status;
}

static gn_status write_file(bench_run *run, const dumped *what, hid_t file) {
    bench_problem problem;
    TRY(bench_problem_open(run, what->kind, GN_FLOAT64, &problem));
    const gn_status status = write_problem(run, what, &problem, file);
    bench_problem_close(&problem);
    return status;
}

gn_status bench_dump(bench_run *run, const char *folder) {
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        char path[4096];
        snprintf(path, sizeof path, "%s/%s.h5", folder, files[i].kind->name);
        const hid_t file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
        if (file < 0)
            return GN_ERROR_IO;
        gn_status status = write_file(run, &files[i], file);
        if (H5Fclose(file) < 0 && status == GN_OK)
            status = GN_ERROR_IO;
        TRY(status);
    }
    return GN_OK;
}
