/* What values an optimiser's options may have. */
#ifndef GN_OPTIMIZE_OPTIONS_H
#define GN_OPTIMIZE_OPTIONS_H

#include "backend/context.h"
#include "gnewt/optimizer.h"

/* ARGUMENT, naming the option, its value and its range. */
gn_status gn_optimizer_options_check(gn_context *context, const gn_optimizer_options *options);

#endif
