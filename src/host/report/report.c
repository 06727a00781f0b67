#include "report/report.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "gnewt/version.h"
#include "report/figures.h"
#include "report/html.h"
#include "report/inline_svg.h"
#include "report/report_parts.h"

static const char *title_of(const gn_experiment *experiment) {
    const gn_config *config = gn_group_config(&experiment->set, &experiment->set.groups[0]);
    return config->plot.title && config->plot.title[0] ? config->plot.title : config->name;
}

/* ---- figures ---- */

/* The name of an experiment's figure, told apart from those before it by a number. */
static void figure_name(const gn_experiment *experiments, size_t index, char *name, size_t size) {
    char other[256];
    size_t same = 1;
    gn_figure_file_name(experiments[index].set.runs[0].run.config->name, name, size);
    for (size_t i = 0; i < index; i++) {
        gn_figure_file_name(experiments[i].set.runs[0].run.config->name, other, sizeof other);
        same += !strcmp(other, name);
    }
    const size_t length = strlen(name);
    if (same > 1)
        snprintf(name + length, size - length, "-%zu", same);
}

/* Draws the figure twice: with its words as files of their own, and without for the page. */
static gn_status draw(gn_experiment *experiment, const char *stem, gn_figure_report *page,
                      gn_message *message) {
    static const char bare[] = ".bare";
    char bare_stem[4500];
    gn_figure_report *file = calloc(1, sizeof *file);
    if (!file)
        return gn_message_fail(message, GN_ERROR_MEMORY, "no memory for a figure");
    snprintf(bare_stem, sizeof bare_stem, "%s%s", stem, bare);
    gn_status status = gn_figure_of_set(&experiment->set, stem, file);
    *message = file->message;
    free(file);
    GN_TRY(status);
    experiment->set.bare = true;
    status = gn_figure_of_set(&experiment->set, bare_stem, page);
    experiment->set.bare = false;
    *message = page->message;
    return status;
}

/* The picture, or what is in its way. */
static void write_picture(FILE *out, gn_experiment *experiment, const char *stem, size_t number,
                          gn_report *report, char *caption, size_t size) {
    gn_message message = {0};
    gn_figure_report *page = calloc(1, sizeof *page);
    gn_status status = page ? draw(experiment, stem, page, &message) : GN_ERROR_MEMORY;
    if (status == GN_OK)
        status = gn_inline_svg(out, page->svg, number, title_of(experiment), &message);
    if (page && page->png[0]) {
        unlink(page->png);
        unlink(page->svg);
    }
    report->drawn += status == GN_OK;
    if (status == GN_OK) {
        snprintf(caption, size, "%s", page->caption);
    } else {
        gn_caption_write(&experiment->set, caption, size);
        snprintf(report->trouble, sizeof report->trouble, "%s", message.text);
        fputs("<p class=\"warn\">There is no figure: ", out);
        gn_html_text(out, message.text[0] ? message.text : gn_status_text(status));
        fputs("</p>\n", out);
    }
    free(page);
}

static void write_figure(FILE *out, gn_experiment *experiment, const char *name, size_t number,
                         gn_report *report) {
    char stem[4400], caption[1024];
    const char *folder = strrchr(report->figures, '/');
    const char *own = gn_group_config(&experiment->set, &experiment->set.groups[0])->plot.caption;
    const size_t drawn = report->drawn;
    snprintf(stem, sizeof stem, "%s/%s", report->figures, name);
    fputs("<figure>\n", out);
    write_picture(out, experiment, stem, number, report, caption, sizeof caption);
    fprintf(out, "<figcaption><strong>Figure %zu.</strong> ", number);
    gn_html_text(out, own ? own : "");
    fputs(" <span class=\"set\">", out);
    gn_html_text(out, caption);
    fputs("</span>", out);
    if (report->drawn > drawn) {
        fputs(" <a href=\"", out);
        gn_html_address(out, folder ? folder + 1 : report->figures);
        fputc('/', out);
        gn_html_address(out, name);
        fputs(".png\">PNG</a>", out);
    }
    fputs("</figcaption>\n</figure>\n", out);
}

/* ---- the document ---- */

static void write_section(FILE *out, gn_experiment *experiments, size_t index, gn_report *report) {
    gn_experiment *experiment = &experiments[index];
    char name[256];
    figure_name(experiments, index, name, sizeof name);
    fprintf(out, "<section id=\"experiment-%zu\">\n<h2>", index + 1);
    gn_html_text(out, title_of(experiment));
    fputs("</h2>\n", out);
    gn_report_provenance(out, experiment);
    write_figure(out, experiment, name, index + 1, report);
    gn_report_expected(out, experiment);
    gn_report_unfinished(out, experiment);
    gn_report_final(out, experiment);
    gn_report_thresholds(out, experiment);
    gn_report_settings(out, experiment);
    gn_report_runs(out, experiment);
    gn_report_configurations(out, experiment);
    fputs("</section>\n", out);
}

static void write_contents(FILE *out, const gn_experiment *experiments, size_t count) {
    fputs("<nav><ol>\n", out);
    for (size_t i = 0; i < count; i++) {
        fprintf(out, "<li><a href=\"#experiment-%zu\">", i + 1);
        gn_html_text(out, title_of(&experiments[i]));
        fputs("</a></li>\n", out);
    }
    fputs("</ol></nav>\n", out);
}

static void write_document(FILE *out, gn_experiment *experiments, size_t count, gn_report *report) {
    char date[32] = "";
    struct tm parts;
    const time_t now = time(NULL);
    if (gmtime_r(&now, &parts))
        strftime(date, sizeof date, "%Y-%m-%d %H:%M", &parts);
    gn_html_begin(out, count == 1 ? title_of(&experiments[0]) : "Experiments");
    fprintf(out, "<header>%s<p class=\"meta\">Report by gnewt %s, %s UTC</p></header>\n<main>\n",
            count == 1 ? "" : "<h1>Experiments</h1>\n", GNEWT_VERSION, date);
    if (count > 1)
        write_contents(out, experiments, count);
    for (size_t i = 0; i < count; i++)
        write_section(out, experiments, i, report);
    fputs("</main>\n", out);
    gn_html_end(out);
}

/* ---- the file ---- */

static gn_status write_file(const char *path, gn_experiment *experiments, size_t count, gn_report *report) {
    char fresh[4200];
    snprintf(fresh, sizeof fresh, "%s.new", path);
    FILE *out = fopen(fresh, "w");
    if (!out)
        return gn_message_fail(&report->message, GN_ERROR_IO, "cannot write '%s': %s", path, strerror(errno));
    write_document(out, experiments, count, report);
    errno = 0;
    const bool broken = ferror(out);
    if (fclose(out) || broken || rename(fresh, path)) {
        const int error = errno;
        unlink(fresh);
        return gn_message_fail(&report->message, GN_ERROR_IO, "cannot write '%s': %s", path,
                               error ? strerror(error) : "it could not be written whole");
    }
    return GN_OK;
}

/* OUT without its ending, and "-figures". */
static gn_status name_figures(const char *out, gn_report *report) {
    size_t length = strlen(out);
    const bool html = length > 5 && !strcmp(out + length - 5, ".html");
    if (length == 0 || length > 3800 || out[length - 1] == '/')
        return gn_message_fail(&report->message, GN_ERROR_ARGUMENT, "'%.100s' is no name for a report", out);
    length -= html ? 5 : 0;
    snprintf(report->figures, sizeof report->figures, "%.*s-figures", (int)length, out);
    return GN_OK;
}

gn_status gn_report_write(const char *const *paths, size_t count, const char *out, gn_report *report) {
    *report = (gn_report){0};
    GN_TRY(name_figures(out, report));
    gn_experiment *experiments = calloc(count, sizeof *experiments);
    gn_status status =
        experiments ? GN_OK : gn_message_fail(&report->message, GN_ERROR_MEMORY, "out of memory");
    for (size_t i = 0; i < count && status == GN_OK; i++)
        status = gn_experiment_open(paths[i], &experiments[i], &report->message);
    if (status == GN_OK)
        status = write_file(out, experiments, count, report);
    for (size_t i = 0; experiments && i < count; i++)
        gn_experiment_destroy(&experiments[i]);
    free(experiments);
    return status;
}
