#include "report/number.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

const char *gn_number_text(double value, int digits, char text[GN_NUMBER]) {
    const double size = fabs(value);
    if (isnan(value)) {
        snprintf(text, GN_NUMBER, "–");
        return text;
    }
    if (size >= pow(10, digits) && size < 999999.5) /* a count is not rounded for its length */
        snprintf(text, GN_NUMBER, "%.0f", value);
    else
        snprintf(text, GN_NUMBER, "%.*g", digits, value);
    char *exponent = strchr(text, 'e');
    if (exponent) { /* 1e-07 is 1e-7 */
        char *first = exponent + 1 + (exponent[1] == '-');
        const char *rest = first + strspn(first, "+0");
        memmove(first, rest, strlen(rest) + 1);
    }
    return text;
}
