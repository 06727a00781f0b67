#include "command.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

const char quick_config[] = "name: quick\n"
                            "problem: {kind: multi_sine_1d, points: 20, test_points: 10}\n"
                            "network: {kind: mlp, widths: [1, 8, 1]}\n"
                            "phases:\n"
                            "  - steps: 12\n"
                            "    optimizer: {kind: levenberg_marquardt, damping: {value: 0.1}}\n"
                            "  - steps: 20\n"
                            "    optimizer: {kind: adam}\n"
                            "observe:\n"
                            "  - {kind: norms}\n"
                            "  - {kind: fourier, modes: 4, every: 5}\n";

const char grid_config[] = "name: grid\n"
                           "problem: {kind: multi_sine_1d, points: 20, test_points: 10}\n"
                           "network: {kind: mlp, widths: [1, 8, 1]}\n"
                           "phases:\n"
                           "  - steps: 5\n"
                           "    optimizer: {kind: sgd, learning_rate: 0.01}\n"
                           "sweep:\n"
                           "  - {key: seed, values: [0, 1]}\n"
                           "  - {key: phases.0.optimizer.learning_rate, values: [0.01, 0.02, 0.05]}\n";

static void take_file(const char *folder, const char *name, char *text, size_t size) {
    char path[512];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *in = fopen(path, "r");
    size_t count = in == NULL ? 0 : fread(text, 1, size - 1, in);
    text[count] = '\0';
    if (in != NULL)
        fclose(in);
}

command_result command(const char *folder, const char *arguments) {
    char line[2048];
    command_result result;
    snprintf(line, sizeof line, "cd '%s' && OMP_NUM_THREADS=1 '%s' %s >.out 2>.err", folder, GNEWT_CLI,
             arguments);
    int status = system(line);
    result.status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    take_file(folder, ".out", result.out, sizeof result.out);
    take_file(folder, ".err", result.err, sizeof result.err);
    return result;
}

command_result expect_command(const char *folder, const char *arguments, int status) {
    command_result result = command(folder, arguments);
    cr_assert_eq(result.status, status, "gnewt %s: exit status %d, not %d\n%s%s", arguments, result.status,
                 status, result.out, result.err);
    cr_assert_null(strstr(result.err, "Sanitizer"), "gnewt %s:\n%s", arguments, result.err);
    return result;
}

void write_file(const char *folder, const char *name, const char *text) {
    char path[512];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *out = fopen(path, "w");
    cr_assert_not_null(out, "%s", path);
    fputs(text, out);
    cr_assert_eq(fclose(out), 0);
}

char *read_file(const char *folder, const char *name) {
    enum { MOST = 1 << 20 };
    char path[512], *text = malloc(MOST);
    snprintf(path, sizeof path, "%s/%s", folder, name);
    cr_assert_eq(access(path, R_OK), 0, "%s is not there", path);
    take_file(folder, name, text, MOST);
    return text;
}

bool file_exists(const char *folder, const char *name) {
    char path[512];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return access(path, F_OK) == 0;
}
