/* Numbers as tables and captions write them. */
#ifndef GN_REPORT_NUMBER_H
#define GN_REPORT_NUMBER_H

enum { GN_NUMBER = 32 };

/* `digits` significant ones, without zeros at the end: "2.63e-5", "0.0523", "12346"; "–" for a NaN. Returns
 * text. */
const char *gn_number_text(double value, int digits, char text[GN_NUMBER]);

#endif
