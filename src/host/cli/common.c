/* How verbs end: exit statuses, signals, results, figures. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "report/figure.h"

int gn_cli_exit(gn_status status) {
    return status == GN_OK                  ? GN_EXIT_DONE
           : status == GN_ERROR_CONFIG      ? GN_EXIT_USAGE
           : status == GN_ERROR_INTERRUPTED ? GN_EXIT_INTERRUPTED
                                            : GN_EXIT_FAILED;
}

int gn_cli_fail(gn_status status, const gn_message *message) {
    fprintf(stderr, "gnewt: %s\n", message->text[0] != '\0' ? message->text : gn_status_text(status));
    return gn_cli_exit(status);
}

/* A signal handler can reach nothing else. */
static volatile sig_atomic_t stop_asked;

static void ask_to_stop(int signal_number) {
    stop_asked = 1;
    signal(signal_number, SIG_DFL);
}

const volatile sig_atomic_t *gn_cli_watch_signals(void) {
    signal(SIGINT, ask_to_stop);
    signal(SIGTERM, ask_to_stop);
    return &stop_asked;
}

/* "train 1.2e-5  test 3.4e-4", what there is of the two. */
static void print_pair(const char *name, double train, double test, const char *format) {
    if (isnan(train) && isnan(test))
        return;
    printf("%-10s", name);
    if (!isnan(train)) {
        printf(" train ");
        printf(format, train);
    }
    if (!isnan(test)) {
        printf("  test ");
        printf(format, test);
    }
    printf("\n");
}

void gn_cli_print_result(const char *name, const char *state, const char *directory,
                         const gn_execute_result *result) {
    printf("%-10s %s\n", "name", name);
    printf("%-10s %s, step %llu of %llu%s\n", "state", state, (unsigned long long)result->step,
           (unsigned long long)result->steps, result->done_before ? " (before)" : "");
    print_pair("loss", result->last.loss_train, result->last.loss_test, "%.6e");
    print_pair("accuracy", result->last.accuracy_train, result->last.accuracy_test, "%.4f");
    if (!isnan(result->last.seconds))
        printf("%-10s %.3f of training\n", "seconds", result->last.seconds);
    if (result->costs[0] != '\0')
        printf("%-10s %s\n", "time", result->costs);
    if (result->device[0] != '\0')
        printf("%-10s %s\n", "device", result->device);
    printf("%-10s %s\n", "directory", directory);
}

void gn_cli_draw(const gn_config *config, const char *directory) {
    gn_figure_report figure;
    if (config->plot.kind == GN_PLOT_NONE)
        return;
    fflush(stdout);
    gn_status status = gn_figure_write(&directory, 1, NULL, &figure);
    if (status == GN_OK)
        printf("%-10s %s\n", "figure", figure.png);
    else
        fprintf(stderr, "warning: no figure: %s\n",
                figure.message.text[0] != '\0' ? figure.message.text : gn_status_text(status));
}
