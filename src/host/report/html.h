/* Writing HTML: text is escaped here and nowhere else. */
#ifndef GN_REPORT_HTML_H
#define GN_REPORT_HTML_H

#include <stdio.h>

/* Text as it stands, for an element's content or a quoted attribute. Control characters become blanks, bytes
 * that are no UTF-8 the replacement character. */
void gn_html_text(FILE *out, const char *text);
/* A relative address of a file, for a quoted attribute: what means something in an address is encoded. */
void gn_html_address(FILE *out, const char *path);

/* Everything before the first section, with the style, and everything after the last. */
void gn_html_begin(FILE *out, const char *title);
void gn_html_end(FILE *out);

#endif
