/* Centred alignment of kernels of n = N C rows m = i C + c (sample i, output c). Centring takes its mean over
 * samples from each output, H = (I_N - 11'/N) (x) I_C: for one output the usual H. */
#ifndef GN_OBSERVE_ALIGNMENT_H
#define GN_OBSERVE_ALIGNMENT_H

#include "observe/probe.h"

/* What centring needs of a kernel K (n x n, symmetric), so that no centred matrix is made. */
typedef struct gn_kernel_sums {
    gn_array rows;   /* C x n: sums over samples of K's rows */
    gn_array totals; /* C x C: of those over samples */
    double square;   /* <K, K> */
    double one_side; /* ||H K||_F^2 */
    double both;     /* ||H K H||_F^2 */
} gn_kernel_sums;

gn_status gn_kernel_sums_create(gn_probe *probe, gn_kernel_sums *sums);
void gn_kernel_sums_destroy(gn_kernel_sums *sums);
gn_status gn_kernel_sums_fill(gn_probe *probe, const gn_array *k, gn_kernel_sums *sums);

/* <H K H, H K' H>_F / (||H K H||_F ||H K' H||_F) */
gn_status gn_kernel_alignment(gn_probe *probe, const gn_array *k, const gn_kernel_sums *sums,
                              const gn_array *other, const gn_kernel_sums *other_sums, double *alignment);
/* y_c' K y_c / (||H K||_F ||y_c||^2) for y_c = H y (n) with norm2 = ||y_c||^2: one side of K is centred. */
gn_status gn_target_alignment(gn_probe *probe, const gn_array *k, const gn_kernel_sums *sums,
                              const gn_array *centred, double norm2, double *alignment);
/* centred = H y, and its square. */
gn_status gn_centre_targets(gn_probe *probe, const gn_array *y, gn_array *centred, double *norm2);

#endif
