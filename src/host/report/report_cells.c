#include <math.h>
#include <string.h>

#include "report/html.h"
#include "report/number.h"
#include "report/report_parts.h"

static const char *number_or_never(double value, int digits, char text[GN_NUMBER]) {
    if (!isinf(value))
        return gn_number_text(value, digits, text);
    snprintf(text, GN_NUMBER, "never");
    return text;
}

/* "[1.1e-5, 9.3e-5]"; "" where both read the same. */
static const char *interval_text(double low, double high, int digits, char text[80]) {
    char from[GN_NUMBER], to[GN_NUMBER];
    number_or_never(low, digits, from);
    number_or_never(high, digits, to);
    text[0] = '\0';
    if (strcmp(from, to) != 0)
        snprintf(text, 80, "[%s, %s]", from, to);
    return text;
}

const char *gn_report_range(gn_spread spread, int digits, char text[80]) {
    return interval_text(spread.low, spread.high, digits, text);
}

void gn_report_cell(FILE *out, gn_spread spread, int digits, bool interval) {
    char number[GN_NUMBER], range[80];
    fprintf(out, "<td>%s", number_or_never(spread.median, digits, number));
    if (gn_report_range(spread, digits, range)[0] != '\0')
        fprintf(out, "<small>%s</small>", range);
    if (interval && interval_text(spread.from, spread.to, digits, range)[0] != '\0')
        fprintf(out, "<small>95 %%: %s</small>", range);
    fputs("</td>", out);
}

void gn_report_row(FILE *out, const gn_run_group *group) {
    fputs("<th scope=\"row\">", out);
    gn_html_text(out, group->title);
    fputs("</th>", out);
}
