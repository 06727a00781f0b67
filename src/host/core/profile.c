/* The one file that knows NVTX: it is headers alone, which look for a profiler's library at the first call
 * and otherwise return at once. Nothing of CUDA is linked. */
#include "core/profile.h"

#ifdef GN_NVTX

#include <nvtx3/nvToolsExt.h>
#include <pthread.h>

/* The exception to "no globals": a profiler belongs to the process, not to a context. */
static nvtxDomainHandle_t domain; /* NULL without a profiler */
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void create_domain(void) {
    domain = nvtxDomainCreateA("gnewt");
}

gn_range gn_range_open(const char *name) {
    (void)pthread_once(&once, create_domain);
    if (!domain)
        return NULL;
    const nvtxEventAttributes_t attributes = {.version = NVTX_VERSION,
                                              .size = NVTX_EVENT_ATTRIB_STRUCT_SIZE,
                                              .messageType = NVTX_MESSAGE_TYPE_ASCII,
                                              .message.ascii = name};
    (void)nvtxDomainRangePushEx(domain, &attributes); /* the depth, or what a profiler likes */
    return domain;
}

void gn_range_pop(gn_range range) {
    (void)nvtxDomainRangePop(range);
}

#endif
