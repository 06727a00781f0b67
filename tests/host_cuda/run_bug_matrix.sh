#!/bin/bash
# run_bug_matrix.sh BUILD_DIR
# Builds the bug matrix plain, with ASan + UBSan and with TSan, runs every case with its bug and without in every mode,
# and prints who found what. Fails when a bug is found by no mode, or when a correct program is flagged by any.
set -eu
build=${1:?usage: run_bug_matrix.sh BUILD_DIR}
source_dir=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$build"
build=$(cd "$build" && pwd)
export OPENBLAS_NUM_THREADS=1
export TSAN_OPTIONS="atexit_sleep_ms=0 exitcode=66 ${TSAN_OPTIONS:-}"
export ASAN_OPTIONS="detect_stack_use_after_return=1 ${ASAN_OPTIONS:-}"

warnings="-Wall -Wextra -Wpedantic -Werror"
jobs=$(nproc)

# compile OUTPUT_DIR FLAGS -- SOURCES
compile() {
    local out=$1 flags=$2
    shift 3
    mkdir -p "$out"
    printf '%s\n' "$@" | xargs -P "$jobs" -I{} sh -c \
        '${CXX:-g++} -x c++ -std=c++17 $1 -I"$2/include" -I"$2/src" -c "{}" -o "$3/$(basename "{}").o"' sh \
        "$warnings $flags" "$source_dir" "$out"
}

compile "$build/library" "-O2 -g" -- "$source_dir"/src/*.cpp
rm -f "$build/libhost_cuda.a"
ar rcs "$build/libhost_cuda.a" "$build"/library/*.o

for mode in plain asan tsan; do
    case $mode in
    plain) flags="" ;;
    asan) flags="-fsanitize=address,undefined -fno-sanitize-recover=all" ;;
    tsan) flags="-fsanitize=thread" ;;
    esac
    compile "$build/$mode" "-O1 -g -DGN_HOST_CUDA $flags" -- "$source_dir"/bugs/*.cu
    ${CXX:-g++} $flags "$build/$mode"/*.o -o "$build/bug_matrix_$mode" "$build/libhost_cuda.a" -llapacke -lopenblas -lpthread
done

# TSan of gcc 12 cannot start where addresses are too random; then it runs without.
tsan_prefix=""
if ! "$build/bug_matrix_tsan" double_free fixed >/dev/null 2>&1; then
    tsan_prefix="setarch -R"
fi

# verdict MODE NAME VARIANT: prints - (clean) or who found it
verdict() {
    local mode=$1 program prefix="" order=forward log="$build/log_$2_$3_${1//:/_}" status=0
    case $mode in
    asan) program=asan ;;
    tsan) program=tsan prefix=$tsan_prefix ;;
    *) program=plain order=$mode ;;
    esac
    HOST_CUDA_ORDER=$order timeout 120 $prefix "$build/bug_matrix_$program" "$2" "$3" >"$log" 2>&1 || status=$?
    if grep -q "ERROR: AddressSanitizer\|ERROR: LeakSanitizer" "$log"; then
        echo asan
    elif grep -q "runtime error:" "$log"; then
        echo ubsan
    elif grep -q "WARNING: ThreadSanitizer" "$log"; then
        echo tsan
    elif grep -q "host_cuda: violation\|host_cuda: the host touched" "$log"; then
        echo shim
    elif [ $status -eq 1 ]; then
        echo result
    elif [ $status -ne 0 ]; then
        echo "exit$status"
    else
        echo -
    fi
}

modes="forward reverse random:1 random:2 asan tsan"
failed=0
printf '%-36s' bug
printf '%-9s' $modes
printf ' correct\n'
for name in $("$build/bug_matrix_plain"); do
    printf '%-36s' "$name"
    found=no clean=yes
    for mode in $modes; do
        answer=$(verdict "$mode" "$name" buggy)
        printf '%-9s' "$answer"
        [ "$answer" = - ] || found=yes
        correct=$(verdict "$mode" "$name" fixed)
        [ "$correct" = - ] || clean="flagged by $mode ($correct)"
    done
    [ $found = yes ] || clean="MISSED; correct: $clean"
    printf ' %s\n' "$clean"
    [ "$clean" = yes ] || failed=1
done
[ $failed -eq 0 ] && echo "every bug was found, no correct program was flagged"
exit $failed
