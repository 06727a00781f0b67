/* Recorded quantities: what they are called on an axis, and how they are drawn. */
#ifndef GN_REPORT_QUANTITY_H
#define GN_REPORT_QUANTITY_H

typedef enum gn_scale {
    GN_SCALE_LOG,           /* positive; what is not has no place */
    GN_SCALE_LOG_FROM_ZERO, /* begins at zero, or is zero where it is not used: there the curve is interrupted
                             */
    GN_SCALE_LINEAR,        /* from zero, or from below */
    GN_SCALE_UNIT           /* from 0 to 1 */
} gn_scale;

typedef struct gn_quantity {
    const char *label; /* in gnuplot's marks */
    gn_scale scale;
} gn_quantity;

/* "loss" (of "loss_train" and "loss_test"), "damping", "norms/weight_norm". One that is not in the table is
 * called `name`, on a logarithmic axis. */
gn_quantity gn_quantity_of(const char *name);

#endif
