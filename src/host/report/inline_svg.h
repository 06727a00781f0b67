/* A figure's SVG file as a part of an HTML page. */
#ifndef GN_REPORT_INLINE_SVG_H
#define GN_REPORT_INLINE_SVG_H

#include <stddef.h>
#include <stdio.h>

#include "run/message.h"

/* Writes the <svg> element of the file gnuplot made at `path`: without prologue, comments and tooltips, and
 * with names of its own, so that several can share a page. `label` is what it is called where it cannot be
 * seen. IO, FORMAT. */
gn_status gn_inline_svg(FILE *out, const char *path, size_t number, const char *label, gn_message *message);

#endif
