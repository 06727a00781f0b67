#include "report_case.h"

#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "run/directory.h"
#include "scratch.h"

report_case report_start(void) {
    report_case test = {0};
    scratch_create(test.folder, sizeof test.folder);
    return test;
}

void report_end(report_case *test) {
    scratch_remove(test->folder);
}

double report_decay(const report_run *run, size_t mode, double step) {
    return (1 + (double)run->seed) * exp(-step / 100) / (1 + (double)mode);
}

static void write_config(const report_run *run, char *text, size_t size) {
    char phases[1024];
    snprintf(phases, sizeof phases, "[{steps: %zu, optimizer: %s}]", run->steps,
             run->optimizer ? run->optimizer : "{label: SGD, kind: sgd, learning_rate: 0.01}");
    char observe[64] = "";
    if (run->modes || run->norms)
        snprintf(observe, sizeof observe, "observe: [%s%s%s]\n",
                 run->modes ? "{kind: fourier, modes: 10}" : "", run->modes && run->norms ? ", " : "",
                 run->norms ? "{kind: norms}" : "");
    snprintf(text, size,
             "name: case\nseed: %llu\nproblem: {kind: multi_sine_1d, points: %zu}\n"
             "network: %s\nphases: %s\nplot: %s\n%s",
             (unsigned long long)run->seed, run->points ? run->points : 100,
             run->network ? run->network : "{kind: mlp, widths: [1, 8, 1]}",
             run->phases ? run->phases : phases, run->plot ? run->plot : "{kind: none}", observe);
}

void report_write(report_case *test, const report_run *run, char path[REPORT_PATH]) {
    char config[4096];
    gn_directory *directory;
    snprintf(path, REPORT_PATH, "%.200s/%s", test->folder, run->name);
    write_config(run, config, sizeof config);
    cr_assert_eq(gn_directory_create(path, config, &directory, &test->message), GN_OK, "%s",
                 test->message.text);
    for (size_t step = 0; step <= run->steps && run->every; step += run->every) {
        double v = run->value(run, 0, (double)step), modes[64];
        gn_metrics row = {.step = step};
#define SET(name) row.name = v;
        GN_METRICS_LIST(SET)
#undef SET
        cr_assert_eq(gn_directory_record(directory, &row, &test->message), GN_OK, "%s", test->message.text);
        for (size_t k = 0; k <= run->modes; k++)
            modes[k] = run->value(run, k, (double)step);
        size_t shape = run->modes + 1;
        if (run->modes)
            cr_assert_eq(gn_directory_observe(directory, "fourier", step, run->shells ? "shell" : "mode", 1,
                                              &shape, modes, &test->message),
                         GN_OK, "%s", test->message.text);
        if (run->norms)
            cr_assert_eq(
                gn_directory_observe(directory, "norms", step, "weight_norm", 0, NULL, &v, &test->message),
                GN_OK, "%s", test->message.text);
    }
    for (size_t i = 0; i < 3 && run->ends[i] > 0; i++) {
        const gn_phase_report report = {.phase = i, .end = (uint64_t)run->ends[i]};
        cr_assert_eq(gn_directory_end_phase(directory, &report, &test->message), GN_OK);
    }
    cr_assert_eq(gn_directory_close(directory, run->state ? run->state : "finished", &test->message), GN_OK,
                 "%s", test->message.text);
}

bool report_exists(const report_case *test, const char *name) {
    char path[2 * REPORT_PATH];
    snprintf(path, sizeof path, "%s/%s", test->folder, name);
    return access(path, R_OK) == 0;
}

size_t report_entries(const report_case *test, const char *name) {
    char path[2 * REPORT_PATH];
    snprintf(path, sizeof path, "%s/%s", test->folder, name);
    DIR *folder = opendir(path);
    cr_assert_not_null(folder, "%s", path);
    size_t count = 0;
    while (readdir(folder))
        count++;
    closedir(folder);
    return count - 2;
}

char *report_read(const char *path, size_t *size) {
    FILE *file = fopen(path, "rb");
    cr_assert_not_null(file, "%s", path);
    char *text = NULL;
    FILE *memory = open_memstream(&text, size);
    for (int c; (c = fgetc(file)) != EOF;)
        fputc(c, memory);
    fclose(memory);
    fclose(file);
    return text;
}
