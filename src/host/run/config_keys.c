/* The rows of the tables, as data: for the checks and for libcyaml. */
#include "run/config_keys.h"

#include <string.h>
#include <sys/stat.h>

/* ---- names of values ---- */

static const gn_choice problem_kinds[] = {{"arrays", GN_PROBLEM_ARRAYS},
                                          {"idx", GN_PROBLEM_IDX},
                                          {"multi_sine_1d", GN_PROBLEM_MULTI_SINE_1D},
                                          {"step_2d", GN_PROBLEM_STEP_2D},
                                          {"modular_addition", GN_PROBLEM_MODULAR_ADDITION},
                                          {"polynomial", GN_PROBLEM_POLYNOMIAL},
                                          {"poisson_2d", GN_PROBLEM_POISSON_2D},
                                          {"helmholtz_2d", GN_PROBLEM_HELMHOLTZ_2D},
                                          {"burgers_1d", GN_PROBLEM_BURGERS_1D},
                                          {"pde_2d", GN_PROBLEM_PDE_2D},
                                          {"sinc_1d", GN_PROBLEM_SINC_1D},
                                          {"frequency_mismatch_1d", GN_PROBLEM_FREQUENCY_MISMATCH_1D},
                                          {NULL, 0}};
static const gn_choice coordinate_names[] = {{"xy", GN_COORDINATES_XY}, {"xt", GN_COORDINATES_XT}, {NULL, 0}};
static const gn_choice encodings[] = {{"one_hot", GN_ENCODING_ONE_HOT},
                                      {"tokens", GN_ENCODING_TOKENS},
                                      {"equations", GN_ENCODING_EQUATIONS},
                                      {NULL, 0}};
static const gn_choice network_kinds[] = {{"mlp", GN_NETWORK_MLP},
                                          {"quadratic", GN_NETWORK_QUADRATIC},
                                          {"committee", GN_NETWORK_COMMITTEE},
                                          {"transformer", GN_NETWORK_TRANSFORMER},
                                          {NULL, 0}};
static const gn_choice activations[] = {{"tanh", 0},      {"relu", 0},     {"gelu", 0},
                                        {"sin", 0},       {"sigmoid", 0},  {"softplus", 0},
                                        {"quadratic", 0}, {"identity", 0}, {NULL, 0}};
static const gn_choice inits[] = {{"kaiming_uniform", GN_INIT_KAIMING_UNIFORM},
                                  {"kaiming_normal", GN_INIT_KAIMING_NORMAL},
                                  {"glorot_uniform", GN_INIT_GLOROT_UNIFORM},
                                  {"glorot_normal", GN_INIT_GLOROT_NORMAL},
                                  {"torch_uniform", GN_INIT_TORCH_UNIFORM},
                                  {"standard_normal", GN_INIT_STANDARD_NORMAL},
                                  {NULL, 0}};
static const gn_choice attention_inits[] = {
    {"glorot_uniform", GN_INIT_MODEL}, {"torch_uniform", GN_INIT_TORCH_UNIFORM}, {NULL, 0}};
static const gn_choice norms[] = {{"post", GN_NORM_POST}, {"pre", GN_NORM_PRE}, {NULL, 0}};
static const gn_choice positions[] = {
    {"learned", GN_POSITIONS_LEARNED}, {"sinusoidal", GN_POSITIONS_SINUSOIDAL}, {NULL, 0}};
static const gn_choice losses[] = {
    {"squared", GN_LOSS_SQUARED}, {"cross_entropy", GN_LOSS_CROSS_ENTROPY}, {NULL, 0}};
static const gn_choice batch_sizes[] = {{"full", 0}, {NULL, 0}};
static const gn_choice cadences[] = {{"log", 0}, {NULL, 0}};
static const gn_choice optimizer_kinds[] = {{"sgd", GN_OPTIMIZER_SGD},
                                            {"adam", GN_OPTIMIZER_ADAM},
                                            {"adamw", GN_OPTIMIZER_ADAMW},
                                            {"gauss_newton", GN_OPTIMIZER_GAUSS_NEWTON},
                                            {"levenberg_marquardt", GN_OPTIMIZER_LEVENBERG_MARQUARDT},
                                            {"ggn", GN_OPTIMIZER_GGN},
                                            {"fractional", GN_OPTIMIZER_FRACTIONAL},
                                            {"lbfgs", GN_OPTIMIZER_LBFGS},
                                            {NULL, 0}};
static const gn_choice solvers[] = {{"auto", GN_SOLVER_AUTO},
                                    {"dual", GN_SOLVER_DUAL},
                                    {"primal", GN_SOLVER_PRIMAL},
                                    {"spectral", GN_SOLVER_SPECTRAL},
                                    {"cg", GN_SOLVER_CG},
                                    {"lsmr", GN_SOLVER_LSMR},
                                    {NULL, 0}};
static const gn_choice curvatures[] = {{"sum", GN_CURVATURE_SUM}, {"mean", GN_CURVATURE_MEAN}, {NULL, 0}};
static const gn_choice dampings[] = {{"constant", GN_DAMPING_CONSTANT},
                                     {"scheduled", GN_DAMPING_SCHEDULED},
                                     {"gain_ratio", GN_DAMPING_GAIN_RATIO},
                                     {"relative", GN_DAMPING_RELATIVE},
                                     {NULL, 0}};
static const gn_choice preconditioners[] = {{"none", GN_PRECONDITIONER_NONE},
                                            {"jacobi", GN_PRECONDITIONER_JACOBI},
                                            {"nystrom", GN_PRECONDITIONER_NYSTROM},
                                            {"kfac", GN_PRECONDITIONER_KFAC},
                                            {NULL, 0}};
static const gn_choice line_searches[] = {
    {"none", GN_LINE_SEARCH_NONE}, {"armijo", GN_LINE_SEARCH_ARMIJO}, {NULL, 0}};
static const gn_choice accelerations[] = {
    {"none", GN_ACCELERATION_NONE}, {"geodesic", GN_ACCELERATION_GEODESIC}, {NULL, 0}};
static const gn_choice step_sizes[] = {{"fixed", GN_STEP_SIZE_FIXED},
                                       {"stability", GN_STEP_SIZE_STABILITY},
                                       {"recorded_norm", GN_STEP_SIZE_RECORDED_NORM},
                                       {"trace", GN_STEP_SIZE_TRACE},
                                       {"recorded_loss", GN_STEP_SIZE_RECORDED_LOSS},
                                       {NULL, 0}};
static const gn_choice gradients[] = {{"plain", GN_GRADIENT_PLAIN},
                                      {"orthogonal", GN_GRADIENT_ORTHOGONAL},
                                      {"column_normalized", GN_GRADIENT_COLUMN_NORMALIZED},
                                      {NULL, 0}};
static const gn_choice observers[] = {{"metrics", GN_OBSERVE_METRICS},
                                      {"norms", GN_OBSERVE_NORMS},
                                      {"fourier", GN_OBSERVE_FOURIER},
                                      {"solution", GN_OBSERVE_SOLUTION},
                                      {"ntk", GN_OBSERVE_NTK},
                                      {"drift", GN_OBSERVE_DRIFT},
                                      {"generalisation", GN_OBSERVE_GENERALISATION},
                                      {"curvature", GN_OBSERVE_CURVATURE},
                                      {"rays", GN_OBSERVE_RAYS},
                                      {"participation", GN_OBSERVE_PARTICIPATION},
                                      {"nudft", GN_OBSERVE_NUDFT},
                                      {NULL, 0}};
static const gn_choice phase_metrics[] = {{"loss_train", GN_PHASE_LOSS_TRAIN},
                                          {"loss_test", GN_PHASE_LOSS_TEST},
                                          {"accuracy_train", GN_PHASE_ACCURACY_TRAIN},
                                          {"accuracy_test", GN_PHASE_ACCURACY_TEST},
                                          {NULL, 0}};
static const gn_choice signals[] = {{"drift", GN_SIGNAL_DRIFT},
                                    {"linearisation_gap", GN_SIGNAL_LINEARISATION_GAP},
                                    {"mode_rate", GN_SIGNAL_MODE_RATE},
                                    {NULL, 0}};
static const gn_choice plots[] = {{"none", GN_PLOT_NONE},       {"metrics", GN_PLOT_METRICS},
                                  {"fourier", GN_PLOT_FOURIER}, {"rates", GN_PLOT_RATES},
                                  {"drift", GN_PLOT_DRIFT},     {"curvature", GN_PLOT_CURVATURE},
                                  {"nudft", GN_PLOT_NUDFT},     {NULL, 0}};
static const gn_choice clocks[] = {{"step", GN_PLOT_OVER_STEPS},
                                   {"seconds", GN_PLOT_OVER_SECONDS},
                                   {"passes", GN_PLOT_OVER_PASSES},
                                   {"progress", GN_PLOT_OVER_PROGRESS},
                                   {NULL, 0}};
static const gn_choice scales[] = {{"linear", GN_PLOT_LINEAR}, {"log", GN_PLOT_LOG}, {NULL, 0}};
static const gn_choice precisions[] = {{"float32", GN_FLOAT32}, {"float64", GN_FLOAT64}, {NULL, 0}};
/* Columns of metrics.csv, and the numbers that observers write at each look. */
static const gn_choice metrics[] = {
#define METRIC_CHOICE(name) {#name, 0},
    GN_METRICS_LIST(METRIC_CHOICE)
#undef METRIC_CHOICE
        {"norms/weight_norm", 0},
    {"norms/relative_movement", 0},
    {"ntk/kernel_drift", 0},
    {"ntk/condition_number", 0},
    {"ntk/effective_rank", 0},
    {"ntk/preconditioned_condition_number", 0},
    {"ntk/preconditioned_effective_rank", 0},
    {"drift/kernel_drift", 0},
    {"drift/cka", 0},
    {"drift/kernel_target_alignment", 0},
    {"drift/uniformity", 0},
    {"drift/subspace_residency", 0},
    {"drift/linearisation_gap", 0},
    {"drift/companion_loss_train", 0},
    {"drift/companion_loss_test", 0},
    {"curvature/sharpness", 0},
    {"curvature/residual_share", 0},
    {"curvature/top_energy", 0},
    {"curvature/direction_angle", 0},
    {"rays/nyquist_error_train", 0},
    {"rays/nyquist_error_test", 0},
    {"rays/first_error_train", 0},
    {"rays/first_error_test", 0},
    {"participation/inverse_ratio", 0},
    {NULL, 0}};

/* ---- rows as data ---- */

#define OF_TEXT(of)             NULL, NULL
#define OF_NAME(of)             of, NULL
#define OF_PATH(of)             NULL, NULL
#define OF_REAL(of)             NULL, NULL
#define OF_COUNT(of)            NULL, NULL
#define OF_SEED(of)             NULL, NULL
#define OF_BOOL(of)             NULL, NULL
#define OF_CHOICE(of)           of, NULL
#define OF_WORD_OR_COUNT(of)    of, NULL
#define OF_COUNTS(of)           NULL, NULL
#define OF_TEXTS(of)            of, NULL
#define OF_VALUES(of)           NULL, NULL
#define OF_SECTION(of)          NULL, &of
#define OF_SECTIONS(of)         NULL, &of
#define OF_SWEEP(of)            NULL, &of
#define OF_QUICK(of)            NULL, &of
#define OF_BENCH(of)            NULL, &of
#define OF_OPTIONAL_REAL(of)    NULL, NULL
#define OF_OPTIONAL_SECTION(of) NULL, &of
#define OF_REALS(of)            NULL, NULL
#define ROW(type, key, member, fallback, unit, range, kinds, of, doc)                                        \
    {GN_KEY_##type,                                                                                          \
     #key,                                                                                                   \
     fallback,                                                                                               \
     unit,                                                                                                   \
     range,                                                                                                  \
     kinds,                                                                                                  \
     OF_##type(of),                                                                                          \
     offsetof(STRUCT, member),                                                                               \
     sizeof(((STRUCT *)NULL)->member),                                                                       \
     doc},

/* ---- rows as libcyaml's schema: every key is optional there, because the checks have been done ---- */

#define OPTIONAL CYAML_FLAG_OPTIONAL
#define FIELD_TEXT(key, member, of)                                                                          \
    CYAML_FIELD_STRING_PTR(#key, CYAML_FLAG_POINTER | OPTIONAL, STRUCT, member, 0, CYAML_UNLIMITED)
#define FIELD_NAME                   FIELD_TEXT
#define FIELD_PATH                   FIELD_TEXT
#define FIELD_REAL(key, member, of)  CYAML_FIELD_FLOAT(#key, OPTIONAL, STRUCT, member)
#define FIELD_COUNT(key, member, of) CYAML_FIELD_UINT(#key, OPTIONAL, STRUCT, member)
#define FIELD_SEED                   FIELD_COUNT
#define FIELD_BOOL(key, member, of)  CYAML_FIELD_BOOL(#key, OPTIONAL, STRUCT, member)
#define FIELD_CHOICE(key, member, of)                                                                        \
    CYAML_FIELD_ENUM(#key, OPTIONAL | CYAML_FLAG_STRICT, STRUCT, member, of, CYAML_ARRAY_LEN(of) - 1)
#define FIELD_WORD_OR_COUNT(key, member, of)                                                                 \
    CYAML_FIELD_ENUM(#key, OPTIONAL, STRUCT, member, of, CYAML_ARRAY_LEN(of) - 1)
#define FIELD_COUNTS(key, member, of)                                                                        \
    CYAML_FIELD_SEQUENCE(#key, CYAML_FLAG_POINTER | OPTIONAL, STRUCT, member, &count_entry, 0,               \
                         CYAML_UNLIMITED)
#define FIELD_REALS(key, member, of)                                                                         \
    CYAML_FIELD_SEQUENCE(#key, CYAML_FLAG_POINTER | OPTIONAL, STRUCT, member, &real_entry, 0, CYAML_UNLIMITED)
#define FIELD_TEXTS(key, member, of)                                                                         \
    CYAML_FIELD_SEQUENCE(#key, CYAML_FLAG_POINTER | OPTIONAL, STRUCT, member, &text_entry, 0, CYAML_UNLIMITED)
#define FIELD_SECTION(key, member, of) CYAML_FIELD_MAPPING(#key, OPTIONAL, STRUCT, member, of##_fields)
#define FIELD_OPTIONAL_REAL(key, member, of)                                                                 \
    CYAML_FIELD_FLOAT_PTR(#key, CYAML_FLAG_POINTER | OPTIONAL, STRUCT, member)
#define FIELD_OPTIONAL_SECTION(key, member, of)                                                              \
    CYAML_FIELD_MAPPING_PTR(#key, CYAML_FLAG_POINTER | OPTIONAL, STRUCT, member, of##_fields)
#define FIELD_SECTIONS(key, member, of)                                                                      \
    CYAML_FIELD_SEQUENCE(#key, CYAML_FLAG_POINTER | OPTIONAL, STRUCT, member, &of##_entry, 0, CYAML_UNLIMITED)
#define FIELD_SWEEP(key, member, of)                                    CYAML_FIELD_IGNORE(#key, OPTIONAL)
#define FIELD_QUICK                                                     FIELD_SWEEP
#define FIELD_BENCH                                                     FIELD_SWEEP
#define FIELD(type, key, member, fallback, unit, range, kinds, of, doc) FIELD_##type(key, member, of),

static const cyaml_schema_value_t count_entry = {CYAML_VALUE_UINT(CYAML_FLAG_DEFAULT, size_t)};
static const cyaml_schema_value_t real_entry = {CYAML_VALUE_FLOAT(CYAML_FLAG_DEFAULT, double)};
static const cyaml_schema_value_t text_entry = {
    CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char *, 0, CYAML_UNLIMITED)};

#define DEFINE_SECTION(id, KEYS)        DEFINE_SECTION_AS(static const, id, KEYS)
#define DEFINE_SHARED_SECTION(id, KEYS) DEFINE_SECTION_AS(const, id, KEYS)
#define DEFINE_SECTION_AS(STORAGE, id, KEYS)                                                                 \
    static const cyaml_schema_field_t id##_fields[] = {KEYS(FIELD) CYAML_FIELD_END};                         \
    static const gn_key id##_rows[] = {KEYS(ROW){.name = NULL}};                                             \
    STORAGE gn_section id = {id##_rows, id##_fields};

#define STRUCT gn_config_problem
DEFINE_SHARED_SECTION(gn_problem_section, GN_PROBLEM_KEYS)
#undef STRUCT
#define STRUCT gn_config_network
DEFINE_SHARED_SECTION(gn_network_section, GN_NETWORK_KEYS)
#undef STRUCT
#define STRUCT gn_config_loss
DEFINE_SECTION(gn_loss_section, GN_LOSS_KEYS)
#undef STRUCT
#define STRUCT gn_config_batch
DEFINE_SECTION(gn_batch_section, GN_BATCH_KEYS)
#undef STRUCT
#define STRUCT gn_damping_options
DEFINE_SECTION(gn_damping_section, GN_DAMPING_KEYS)
#undef STRUCT
#define STRUCT gn_cg_settings
DEFINE_SECTION(gn_cg_section, GN_CG_KEYS)
#undef STRUCT
#define STRUCT gn_line_search_options
DEFINE_SECTION(gn_line_search_section, GN_LINE_SEARCH_KEYS)
#undef STRUCT
#define STRUCT gn_acceleration_options
DEFINE_SECTION(gn_acceleration_section, GN_ACCELERATION_KEYS)
#undef STRUCT
#define STRUCT gn_grokfast_options
DEFINE_SECTION(gn_grokfast_section, GN_GROKFAST_KEYS)
#undef STRUCT
#define STRUCT gn_config_step_size
DEFINE_SECTION(gn_step_size_section, GN_STEP_SIZE_KEYS)
#undef STRUCT
#define STRUCT gn_config_optimizer
DEFINE_SECTION(gn_optimizer_section, GN_OPTIMIZER_KEYS)
#undef STRUCT
#define STRUCT gn_config_until
DEFINE_SECTION(gn_until_section, GN_UNTIL_KEYS)
#undef STRUCT
#define STRUCT gn_config_stagnation
DEFINE_SECTION(gn_stagnation_section, GN_STAGNATION_KEYS)
#undef STRUCT
#define STRUCT gn_config_switch
DEFINE_SECTION(gn_switch_section, GN_SWITCH_KEYS)
#undef STRUCT
#define STRUCT gn_config_phase
DEFINE_SECTION(gn_phase_section, GN_PHASE_KEYS)
#undef STRUCT
#define STRUCT gn_config_observer
DEFINE_SECTION(gn_observer_section, GN_OBSERVER_KEYS)
#undef STRUCT
#define STRUCT gn_config_plot
DEFINE_SECTION(gn_plot_section, GN_PLOT_KEYS)
#undef STRUCT

/* These are taken apart on the tree (config_sweep.c, config_quick.c, config_bench.c) and never loaded. */
struct sweep_row {
    char *key, *values;
};
#define STRUCT struct sweep_row
static const gn_key gn_sweep_section_rows[] = {GN_SWEEP_KEYS(ROW){.name = NULL}};
const gn_section gn_sweep_section = {gn_sweep_section_rows, NULL};
static const gn_key gn_quick_section_rows[] = {GN_QUICK_KEYS(ROW){.name = NULL}};
static const gn_section gn_quick_section = {gn_quick_section_rows, NULL};
#undef STRUCT
struct bench_row {
    char *text;
};
#define STRUCT struct bench_row
static const gn_key gn_target_section_rows[] = {GN_TARGET_KEYS(ROW){.name = NULL}};
static const gn_section gn_target_section = {gn_target_section_rows, NULL};
static const gn_key gn_compared_section_rows[] = {GN_COMPARED_KEYS(ROW){.name = NULL}};
static const gn_section gn_compared_section = {gn_compared_section_rows, NULL};
static const gn_key gn_bench_section_rows[] = {GN_BENCH_KEYS(ROW){.name = NULL}};
const gn_section gn_bench_section = {gn_bench_section_rows, NULL};
#undef STRUCT

static const cyaml_schema_value_t gn_phase_section_entry = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, gn_config_phase, gn_phase_section_fields)};
static const cyaml_schema_value_t gn_observer_section_entry = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, gn_config_observer, gn_observer_section_fields)};

#define STRUCT gn_config
static const cyaml_schema_field_t config_fields[] = {GN_CONFIG_KEYS(FIELD) CYAML_FIELD_END};
static const gn_key config_rows[] = {GN_CONFIG_KEYS(ROW){.name = NULL}};
const gn_section gn_config_section = {config_rows, config_fields};
#undef STRUCT

/* ---- look-up ---- */

static bool same_text(const void *one, const void *other) {
    const char *a = *(const char *const *)one, *b = *(const char *const *)other;
    return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

/* Two paths of one file or folder are the same; of what is not there those that read the same. */
static bool same_path(const void *one, const void *other) {
    const char *a = *(const char *const *)one, *b = *(const char *const *)other;
    struct stat of_a, of_b;
    if (same_text(one, other))
        return true;
    return a != NULL && b != NULL && stat(a, &of_a) == 0 && stat(b, &of_b) == 0 &&
           of_a.st_dev == of_b.st_dev && of_a.st_ino == of_b.st_ino;
}

/* The lists' lengths are where libcyaml's field puts them. */
static bool same_counts(const cyaml_schema_field_t *field, const char *one, const char *other) {
    unsigned lengths[2];
    memcpy(&lengths[0], one + field->count_offset, sizeof *lengths);
    memcpy(&lengths[1], other + field->count_offset, sizeof *lengths);
    const void *a = *(void *const *)(const void *)(one + field->data_offset);
    const void *b = *(void *const *)(const void *)(other + field->data_offset);
    return lengths[0] == lengths[1] && (lengths[0] == 0 || memcmp(a, b, lengths[0] * sizeof(size_t)) == 0);
}

static bool same_value(const gn_section *section, size_t i, const char *one, const char *other) {
    const gn_key *key = &section->keys[i];
    switch (key->type) {
    case GN_KEY_TEXT:
    case GN_KEY_NAME:
        return same_text(one + key->offset, other + key->offset);
    case GN_KEY_PATH:
        return same_path(one + key->offset, other + key->offset);
    case GN_KEY_COUNTS:
        return same_counts(&section->schema[i], one, other);
    default: /* numbers and names: no pointer in them */
        return memcmp(one + key->offset, other + key->offset, key->size) == 0;
    }
}

bool gn_section_same(const gn_section *section, const void *one, const void *other) {
    for (size_t i = 0; section->keys[i].name != NULL; i++)
        if (!same_value(section, i, one, other))
            return false;
    return true;
}

const gn_key *gn_section_key(const gn_section *section, const char *name, int64_t kind) {
    for (const gn_key *key = section->keys; key->name != NULL; key++)
        if (strcmp(key->name, name) == 0 && (kind < 0 || (key->kinds >> kind & 1) != 0))
            return key;
    return NULL;
}

const gn_choice *gn_section_kinds(const gn_section *section) {
    const gn_key *kind = gn_section_key(section, "kind", -1);
    return kind == NULL ? NULL : kind->choices;
}

const gn_choice *gn_choice_find(const gn_choice *choices, const char *name) {
    for (; choices->str != NULL; choices++)
        if (strcmp(choices->str, name) == 0)
            return choices;
    return NULL;
}
