/* What NVTX loads in place of a profiler (NVTX_INJECTION64_PATH): appends a line for each range of the domain
 * "gnewt" to the file $RECORDED_RANGES: "THREAD push NAME" or "THREAD pop". */
#include <fcntl.h>
#include <nvtx3/nvToolsExt.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int file = -1;
static char ours, another; /* their addresses are the domains' handles */

static int write_line(const char *what, const char *name) {
    char line[256];
    const int length = snprintf(line, sizeof(line), "%lx %s%s\n", (unsigned long)pthread_self(), what, name);
    if (write(file, line, (size_t)length) != length)
        abort();
    return 0;
}

static nvtxDomainHandle_t NVTX_API create_domain(const char *name) {
    return (nvtxDomainHandle_t)(strcmp(name, "gnewt") == 0 ? &ours : &another);
}

static int NVTX_API push(nvtxDomainHandle_t domain, const nvtxEventAttributes_t *attributes) {
    if ((char *)domain != &ours)
        return 0;
    if (attributes->version != NVTX_VERSION || attributes->size != NVTX_EVENT_ATTRIB_STRUCT_SIZE ||
        attributes->messageType != NVTX_MESSAGE_TYPE_ASCII)
        abort();
    return write_line("push ", attributes->message.ascii);
}

static int NVTX_API pop(nvtxDomainHandle_t domain) {
    return (char *)domain == &ours ? write_line("pop", "") : 0;
}

/* Any of NVTX's functions may be replaced by ours. */
static void put(NvtxFunctionTable table, unsigned size, unsigned id, NvtxFunctionPointer function) {
    if (id < size && table[id] != NULL)
        *table[id] = function;
}

int NVTX_API InitializeInjectionNvtx2(NvtxGetExportTableFunc_t get_table);

int NVTX_API InitializeInjectionNvtx2(NvtxGetExportTableFunc_t get_table) {
    NvtxFunctionTable table = NULL;
    unsigned size = 0;
    const char *path = getenv("RECORDED_RANGES");
    const NvtxExportTableCallbacks *callbacks = get_table(NVTX_ETID_CALLBACKS);
    if (!path || !callbacks || !callbacks->GetModuleFunctionTable(NVTX_CB_MODULE_CORE2, &table, &size))
        return 0;
    file = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    put(table, size, NVTX_CBID_CORE2_DomainCreateA, (NvtxFunctionPointer)create_domain);
    put(table, size, NVTX_CBID_CORE2_DomainRangePushEx, (NvtxFunctionPointer)push);
    put(table, size, NVTX_CBID_CORE2_DomainRangePop, (NvtxFunctionPointer)pop);
    return file >= 0;
}
