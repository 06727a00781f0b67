/* The table's entries as data, and the defaults of the optional ones. */
#include "backend/backend.h"

#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "core/status.h"

#define REQUIRED(name) {#name, offsetof(gn_backend, name), true},
#define OPTIONAL(name) {#name, offsetof(gn_backend, name), false},

/* In the table's order. */
static const gn_backend_entry entries[] = {
    REQUIRED(open) REQUIRED(close) REQUIRED(describe) REQUIRED(memory) REQUIRED(synchronize)             //
    REQUIRED(allocate) REQUIRED(release) REQUIRED(upload) REQUIRED(download) REQUIRED(copy)              //
    REQUIRED(zero) REQUIRED(fill) REQUIRED(axpby) REQUIRED(axpby_ratio) REQUIRED(multiply) REQUIRED(dot) //
    REQUIRED(gather_rows) REQUIRED(gemm) REQUIRED(cholesky_workspace) REQUIRED(cholesky)                 //
    REQUIRED(cholesky_solve) REQUIRED(eigh_workspace) REQUIRED(eigh) REQUIRED(symmetrize)                //
    REQUIRED(add_damping) REQUIRED(spectral_filter) REQUIRED(spectral_power) REQUIRED(bias_rows)         //
    REQUIRED(column_sums) REQUIRED(activation) REQUIRED(activation_vjp_jvp) REQUIRED(multiply_rows)      //
    REQUIRED(contract_rows) REQUIRED(unit_rows) REQUIRED(jacobian_linear)                                //
    REQUIRED(gram_hadamard) REQUIRED(pair_products) REQUIRED(squared_loss)                               //
    REQUIRED(count_correct) REQUIRED(sgd_update) REQUIRED(adam_update)                                   //
    REQUIRED(cross_entropy_loss) REQUIRED(softmax_hessian) REQUIRED(softmax_root)                        //
    REQUIRED(softmax_root_multiply) REQUIRED(softmax_root_solve) REQUIRED(cg_begin) REQUIRED(cg_direction)
        REQUIRED(cg_step)                                                                               //
    REQUIRED(lsmr_left) REQUIRED(lsmr_right) REQUIRED(lsmr_update) REQUIRED(copy_rows)                  //
    REQUIRED(embed) REQUIRED(embed_adjoint) REQUIRED(embed_matches) REQUIRED(jacobian_embed)            //
    REQUIRED(layer_norm) REQUIRED(layer_norm_jvp) REQUIRED(layer_norm_vjp) REQUIRED(layer_norm_vjp_jvp) //
    REQUIRED(scale_gradient) REQUIRED(jacobian_scale) REQUIRED(attention)                               //
    REQUIRED(attention_jvp) REQUIRED(attention_vjp) REQUIRED(attention_vjp_jvp) REQUIRED(jet_inputs)    //
    REQUIRED(jet_activation) REQUIRED(jet_multiply) REQUIRED(jet_vjp_jvp) REQUIRED(jet_residual)
        REQUIRED(jet_residual_vjp_jvp) OPTIONAL(syrk) //
    OPTIONAL(gemv) OPTIONAL(eigenvalues) OPTIONAL(program_create) OPTIONAL(program_run)
        OPTIONAL(program_destroy)};

enum { ENTRY_COUNT = sizeof(entries) / sizeof(entries[0]) };

/* The functions fill the table from `open` to its end without a gap: an entry added to the struct alone would
 * go unchecked and untested. */
_Static_assert(offsetof(gn_backend, open) + ENTRY_COUNT * sizeof(void (*)(void)) == sizeof(gn_backend),
               "every function of gn_backend is listed in entries[]");

const gn_backend_entry *gn_backend_entries(size_t *count) {
    *count = ENTRY_COUNT;
    return entries;
}

static const gn_backend *table_of(void *state) {
    return ((const gn_backend_state *)state)->table;
}

static gn_status syrk_by_gemm(void *state, gn_dtype type, bool transpose, size_t n, size_t k, double alpha,
                              const void *a, size_t lda, double beta, void *c, size_t ldc) {
    return table_of(state)->gemm(state, type, transpose, !transpose, n, n, k, alpha, a, lda, a, lda, beta, c,
                                 ldc);
}

static gn_status gemv_by_gemm(void *state, gn_dtype type, bool transpose, size_t m, size_t n, double alpha,
                              const void *a, size_t lda, const void *x, double beta, void *y) {
    size_t rows = transpose ? n : m, inner = transpose ? m : n;
    return table_of(state)->gemm(state, type, transpose, false, rows, 1, inner, alpha, a, lda, x, 1, beta, y,
                                 1);
}

/* ---- programs, as a loop on the host ---- */

typedef struct host_program {
    gn_status (*body)(void *user);
    void *user;
    bool loops;
    gn_program_loop loop;
} host_program;

static gn_status program_create_on_host(void *state, gn_status (*body)(void *user), void *user,
                                        const gn_program_loop *loop, void **program) {
    host_program *created = calloc(1, sizeof(*created));
    (void)state;
    *program = created;
    if (!created)
        return GN_ERROR_MEMORY;
    created->body = body;
    created->user = user;
    created->loops = loop != NULL;
    if (loop)
        created->loop = *loop;
    return GN_OK;
}

gn_status gn_program_loop_on_host(void *state, const gn_program_loop *loop, gn_status (*body)(void *user),
                                  void *user) {
    const gn_backend *table = table_of(state);
    double flag, most = INFINITY, count = 0;
    if (loop->most)
        GN_TRY(table->download(state, &most, loop->most, sizeof(most)));
    for (;; count++) {
        GN_TRY(table->download(state, &flag, loop->flag, sizeof(flag)));
        if (!(flag > 0 && count < most))
            break;
        GN_TRY(body(user));
    }
    return loop->count ? table->fill(state, GN_FLOAT64, 1, count, loop->count) : GN_OK;
}

static gn_status program_run_on_host(void *state, void *program) {
    const host_program *p = program;
    return p->loops ? gn_program_loop_on_host(state, &p->loop, p->body, p->user) : p->body(p->user);
}

static void program_destroy_on_host(void *state, void *program) {
    (void)state;
    free(program);
}

static bool entry_absent(const gn_backend *backend, const gn_backend_entry *entry) {
    void (*function)(void);
    memcpy(&function, (const char *)backend + entry->offset, sizeof(function));
    return !function;
}

gn_status gn_backend_complete(gn_backend *backend, const char **missing) {
    *missing = NULL;
    if (backend->abi != GN_BACKEND_ABI) {
        *missing = "abi";
        return GN_ERROR_UNSUPPORTED;
    }
    if (backend->size != sizeof(gn_backend)) {
        *missing = "size";
        return GN_ERROR_UNSUPPORTED;
    }
    for (size_t i = 0; i < ENTRY_COUNT; i++)
        if (entries[i].required && entry_absent(backend, &entries[i])) {
            *missing = entries[i].name;
            return GN_ERROR_UNSUPPORTED;
        }
    if (!backend->syrk)
        backend->syrk = syrk_by_gemm;
    if (!backend->gemv)
        backend->gemv = gemv_by_gemm;
    if (!backend->eigenvalues)
        backend->eigenvalues = backend->eigh;
    if (!backend->program_create || !backend->program_run || !backend->program_destroy) {
        backend->program_create = program_create_on_host;
        backend->program_run = program_run_on_host;
        backend->program_destroy = program_destroy_on_host;
    }
    return GN_OK;
}

gn_status gn_backend_open(const gn_backend *backend, const char *device, const gn_backend_services *services,
                          void **state) {
    *state = NULL;
    gn_status status = backend->open(device, services, state);
    if (status == GN_OK)
        ((gn_backend_state *)*state)->table = backend;
    return status;
}
