#include "run/linearize.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backend/context.h"
#include "core/size.h"
#include "core/status.h"
#include "observe/probe.h"
#include "run/h5.h"
#include "run/parameters.h"

typedef struct map {
    const gn_config *config;
    const gn_config_source *source;
    gn_build *build;
    const gn_linearize_dampings *dampings;
    gn_context *context;
    gn_linearization *linearization; /* of linearize */
    gn_probe probe;                  /* of ntk */
    size_t values;
    gn_h5 *file;
    size_t samples, outputs, rows, parameters; /* N, C, M, P */
    const char *verb;                          /* for messages */
    gn_message *message;
} map;

/* Status and message of a failed call on the context. */
static gn_status ours(const map *m, gn_status status, const char *what) {
    return status == GN_OK ? GN_OK : gn_build_fail(m->build, status, what, m->message);
}

static gn_status write_array(const map *m, const char *name, int rank, const size_t *shape,
                             const gn_array *array) {
    double *values;
    GN_TRY(gn_array_to_host(array, &values, m->message));
    gn_status status = gn_h5_write(m->file, name, rank, shape, values, m->message);
    free(values);
    return status;
}

/* ---- memory ---- */

/* Blocks of J that stay below 256 MiB; at least one sample. */
static size_t block_samples(const map *m) {
    double sample = 8.0 * (double)m->outputs * (double)m->parameters;
    double samples = 268435456.0 / (sample < 1 ? 1 : sample);
    return samples < 1 ? 1 : samples > (double)m->samples ? m->samples : (size_t)samples;
}

static gn_status predict_memory(const map *m) {
    const double element = (double)gn_dtype_size(m->config->precision), M = (double)m->rows;
    const double block = element * (double)(block_samples(m) * m->outputs) * (double)m->parameters;
    char what[256], ntk[32], size[32];
    snprintf(what, sizeof what,
             "the NTK (%zu x %zu, %s) with its eigenvalues and a block of J (%zu x %zu, %s)", m->rows,
             m->rows, gn_size_text(element * M * M, ntk), block_samples(m) * m->outputs, m->parameters,
             gn_size_text(block, size));
    return ours(m,
                gn_memory_predict(m->context, 3 * element * M * M + block, what,
                                  "take fewer training samples or precision float32"),
                m->verb);
}

/* ---- the point ---- */

static gn_status read_point(const map *m, const char *params) {
    gn_h5 *file;
    if (params == NULL)
        return GN_OK;
    if (access(params, R_OK) != 0)
        return gn_message_fail(m->message, GN_ERROR_CONFIG, "--params: %s: %s", params, strerror(errno));
    gn_status status = gn_h5_open(params, false, &file, m->message);
    if (status == GN_OK) {
        status = gn_parameters_read(file, params, "/params", m->build->network, m->build->theta, m->message);
        if (status == GN_OK && m->config->network.centred && gn_h5_has(file, "/initial"))
            status =
                gn_parameters_read(file, params, "/initial", m->build->network, m->build->theta0, m->message);
        gn_h5_close(file, NULL);
    }
    return status == GN_ERROR_FORMAT || status == GN_ERROR_IO ? GN_ERROR_CONFIG : status;
}

static gn_status set_point(map *m) {
    const gn_dataset *data = &m->build->dataset;
    gn_status status;
    GN_TRY_DONE(gn_linearization_create(m->build->network, m->config->loss.kind, m->config->precision,
                                        m->samples, &m->linearization));
    GN_TRY_DONE(gn_linearization_set_reference(m->linearization, m->build->theta0));
    GN_TRY_DONE(gn_linearization_set_batch(m->linearization, data->inputs, data->targets));
    GN_TRY_DONE(gn_linearization_set_weights(m->linearization, data->weights));
    GN_TRY_DONE(gn_linearization_set_point(m->linearization, m->build->theta));
done:
    return ours(m, status, m->verb);
}

/* ---- the arrays ---- */

/* A vector that the linearization fills: /outputs, /residual or /gradient. */
static gn_status write_vector(const map *m, const char *name, int rank, const size_t *shape,
                              gn_status (*fill)(gn_linearization *, gn_array *)) {
    gn_array *array;
    GN_TRY(ours(m, gn_array_create(m->context, m->config->precision, rank, shape, &array), name));
    gn_status status = ours(m, fill(m->linearization, array), name);
    if (status == GN_OK)
        status = write_array(m, name, rank, shape, array);
    gn_array_destroy(array);
    return status;
}

static gn_status write_vectors(const map *m) {
    const gn_dataset *data = &m->build->dataset;
    const size_t inputs[2] = {m->samples, gn_network_inputs(m->build->network)};
    const size_t outputs[2] = {m->samples, m->outputs};
    double loss;
    GN_TRY(gn_parameters_write(m->file, "/params", m->build->network, m->build->theta, m->message));
    if (m->config->network.centred)
        GN_TRY(gn_parameters_write(m->file, "/params0", m->build->network, m->build->theta0, m->message));
    GN_TRY(write_array(m, "/inputs", 2, inputs, data->inputs));
    GN_TRY(write_array(m, "/targets", 2, outputs, data->targets));
    GN_TRY(write_vector(m, "/outputs", 2, outputs, gn_linearization_outputs));
    GN_TRY(write_vector(m, "/residual", 1, &m->rows, gn_linearization_residual));
    GN_TRY(write_vector(m, "/gradient", 1, &m->parameters, gn_linearization_gradient));
    GN_TRY(ours(m, gn_linearization_loss(m->linearization, &loss), "/loss"));
    return gn_h5_write(m->file, "/loss", 0, NULL, &loss, m->message);
}

static gn_status write_block(const map *m, size_t first, size_t samples) {
    const size_t shape[2] = {samples * m->outputs, m->parameters};
    gn_array *block;
    double *values = NULL;
    GN_TRY(ours(m, gn_array_create(m->context, m->config->precision, 2, shape, &block), "/jacobian"));
    gn_status status =
        ours(m, gn_linearization_jacobian(m->linearization, first, samples, block), "/jacobian");
    if (status == GN_OK)
        status = gn_array_to_host(block, &values, m->message);
    if (status == GN_OK)
        status = gn_h5_write_rows(m->file, "/jacobian", first * m->outputs, shape[0], values, m->message);
    free(values);
    gn_array_destroy(block);
    return status;
}

static gn_status write_jacobian(const map *m) {
    const size_t shape[2] = {m->rows, m->parameters}, step = block_samples(m);
    GN_TRY(gn_h5_write(m->file, "/jacobian", 2, shape, NULL, m->message));
    for (size_t first = 0; first < m->samples; first += step)
        GN_TRY(write_block(m, first, m->samples - first < step ? m->samples - first : step));
    return GN_OK;
}

/* The eigenvalues of the NTK, which is lost. */
static gn_status write_eigenvalues(const map *m, gn_array *ntk) {
    size_t n = m->rows, bytes;
    gn_array *values = NULL, work = {0};
    gn_dtype dtype = m->config->precision;
    gn_status status;
    GN_TRY_DONE(gn_array_create(m->context, dtype, 1, &n, &values));
    GN_TRY_DONE(GN_OP(m->context, eigh_workspace, dtype, n, &bytes));
    GN_TRY_DONE(gn_buffer_create(m->context, &work, GN_FLOAT64, 1, bytes / 8 + 1, "eigenvalue workspace"));
    GN_TRY_DONE(gn_eigh(m->context, dtype, n, ntk->data, n, values->data, work.data, bytes));
done:
    status = ours(m, status, "/ntk_eigenvalues");
    if (status == GN_OK)
        status = write_array(m, "/ntk_eigenvalues", 1, &n, values);
    gn_buffer_destroy(&work);
    gn_array_destroy(values);
    return status;
}

static gn_status write_ntk(const map *m) {
    const size_t shape[2] = {m->rows, m->rows};
    gn_array *ntk;
    GN_TRY(ours(m, gn_array_create(m->context, m->config->precision, 2, shape, &ntk), "/ntk"));
    gn_status status = ours(m, gn_linearization_gram(m->linearization, ntk), "/ntk");
    if (status == GN_OK)
        status = write_array(m, "/ntk", 2, shape, ntk);
    if (status == GN_OK)
        status = write_eigenvalues(m, ntk);
    gn_array_destroy(ntk);
    return status;
}

static gn_status write_direction(const map *m, const gn_config_optimizer *from) {
    gn_optimizer *optimizer = NULL;
    gn_array *direction = NULL;
    char name[160];
    bool refused = false; /* what the configuration asks for */
    gn_status status;
    snprintf(name, sizeof name, "/directions/%s", from->label);
    GN_TRY_DONE(gn_array_create(m->context, m->config->precision, 1, &m->parameters, &direction));
    status = gn_optimizer_create(m->context, &from->options, m->config->precision, m->parameters, m->rows,
                                 &optimizer);
    refused = status == GN_ERROR_ARGUMENT || status == GN_ERROR_UNSUPPORTED;
    GN_TRY_DONE(status);
    GN_TRY_DONE(gn_optimizer_direction(optimizer, m->linearization, direction));
done:
    status = ours(m, status, name);
    if (refused)
        status = GN_ERROR_CONFIG;
    if (status == GN_OK)
        status = write_array(m, name, 1, &m->parameters, direction);
    gn_optimizer_destroy(optimizer);
    gn_array_destroy(direction);
    return status;
}

static bool has_damping(const gn_config_optimizer *from) {
    return from->options.kind == GN_OPTIMIZER_LEVENBERG_MARQUARDT || from->options.kind == GN_OPTIMIZER_GGN;
}

static gn_status write_damped(const map *m, const gn_config_optimizer *from) {
    const size_t shape[2] = {m->dampings->count, m->parameters};
    gn_optimizer *optimizer = NULL;
    gn_array *directions = NULL;
    char name[160];
    gn_status status;
    snprintf(name, sizeof name, "/damped/%s", from->label);
    GN_TRY_DONE(gn_array_create(m->context, m->config->precision, 2, shape, &directions));
    GN_TRY_DONE(gn_optimizer_create(m->context, &from->options, m->config->precision, m->parameters, m->rows,
                                    &optimizer));
    GN_TRY_DONE(
        gn_optimizer_directions(optimizer, m->linearization, shape[0], m->dampings->values, directions));
done:
    status = ours(m, status, name);
    if (status == GN_OK)
        status = write_array(m, name, 2, shape, directions);
    gn_optimizer_destroy(optimizer);
    gn_array_destroy(directions);
    return status;
}

static gn_status write_all_damped(const map *m) {
    const size_t count = m->dampings->count;
    if (count == 0)
        return GN_OK;
    GN_TRY(gn_h5_write(m->file, "/dampings", 1, &count, m->dampings->values, m->message));
    for (unsigned i = 0; i < m->config->phases_count; i++)
        if (has_damping(&m->config->phases[i].optimizer))
            GN_TRY(write_damped(m, &m->config->phases[i].optimizer));
    return GN_OK;
}

/* The directions' optimisers free their matrices before the next is made, and the NTK comes before them. */
static gn_status write_all(const map *m) {
    GN_TRY(write_vectors(m));
    GN_TRY(write_jacobian(m));
    GN_TRY(write_ntk(m));
    for (unsigned i = 0; i < m->config->phases_count; i++)
        GN_TRY(write_direction(m, &m->config->phases[i].optimizer));
    return write_all_damped(m);
}

static gn_status check_dampings(const map *m) {
    for (unsigned i = 0; i < m->config->phases_count; i++)
        if (has_damping(&m->config->phases[i].optimizer))
            return GN_OK;
    if (m->dampings->count == 0)
        return GN_OK;
    return gn_message_fail(m->message, GN_ERROR_CONFIG,
                           "--dampings needs a phase of levenberg_marquardt or ggn, and there is none");
}

/* ---- the spectrum alone ---- */

static gn_status open_probe(map *m) {
    enum { DENSE_ROWS = 2048, VALUES = 20 };
    const gn_probe_options options = {.observer = m->verb,
                                      .advice = "--values, or fewer training samples",
                                      .points = m->samples,
                                      .dtype = GN_FLOAT64,
                                      .dense_rows = m->values > 0 ? 0 : DENSE_ROWS,
                                      .values = m->values > 0 ? m->values : VALUES};
    const gn_build *build = m->build;
    return ours(m,
                gn_probe_open(m->context, &options, build->network, m->config->loss.kind, &build->dataset,
                              build->theta, &m->probe),
                m->verb);
}

/* Host values, descending, as they are in files. */
static gn_status write_ascending(const map *m, const char *name, const double *values) {
    const size_t count = m->probe.count;
    double *ascending = malloc(count * sizeof *ascending);
    if (!ascending)
        return gn_message_fail(m->message, GN_ERROR_MEMORY, "%s: out of memory", name);
    for (size_t i = 0; i < count; i++)
        ascending[i] = values[count - 1 - i];
    const gn_status status = gn_h5_write(m->file, name, 1, &count, ascending, m->message);
    free(ascending);
    return status;
}

static gn_status write_spectrum(const map *m) {
    const gn_probe *probe = &m->probe;
    const size_t shape[2] = {probe->rows, probe->rows};
    GN_TRY(gn_parameters_write(m->file, "/params", m->build->network, m->build->theta, m->message));
    GN_TRY(write_ascending(m, "/ntk_eigenvalues", probe->first_values));
    if (probe->dense)
        return write_array(m, "/ntk", 2, shape, &probe->first);
    return write_ascending(m, "/ntk_eigenvalue_bounds", probe->first_values + probe->count);
}

/* ---- the file ---- */

/* A file is made under another name first, which means nothing to who reads of it. */
static void name_as_asked(const char *out, const char *fresh, gn_message *message) {
    char *at = strstr(message->text, fresh);
    if (at)
        memmove(at + strlen(out), at + strlen(fresh), strlen(at + strlen(fresh)) + 1);
}

static gn_status write_file(map *m, const char *out, gn_status (*write)(const map *)) {
    char fresh[4200];
    if ((size_t)snprintf(fresh, sizeof fresh, "%s.new", out) >= sizeof fresh)
        return gn_message_fail(m->message, GN_ERROR_CONFIG, "--out: too long a path");
    gn_status status = gn_h5_create(fresh, &m->file, m->message);
    if (status == GN_OK) {
        status = write(m);
        gn_status closed = gn_h5_close(m->file, status == GN_OK ? m->message : NULL);
        status = status == GN_OK ? closed : status;
    }
    if (status != GN_OK)
        name_as_asked(out, fresh, m->message);
    if (status == GN_OK && rename(fresh, out) != 0)
        status = gn_message_fail(m->message, GN_ERROR_IO, "%s: %s", out, strerror(errno));
    if (status != GN_OK)
        unlink(fresh);
    return status;
}

/* The linear map at the point, or the spectrum of its kernel alone. */
static gn_status look(map *m, const char *params, bool spectrum) {
    m->samples = gn_array_length(m->build->dataset.inputs, 0);
    m->outputs = gn_network_outputs(m->build->network);
    m->parameters = gn_network_parameters(m->build->network);
    m->context = m->build->context;
    if (!gn_size_multiply(m->samples, m->outputs, &m->rows))
        return gn_message_fail(m->message, GN_ERROR_MEMORY, "%s: more rows than can be counted", m->verb);
    GN_TRY(read_point(m, params));
    if (spectrum)
        return open_probe(m);
    GN_TRY(predict_memory(m));
    return set_point(m);
}

gn_status gn_linearize_write(const gn_config *config, const gn_config_source *source, gn_build *build,
                             const char *params, const gn_linearize_dampings *dampings, const char *out,
                             gn_message *message) {
    map m = {.config = config,
             .verb = "linearize",
             .source = source,
             .build = build,
             .dampings = dampings,
             .message = message};
    GN_TRY(check_dampings(&m));
    gn_status status = look(&m, params, false);
    if (status == GN_OK)
        status = write_file(&m, out, write_all);
    gn_linearization_destroy(m.linearization);
    return status;
}

gn_status gn_linearize_write_ntk(const gn_config *config, const gn_config_source *source, gn_build *build,
                                 const char *params, size_t values, const char *out, gn_message *message) {
    map m = {.config = config,
             .verb = "ntk",
             .source = source,
             .build = build,
             .values = values,
             .message = message};
    gn_status status = look(&m, params, true);
    if (status == GN_OK)
        status = write_file(&m, out, write_spectrum);
    gn_probe_destroy(&m.probe);
    return status;
}
