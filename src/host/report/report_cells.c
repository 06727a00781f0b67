#include <math.h>

#include "report/html.h"
#include "report/number.h"
#include "report/report_parts.h"

static const char *number_or_never(double value, int digits, char text[GN_NUMBER]) {
    if (!isinf(value))
        return gn_number_text(value, digits, text);
    snprintf(text, GN_NUMBER, "never");
    return text;
}

static const char *interval_text(double low, double high, int digits, char text[80]) {
    char from[GN_NUMBER], to[GN_NUMBER];
    snprintf(text, 80, "[%s, %s]", number_or_never(low, digits, from), number_or_never(high, digits, to));
    return text;
}

const char *gn_report_range(gn_spread spread, int digits, char text[80]) {
    text[0] = '\0';
    const bool several = spread.count > 1 && spread.low < spread.high;
    return several ? interval_text(spread.low, spread.high, digits, text) : text;
}

void gn_report_cell(FILE *out, gn_spread spread, int digits, bool interval) {
    char number[GN_NUMBER], range[80];
    fprintf(out, "<td>%s", number_or_never(spread.median, digits, number));
    if (gn_report_range(spread, digits, range)[0] != '\0')
        fprintf(out, "<small>%s</small>", range);
    if (interval && spread.from < spread.to)
        fprintf(out, "<small>95 %%: %s</small>", interval_text(spread.from, spread.to, digits, range));
    fputs("</td>", out);
}

void gn_report_row(FILE *out, const gn_run_group *group) {
    fputs("<th scope=\"row\">", out);
    gn_html_text(out, group->title);
    fputs("</th>", out);
}
