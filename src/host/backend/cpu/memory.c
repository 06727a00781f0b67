/* Free and total memory, as Linux and its control groups (version 2) tell it. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "backend/cpu/cpu.h"

/* The number after `key` at a line's start in `file`; false where there is none ("max" is none). */
static bool read_number(const char *file, const char *key, double *value) {
    char line[256];
    bool found = false;
    FILE *stream = fopen(file, "re");
    if (!stream)
        return false;
    while (!found && fgets(line, sizeof(line), stream))
        if (strncmp(line, key, strlen(key)) == 0)
            found = sscanf(line + strlen(key), "%lf", value) == 1;
    fclose(stream);
    return found;
}

/* This process's control group ("/" in a container), without a slash at the end. */
static bool group_path(char *path, size_t size) {
    bool found = false;
    FILE *stream = fopen("/proc/self/cgroup", "re");
    if (!stream)
        return false;
    while (!found && fgets(path, (int)size, stream))
        if (strncmp(path, "0::/", 4) == 0) { /* version 2's line */
            path[strcspn(path, "\n")] = '\0';
            memmove(path, path + 3, strlen(path + 3) + 1);
            found = true;
        }
    fclose(stream);
    if (found && strcmp(path, "/") == 0)
        path[0] = '\0';
    return found;
}

/* Lowers *free_bytes and *total to what the group at `path` may still take. */
static void limit_by_group(const char *path, double *free_bytes, double *total) {
    char file[1200];
    double most, used, reclaimable;
    snprintf(file, sizeof(file), "/sys/fs/cgroup%s/memory.max", path);
    if (!read_number(file, "", &most))
        return;
    snprintf(file, sizeof(file), "/sys/fs/cgroup%s/memory.current", path);
    if (!read_number(file, "", &used))
        used = 0;
    snprintf(file, sizeof(file), "/sys/fs/cgroup%s/memory.stat", path);
    if (!read_number(file, "inactive_file ", &reclaimable))
        reclaimable = 0;
    const double left = most - used + reclaimable;
    if (left < *free_bytes)
        *free_bytes = left > 0 ? left : 0;
    if (most < *total)
        *total = most;
}

gn_status gn_cpu_memory(void *state, size_t *free_bytes, size_t *total_bytes) {
    double available, total;
    char path[1024];
    if (read_number("/proc/meminfo", "MemAvailable:", &available) &&
        read_number("/proc/meminfo", "MemTotal:", &total)) {
        available *= 1024;
        total *= 1024;
    } else {
        const double page = (double)sysconf(_SC_PAGESIZE);
        total = page * (double)sysconf(_SC_PHYS_PAGES);
        available = page * (double)sysconf(_SC_AVPHYS_PAGES);
    }
    if (total <= 0)
        return gn_cpu_fail(state, GN_ERROR_DEVICE, "the host does not tell how much memory it has");
    if (group_path(path, sizeof(path))) /* a limit may sit at the group or at any above it */
        for (;;) {
            limit_by_group(path, &available, &total);
            char *slash = strrchr(path, '/');
            if (!slash)
                break;
            *slash = '\0';
        }
    *free_bytes = (size_t)available;
    *total_bytes = (size_t)total;
    return GN_OK;
}
