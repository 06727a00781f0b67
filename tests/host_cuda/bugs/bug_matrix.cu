// bug_matrix                      lists the cases
// bug_matrix NAME buggy|fixed     runs one; exit status 0 when its result is right, 1 when not, 2 for a wrong
// call The shim and the sanitizers have exit statuses of their own.
#include <stdio.h>
#include <string.h>

#include "bugs.h"

int main(int argc, char **argv) {
    const Bug *groups[] = {
        memory_bugs,
        thread_bugs,
#ifdef GN_HOST_CUDA
        stream_bugs,
        graph_bugs,
#endif
    };
    for (const Bug *group : groups) {
        for (const Bug *bug = group; bug->name; bug++) {
            if (argc == 1) {
                puts(bug->name);
            } else if (argc == 3 && strcmp(argv[1], bug->name) == 0) {
                return bug->run(strcmp(argv[2], "fixed") == 0) ? 0 : 1;
            }
        }
    }
    return argc == 1 ? 0 : 2;
}
