/* Criterion's own main(), but for the end: the process that starts the tests is not searched for leaks,
 * because libcriterion itself may leave some. Each test's process is. */
#include <stdio.h>
#include <unistd.h>

#include <criterion/criterion.h>

int main(int argc, char **argv) {
    struct criterion_test_set *tests = criterion_initialize();
    int result = 0;
    if (criterion_handle_args(argc, argv, true))
        result = !criterion_run_all_tests(tests);
    criterion_finalize(tests);
    fflush(NULL);
    _exit(result);
}
