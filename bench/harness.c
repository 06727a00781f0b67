#include "harness.h"

#include <cblas.h>
#include <errno.h>
#include <hdf5.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#ifndef GNEWT_BENCH_SOURCE_DIR
#define GNEWT_BENCH_SOURCE_DIR "."
#endif

double bench_now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static double processor_time(void) {
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int compare(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double quantile(const double *sorted, size_t count, double q) {
    const double at = q * (double)(count - 1);
    const size_t i = (size_t)at;
    return i + 1 < count ? sorted[i] + (at - (double)i) * (sorted[i + 1] - sorted[i]) : sorted[i];
}

gn_status bench_measure(const bench_effort *effort, bench_body body, void *user, bench_stats *stats) {
    const size_t most = effort->most ? effort->most : 1;
    double *seconds = malloc(most * sizeof *seconds);
    if (!seconds)
        return GN_ERROR_MEMORY;
    gn_status status = GN_OK;
    for (size_t i = 0; i < effort->warmup && status == GN_OK; i++)
        status = body(user);
    size_t count = 0;
    double total = 0;
    const double processor = processor_time();
    while (status == GN_OK && count < most && (count < effort->repetitions || total < effort->seconds)) {
        const double start = bench_now();
        status = body(user);
        seconds[count] = bench_now() - start;
        total += seconds[count++];
    }
    const double used = processor_time() - processor;
    if (status == GN_OK && count) {
        qsort(seconds, count, sizeof *seconds, compare);
        *stats = (bench_stats){.count = count,
                               .median = quantile(seconds, count, 0.5),
                               .low = quantile(seconds, count, 0.25),
                               .high = quantile(seconds, count, 0.75),
                               .minimum = seconds[0],
                               .mean = total / (double)count,
                               .processor = used / (double)count};
    }
    free(seconds);
    return status;
}

bench_result bench_result_new(const char *name, const char *variant, const char *dtype) {
    return (bench_result){.name = name, .variant = variant, .dtype = dtype, .error = NAN, .allocations = NAN};
}

static const char *in_unit(double seconds, char *text, size_t size) {
    if (seconds < 1e-3)
        snprintf(text, size, "%.1f us", seconds * 1e6);
    else if (seconds < 1)
        snprintf(text, size, "%.3f ms", seconds * 1e3);
    else
        snprintf(text, size, "%.3f s", seconds);
    return text;
}

static void print_result(const bench_result *r) {
    char median[32], low[32], high[32], minimum[32], processor[32];
    printf("%-16s %-18s %-8s", r->name, r->variant, r->dtype);
    if (r->stats.count)
        printf(" %12s  (%s .. %s)  min %s  cpu %s  n %zu", in_unit(r->stats.median, median, sizeof median),
               in_unit(r->stats.low, low, sizeof low), in_unit(r->stats.high, high, sizeof high),
               in_unit(r->stats.minimum, minimum, sizeof minimum),
               in_unit(r->stats.processor, processor, sizeof processor), r->stats.count);
    if (r->flops > 0 && r->stats.count)
        printf("  %.3g MF  %.1f GF/s", r->flops * 1e-6, r->flops / r->stats.median * 1e-9);
    if (r->bytes > 0 && r->stats.count)
        printf("  %.1f GB/s", r->bytes / r->stats.median * 1e-9);
    if (!isnan(r->allocations))
        printf("  %.0f heap calls in %zu", r->allocations, r->steps);
    if (r->peak > 0)
        printf("  N %5.0f  peak %.2f MiB", r->samples, r->peak / 1048576);
    if (!isnan(r->error))
        printf("  error %.1e%s", r->error, r->error <= r->tolerance ? "" : " FAILED");
    printf("%s%s\n", r->note[0] ? "  " : "", r->note);
    fflush(stdout);
}

void bench_add(bench_run *run, const bench_result *result) {
    if (!isnan(result->error) && !(result->error <= result->tolerance))
        run->failed = true;
    if (run->human)
        print_result(result);
    if (run->count == run->capacity) {
        const size_t capacity = run->capacity ? 2 * run->capacity : 64;
        bench_result *results = realloc(run->results, capacity * sizeof *results);
        if (!results) {
            fprintf(stderr, "gnewt-bench: out of memory, a result is lost\n");
            run->failed = true;
            return;
        }
        run->results = results;
        run->capacity = capacity;
    }
    run->results[run->count++] = *result;
}

void bench_fail(bench_run *run, const char *name, gn_status status) {
    const char *message = run->context ? gn_error_message(run->context) : "";
    fprintf(stderr, "gnewt-bench: %s: %s%s%s\n", name, gn_status_text(status), message[0] ? ": " : "",
            message);
    run->failed = true;
}

/* ---- the machine ---- */

static void cpu_model(char *text, size_t size) {
    snprintf(text, size, "unknown");
    FILE *file = fopen("/proc/cpuinfo", "r");
    char line[512];
    while (file && fgets(line, sizeof line, file)) {
        const char *colon = strchr(line, ':');
        if (!strncmp(line, "model name", 10) && colon) {
            line[strcspn(line, "\n")] = 0;
            snprintf(text, size, "%s", colon + 2);
            break;
        }
    }
    if (file)
        fclose(file);
}

static double load_average(void) {
    double load = NAN;
    FILE *file = fopen("/proc/loadavg", "r");
    if (file && fscanf(file, "%lf", &load) != 1)
        load = NAN;
    if (file)
        fclose(file);
    return load;
}

static void git_commit(char *text, size_t size) {
    snprintf(text, size, "unknown");
    FILE *pipe = popen("git -C '" GNEWT_BENCH_SOURCE_DIR "' describe --always --dirty 2>/dev/null", "r");
    char line[128];
    if (pipe && fgets(line, sizeof line, pipe)) {
        line[strcspn(line, "\n")] = 0;
        snprintf(text, size, "%s", line);
    }
    if (pipe)
        pclose(pipe);
}

static const char *vector_level(void) {
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512f"))
        return "avx512";
    if (__builtin_cpu_supports("avx2"))
        return "avx2";
    return "sse";
#else
    return "other";
#endif
}

/* True where the processor has wider vectors than the kernels OpenBLAS took: an OpenBLAS older than the
 * processor does not know its number and falls back to SSE kernels, five times slower. */
static bool blas_is_too_old(void) {
    static const char *const sse[] = {"Prescott", "Core2", "Penryn", "Dunnington", "Nehalem", "Generic"};
    if (!strcmp(vector_level(), "sse"))
        return false;
    for (size_t i = 0; i < sizeof sse / sizeof *sse; i++)
        if (!strcmp(openblas_get_corename(), sse[i]))
            return true;
    return false;
}

void bench_take_fast_kernels(char **argv) {
    const char *core = !strcmp(vector_level(), "avx512") ? "SkylakeX" : "Haswell";
    if (blas_is_too_old() && !getenv("OPENBLAS_CORETYPE") && setenv("OPENBLAS_CORETYPE", core, 1) == 0)
        execv("/proc/self/exe", argv);
}

void bench_print_machine(const bench_run *run) {
    char cpu[256], commit[128];
    cpu_model(cpu, sizeof cpu);
    git_commit(commit, sizeof commit);
    printf("gnewt %s (%s) on %s\n", GNEWT_VERSION, commit, gn_context_device(run->context));
    printf("%s, %s, %d OpenMP threads of %d, load %.2f\n%s: %s kernels\n\n", cpu, vector_level(),
           omp_get_max_threads(), omp_get_num_procs(), load_average(), openblas_get_config(),
           openblas_get_corename());
}

/* ---- JSON ---- */

static void json_string(FILE *file, const char *text) {
    fputc('"', file);
    for (const unsigned char *c = (const unsigned char *)text; *c; c++) {
        if (*c == '"' || *c == '\\')
            fprintf(file, "\\%c", *c);
        else if (*c < 0x20)
            fprintf(file, "\\u%04x", *c);
        else
            fputc(*c, file);
    }
    fputc('"', file);
}

static void json_pair(FILE *file, const char *key, const char *value, const char *end) {
    fprintf(file, "  \"%s\": ", key);
    json_string(file, value);
    fputs(end, file);
}

static void json_number(FILE *file, const char *key, double value) {
    if (isfinite(value))
        fprintf(file, ", \"%s\": %.9g", key, value);
    else
        fprintf(file, ", \"%s\": null", key);
}

static void json_result(FILE *file, const bench_result *r) {
    fputs("    {\"case\": ", file);
    json_string(file, r->name);
    fputs(", \"variant\": ", file);
    json_string(file, r->variant);
    fputs(", \"dtype\": ", file);
    json_string(file, r->dtype);
    fprintf(file, ", \"count\": %zu", r->stats.count);
    const double none = r->stats.count ? 0 : NAN;
    json_number(file, "median", r->stats.median + none);
    json_number(file, "q1", r->stats.low + none);
    json_number(file, "q3", r->stats.high + none);
    json_number(file, "min", r->stats.minimum + none);
    json_number(file, "mean", r->stats.mean + none);
    json_number(file, "processor", r->stats.processor + none);
    json_number(file, "flops", r->flops > 0 ? r->flops : NAN);
    json_number(file, "bytes", r->bytes > 0 ? r->bytes : NAN);
    json_number(file, "error", r->error);
    json_number(file, "tolerance", isnan(r->error) ? NAN : r->tolerance);
    json_number(file, "allocations", r->allocations);
    json_number(file, "samples", r->samples > 0 ? r->samples : NAN);
    json_number(file, "peak", r->peak > 0 ? r->peak : NAN);
    fputs(", \"note\": ", file);
    json_string(file, r->note);
    fputc('}', file);
}

int bench_write_json(const bench_run *run, const char *path) {
    FILE *file = strcmp(path, "-") ? fopen(path, "w") : stdout;
    if (!file) {
        fprintf(stderr, "gnewt-bench: cannot write %s: %s\n", path, strerror(errno));
        return -1;
    }
    char text[256];
    unsigned major = 0, minor = 0, release = 0;
    time_t now = time(NULL);
    struct tm utc;
    fputs("{\n", file);
    strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &utc));
    json_pair(file, "date", text, ",\n");
    git_commit(text, sizeof text);
    json_pair(file, "commit", text, ",\n");
    json_pair(file, "gnewt", GNEWT_VERSION, ",\n");
    json_pair(file, "device", gn_context_device(run->context), ",\n");
    cpu_model(text, sizeof text);
    json_pair(file, "cpu", text, ",\n");
    json_pair(file, "vectors", vector_level(), ",\n");
    json_pair(file, "openblas", openblas_get_config(), ",\n");
    json_pair(file, "openblas_kernels", openblas_get_corename(), ",\n");
    json_pair(file, "compiler", __VERSION__, ",\n");
    H5get_libversion(&major, &minor, &release);
    fprintf(file, "  \"hdf5\": \"%u.%u.%u\",\n  \"threads\": %d,\n  \"processors\": %d,\n", major, minor,
            release, omp_get_max_threads(), omp_get_num_procs());
    fprintf(file, "  \"load\": %.2f,\n  \"results\": [\n", load_average());
    for (size_t i = 0; i < run->count; i++) {
        json_result(file, &run->results[i]);
        fputs(i + 1 < run->count ? ",\n" : "\n", file);
    }
    fputs("  ]\n}\n", file);
    const int failed = ferror(file);
    if ((file != stdout && fclose(file)) || failed) {
        fprintf(stderr, "gnewt-bench: writing %s failed: %s\n", path, strerror(errno));
        return -1;
    }
    return 0;
}
