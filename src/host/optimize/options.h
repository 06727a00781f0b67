/* What values an optimiser's options may have. */
#ifndef GN_OPTIMIZE_OPTIONS_H
#define GN_OPTIMIZE_OPTIONS_H

#include "backend/context.h"
#include "gnewt/optimizer.h"

/* The Gauss-Newton family. */
bool gn_optimizer_is_second_order(gn_optimizer_kind kind);

/* ARGUMENT, naming the option, its value and its range. */
gn_status gn_optimizer_options_check(gn_context *context, const gn_optimizer_options *options);

#endif
