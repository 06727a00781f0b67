#include "report/inline_svg.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "report/html.h"

static gn_status read_text(const char *path, char **text, gn_message *message) {
    size_t size;
    FILE *file = fopen(path, "rb");
    *text = NULL;
    if (!file)
        return gn_message_fail(message, GN_ERROR_IO, "cannot read '%s': %s", path, strerror(errno));
    FILE *memory = open_memstream(text, &size);
    for (int c; memory && (c = fgetc(file)) != EOF;)
        fputc(c, memory);
    const int broken = ferror(file);
    fclose(file);
    if (!memory || fclose(memory) || broken)
        return gn_message_fail(message, GN_ERROR_IO, "cannot read '%s'", path);
    return GN_OK;
}

/* The end of what is left out at `at`: a comment, a tooltip or the program's name; NULL: nothing is. */
static const char *skip(const char *at) {
    static const struct {
        const char *from, *to;
    } left_out[] = {{"<!--", "-->"}, {"<title>", "</title>"}, {"<desc>", "</desc>"}};
    for (size_t i = 0; i < sizeof left_out / sizeof *left_out; i++)
        if (!strncmp(at, left_out[i].from, strlen(left_out[i].from))) {
            const char *end = strstr(at, left_out[i].to);
            return end ? end + strlen(left_out[i].to) : NULL;
        }
    return NULL;
}

/* The length of what stands before a name at `at`, in its definition or its use; 0: no name. */
static size_t before_name(const char *at) {
    static const char *const heads[] = {" id=\"", " id='", "href=\"#", "href='#", "url(#"};
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++)
        if (!strncmp(at, heads[i], strlen(heads[i])))
            return strlen(heads[i]);
    return 0;
}

/* Whether the picture is higher than it is wide; `at` is behind "<svg". */
static bool is_tall(const char *at) {
    const char *box = strstr(at, "viewBox=\"");
    double width, height;
    return box && sscanf(box, "viewBox=\"%*f %*f %lf %lf", &width, &height) == 2 && height > width;
}

gn_status gn_inline_svg(FILE *out, const char *path, size_t number, const char *label, gn_message *message) {
    char *text;
    gn_status status = read_text(path, &text, message);
    const char *at = status == GN_OK ? strstr(text, "<svg") : NULL;
    if (status == GN_OK && !at)
        status = gn_message_fail(message, GN_ERROR_FORMAT, "%s is no SVG", path);
    if (status == GN_OK) {
        fputs("<svg role=\"img\" aria-label=\"", out);
        gn_html_text(out, label);
        at += strlen("<svg");
        fputs(is_tall(at) ? "\" class=\"tall\"" : "\"", out);
    }
    bool in_tag = true; /* words of a text element may look like a name's */
    while (status == GN_OK && *at) {
        const char *end = skip(at);
        if (end) {
            at = end;
            continue;
        }
        const size_t head = in_tag ? before_name(at) : 0;
        if (head > 0) {
            fprintf(out, "%.*sf%zu-", (int)head, at, number);
            at += head;
            continue;
        }
        in_tag = *at == '<' || (in_tag && *at != '>');
        fputc(*at++, out);
    }
    free(text);
    return status;
}
