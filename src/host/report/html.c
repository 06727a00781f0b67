#include "report/html.h"

#include <stdbool.h>
#include <string.h>

/* The length of the UTF-8 character at `text`, 0 where there is none (RFC 3629). */
static size_t character(const unsigned char *text) {
    const unsigned char c = text[0];
    if (c < 0x80)
        return 1;
    const size_t length = c >= 0xC2 && c <= 0xDF   ? 2
                          : (c & 0xF0) == 0xE0     ? 3
                          : c >= 0xF0 && c <= 0xF4 ? 4
                                                   : 0;
    for (size_t i = 1; i < length; i++)
        if ((text[i] & 0xC0) != 0x80)
            return 0;
    const bool overlong = (c == 0xE0 && text[1] < 0xA0) || (c == 0xF0 && text[1] < 0x90);
    const bool beyond = (c == 0xED && text[1] > 0x9F) || (c == 0xF4 && text[1] > 0x8F);
    return overlong || beyond ? 0 : length;
}

static void write_ascii(FILE *out, unsigned char c) {
    switch (c) {
    case '&':
        fputs("&amp;", out);
        break;
    case '<':
        fputs("&lt;", out);
        break;
    case '>':
        fputs("&gt;", out);
        break;
    case '"':
        fputs("&quot;", out);
        break;
    case '\'':
        fputs("&#39;", out);
        break;
    default:
        fputc((c < 0x20 && c != '\n' && c != '\t') || c == 0x7F ? ' ' : c, out);
    }
}

void gn_html_text(FILE *out, const char *text) {
    const unsigned char *at = (const unsigned char *)text;
    while (*at) {
        const size_t length = character(at);
        if (length == 1)
            write_ascii(out, *at);
        else if (length > 1)
            fwrite(at, 1, length, out);
        else
            fputs("\xEF\xBF\xBD", out);
        at += length > 0 ? length : 1;
    }
}

void gn_html_address(FILE *out, const char *path) {
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~/";
    for (; *path; path++)
        fprintf(out, strchr(plain, *path) ? "%c" : "%%%02X", (unsigned char)*path);
}

/* Readable at 1280 pixels and on paper; nothing is loaded from elsewhere. */
static const char style[] =
    "html{color:#1c1c1c;background:#fff;font:16px/1.5 Charter,'Bitstream Charter','Source Serif 4',"
    "Cambria,Georgia,serif}\n"
    "body{max-width:1160px;margin:0 auto;padding:40px 48px 80px}\n"
    "h1,h2,h3,table,nav,.meta,.sans,summary,footer{font-family:'Helvetica Neue',Helvetica,Arial,"
    "'Liberation Sans',sans-serif}\n"
    "h1{font-size:28px;line-height:1.2;margin:0 0 8px}\n"
    "h2{font-size:22px;line-height:1.25;margin:64px 0 4px;padding-top:20px;border-top:2px solid #1c1c1c}\n"
    "h3{font-size:15px;margin:32px 0 8px}\n"
    "p{margin:8px 0;max-width:78ch}\n"
    ".meta{color:#5a5a5a;font-size:13px;margin:0 0 16px;max-width:none}\n"
    "main>section:first-child h2,nav+section h2{margin-top:24px}\n"
    "nav ol{margin:16px 0;padding-left:1.5em;font-size:15px}\n"
    "a{color:#0b4f86;text-decoration:none}a:hover{text-decoration:underline}\n"
    "figure{margin:20px 0 12px}\n"
    "figure svg{display:block;width:100%;height:auto}\n"
    "figcaption{font-size:14.5px;line-height:1.45;margin-top:8px;max-width:125ch}\n"
    "figcaption .set{color:#4a4a4a}\n"
    ".pair{display:grid;grid-template-columns:minmax(0,5fr) minmax(0,7fr);gap:0 40px;margin:20px 0}\n"
    ".pair h3{margin-top:8px}.pair p{white-space:pre-line}\n"
    "ul.found{margin:8px 0;padding:0;list-style:none}ul.found li{margin:0 0 6px}"
    "ul.found small{white-space:nowrap}\n"
    ".wide{overflow-x:auto}\n"
    "table{border-collapse:collapse;font-size:13px;line-height:1.35;font-variant-numeric:tabular-nums;"
    "border-top:1.5px solid #1c1c1c;border-bottom:1.5px solid #1c1c1c;margin:8px 0}\n"
    "th,td{padding:5px 14px 5px 0;text-align:right;vertical-align:top;white-space:nowrap}\n"
    "th:last-child,td:last-child{padding-right:2px}\n"
    "th{font-weight:600}thead th{border-bottom:1px solid #1c1c1c;vertical-align:bottom}\n"
    "th[scope=row],th.left,td.left{text-align:left;font-weight:400;white-space:normal}\n"
    "th[scope=row]{max-width:52ch}\n"
    "tbody+tbody{border-top:1px solid #c8c8c8}\n"
    "td small,li small{display:block;color:#666;font-size:11.5px}li small{display:inline}\n"
    ".note{color:#5a5a5a;font-size:13.5px}\n"
    ".warn{border-left:3px solid #c04a00;padding:2px 0 2px 12px;margin:12px 0}.warn ul{margin:4px 0;"
    "padding-left:1.2em}\n"
    "dl.settings{columns:3;column-gap:32px;font:12.5px/1.5 ui-monospace,'DejaVu Sans Mono',monospace;"
    "margin:8px 0}\n"
    "dl.settings div{break-inside:avoid;padding-left:1.5em;text-indent:-1.5em;overflow-wrap:anywhere}\n"
    "dl.settings dt,dl.settings dd{display:inline;margin:0}dl.settings dt{color:#5a5a5a}\n"
    "table.keys{font:12.5px/1.4 ui-monospace,'DejaVu Sans Mono',monospace}\n"
    "table.keys td,table.keys th{white-space:normal;overflow-wrap:anywhere;min-width:11ch;max-width:30ch}\n"
    "table.keys th[scope=row]{white-space:nowrap;max-width:none}\n"
    "details{margin:10px 0}summary{cursor:pointer;font-size:14px}\n"
    "pre{font:12.5px/1.45 ui-monospace,'DejaVu Sans Mono',monospace;background:#f6f6f4;padding:12px 16px;"
    "overflow-x:auto;white-space:pre-wrap}\n"
    "footer{margin-top:64px;border-top:1px solid #c8c8c8;padding-top:8px;color:#5a5a5a;font-size:13px}\n"
    "@media screen and (max-width:800px){body{padding:24px 16px}.pair{display:block}dl.settings{columns:1}}\n"
    "@media print{@page{size:A4 landscape;margin:12mm 14mm}\n"
    "html{font-size:10.5pt}body{max-width:none;padding:0}nav{display:none}\n"
    "section+section{break-before:page}h2{margin-top:0}\n"
    "h2,h3,thead,h3+.note,.meta{break-after:avoid}figure,tr,.pair{break-inside:avoid}"
    "figure svg{max-height:112mm}figure svg.tall{max-height:150mm}\n"
    ".wide{overflow:visible}table{font-size:8.5pt}th,td{padding-right:9px}a{color:inherit}\n"
    "pre{background:none;padding:0;columns:3;font-size:7.5pt}details::details-content{content-visibility:"
    "visible;height:auto}}\n";

void gn_html_begin(FILE *out, const char *title) {
    fputs("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
          "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>",
          out);
    gn_html_text(out, title);
    fprintf(out, "</title>\n<style>\n%s</style>\n</head>\n<body>\n", style);
}

void gn_html_end(FILE *out) {
    fputs("</body>\n</html>\n", out);
}
