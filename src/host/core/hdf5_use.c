#define _GNU_SOURCE /* PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP */
#include "core/hdf5_use.h"

#include <pthread.h>

/* An exception to "no globals": the library has one state for the whole process. */
static pthread_mutex_t lock = PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP;

gn_hdf5_use gn_hdf5_begin(void) {
    gn_hdf5_use use = {0};
    (void)pthread_mutex_lock(&lock); /* fails for no mutex that is initialised */
    H5Eget_auto2(H5E_DEFAULT, &use.function, &use.data);
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
    return use;
}

void gn_hdf5_end(gn_hdf5_use *use) {
    H5Eset_auto2(H5E_DEFAULT, use->function, use->data);
    (void)pthread_mutex_unlock(&lock);
}
