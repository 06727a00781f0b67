/* The one file that knows NVTX: it is headers alone, which look for a profiler's library at the first call
 * and otherwise return at once. Nothing of CUDA is linked. Not compiled where the headers are missing. */
#include "core/profile.h"

#include <nvtx3/nvToolsExt.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

/* The exception to "no globals": a profiler belongs to the process, not to a context. */
static nvtxDomainHandle_t domain; /* NULL without a profiler */
static atomic_bool asked;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void create_domain(void) {
    domain = nvtxDomainCreateA("gnewt");
    atomic_store_explicit(&asked, true, memory_order_release);
}

static gn_range push(const char *name) {
    const nvtxEventAttributes_t attributes = {.version = NVTX_VERSION,
                                              .size = NVTX_EVENT_ATTRIB_STRUCT_SIZE,
                                              .messageType = NVTX_MESSAGE_TYPE_ASCII,
                                              .message.ascii = name};
    (void)nvtxDomainRangePushEx(domain, &attributes); /* the depth, or what a profiler likes */
    return domain;
}

gn_range gn_range_open(const char *name) {
    if (!atomic_load_explicit(&asked, memory_order_acquire))
        (void)pthread_once(&once, create_domain);
    return domain ? push(name) : NULL;
}

void gn_range_pop(gn_range range) {
    (void)nvtxDomainRangePop(range);
}
