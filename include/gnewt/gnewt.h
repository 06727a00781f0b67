/* All of gnewt's public C API. */
#ifndef GNEWT_GNEWT_H
#define GNEWT_GNEWT_H

#include "gnewt/array.h"
#include "gnewt/context.h"
#include "gnewt/linearization.h"
#include "gnewt/metrics.h"
#include "gnewt/network.h"
#include "gnewt/observer.h"
#include "gnewt/optimizer.h"
#include "gnewt/problem.h"
#include "gnewt/random.h"
#include "gnewt/status.h"
#include "gnewt/trainer.h"
#include "gnewt/version.h"

#endif
