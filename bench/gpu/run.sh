#!/bin/bash
# Everything that wants a real GPU, in one go: the suites on device cuda, the benchmarks, compute-sanitizer, a trace.
# Ends by itself within 9 minutes and leaves gpu.json (what passed, with times) and gpu.log (all output).
#   bench/gpu/run.sh            builds into build/gpu, then runs; what pack.sh made runs as it is
#     --build DIR               take this build instead
#     --out DIR                 where gpu.json, gpu.log and traces go (default: .)
#     --seconds N               end after so many (default: 530)
#     --parts "P ..."           of: suites bench sanitizer trace (default: all)
#     --suites "S ..."          of the suites, those named (default: all that are built)
#     --cases "C ..."           of the benchmarks, those named (default: all that use the device)
#     --jobs N                  tests at once (default: 1, they share one GPU)
# Exit status: 0, or 1 where anything failed or no GPU works; parts whose tools are missing are skipped and say so.
set -uo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
build="" out=. limit=530 jobs=1 suites=""
parts="suites bench sanitizer trace"
cases="loop lm-step gn-step sgd-step adamw-step mnist-lm-step gram poisson-lm-step poisson-gram ggn-product adam-step cg-memory"
total_failed=0 entries=() benches=()

usage() {
    sed -n '2,13s/^# \{0,1\}//p' "$0"
}

fail() {
    echo "run.sh: $*" >&2
    exit 1
}

while [ $# -gt 0 ]; do
    case $1 in
        -h | --help) usage && exit ;;
        --build | --out | --seconds | --parts | --suites | --cases | --jobs)
            [ $# -gt 1 ] || { usage >&2 && exit 2; }
            case $1 in
                --build) build=$2 ;;
                --out) out=$2 ;;
                --seconds) limit=$2 ;;
                --parts) parts=$2 ;;
                --suites) suites=$2 ;;
                --cases) cases=$2 ;;
                --jobs) jobs=$2 ;;
            esac
            shift 2
            ;;
        *) usage >&2 && exit 2 ;;
    esac
done
[[ $limit =~ ^[1-9][0-9]*$ && $jobs =~ ^[1-9][0-9]*$ ]] || { usage >&2 && exit 2; }
{ mkdir -p "$out" && : > "$out/gpu.log"; } || exit 1
out=$(realpath "$out") log=$out/gpu.log

# ---- results

# The text as a JSON string; tests' names and devices' are plain, output may hold anything.
json_string() {
    local text=${1//\\/\\\\}
    text=${text//\"/\\\"}
    text=${text//$'\n'/ }
    printf '"%s"' "$(tr -d '\000-\037' <<< "$text")"
}

# Written anew after each part, so that it is there and whole whatever ends the run.
write_json() {
    local i
    {
        echo "{"
        echo "  \"date\": \"$(date -u +%Y-%m-%dT%H:%M:%SZ)\","
        echo "  \"commit\": $(json_string "$commit"),"
        echo "  \"device\": $(json_string "$device"),"
        echo "  \"gpu\": $(json_string "$gpu"),"
        echo "  \"driver\": $(json_string "$driver"),"
        echo "  \"seconds\": $SECONDS,"
        echo "  \"failed\": $total_failed,"
        echo "  \"parts\": ["
        for ((i = 0; i < ${#entries[@]}; i++)); do
            echo "    ${entries[i]}$([ $((i + 1)) -eq ${#entries[@]} ] || echo ,)"
        done
        echo "  ],"
        echo "  \"bench\": ["
        for ((i = 0; i < ${#benches[@]}; i++)); do
            cat "${benches[i]}"
            [ $((i + 1)) -eq ${#benches[@]} ] || echo ,
        done
        echo "  ]"
        echo "}"
    } > "$out/gpu.json.new" && mv "$out/gpu.json.new" "$out/gpu.json"
}

# entry PART STATUS SECONDS NOTE [JSON MEMBERS]
entry() {
    [ "$2" != failed ] || total_failed=$((total_failed + 1))
    printf '%-34s %-8s %5s s  %s\n' "$1" "$2" "$3" "$4"
    entries+=("{\"part\": $(json_string "$1"), \"status\": \"$2\", \"seconds\": $3, \"note\": $(json_string "$4")${5:+, $5}}")
    write_json
}

# attempt SECONDS COMMAND...: with what is left of the time; its output into $output and the log. Sets rc and took.
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
output=$work/output
attempt() {
    local most=$1 start=$SECONDS left=$((limit - SECONDS))
    shift
    [ "$most" -lt "$left" ] || most=$left
    rc=124 took=0
    : > "$output"
    if [ "$most" -lt 2 ]; then
        echo "no time left" > "$output"
        return
    fi
    timeout --kill-after=5 "$most" "$@" > "$output" 2>&1 < /dev/null
    rc=$? took=$((SECONDS - start))
    { echo "=== $* (exit $rc, $took s)" && cat "$output"; } >> "$log"
}

ended_how() {
    case $rc in
        124 | 137) echo "out of time after $took s" ;;
        *) echo "exit $rc; see gpu.log" ;;
    esac
}

# ---- what to run

if [ -z "$build" ] && [ -d "$root/packed" ]; then
    build=$root/build
elif [ -z "$build" ]; then
    nvidia-smi -L > /dev/null 2>&1 || ldconfig -p | grep -q 'libcuda\.so\.1' ||
        fail "no NVIDIA driver on this host, so there is nothing to run here (--build DIR runs a build over the shim)"
    build=$root/build/gpu
    echo "building in $build"
    attempt 300 cmake --preset cpu -S "$root" -B "$build" -DGNEWT_CUDA=ON -DGNEWT_WERROR=OFF
    [ $rc -eq 0 ] || fail "configuring failed: see $log; a build that pack.sh packed needs no packages here"
    attempt 300 cmake --build "$build"
    [ $rc -eq 0 ] || fail "building failed ($(ended_how)): see $log"
fi
[ -x "$build/bin/gnewt" ] || fail "there is no gnewt in $build/bin"
build=$(realpath "$build")

# A packed build: its libraries, and its files where its tests look for them.
commit=$(git -C "$root" describe --always --dirty 2> /dev/null || echo unknown)
if [ -d "$root/packed" ]; then
    commit=$(cat "$root/packed/commit")
    export LD_LIBRARY_PATH=$root/packed/lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
    for place in source build; do
        path=$(cat "$root/packed/$place") here=$root
        [ $place = source ] || here=$build
        [ -e "$path" ] || { mkdir -p "$(dirname "$path")" && ln -s "$here" "$path"; } 2> /dev/null || [ -e "$path" ] ||
            fail "the tests look for their files in $path, which cannot be made here: pack a build from a path that can"
    done
fi
if command -v nvcc > /dev/null; then # CUDA's libraries where the loader does not know them
    cuda=$(dirname "$(dirname "$(realpath "$(command -v nvcc)")")")
    export LD_LIBRARY_PATH=${LD_LIBRARY_PATH:+$LD_LIBRARY_PATH:}$cuda/lib64
fi
export GNEWT_REQUIRE_DEVICES=cuda OPENBLAS_NUM_THREADS=${OPENBLAS_NUM_THREADS:-1}

gpu="" driver=""
if command -v nvidia-smi > /dev/null; then
    gpu=$(nvidia-smi --query-gpu=name --format=csv,noheader 2> /dev/null | head -n 1)
    driver=$(nvidia-smi --query-gpu=driver_version --format=csv,noheader 2> /dev/null | head -n 1)
fi
attempt 60 "$build/bin/gnewt" info
device=$(sed -n 's/^cuda  *//p' "$output")
[[ $rc -eq 0 && -n $device ]] || fail "gnewt does not start here: $(tail -n 1 "$output")"
case $device in
    "not here:"*) fail "no GPU works here: ${device#not here: }" ;;
esac
entry load passed "$took" "$device"

wants() {
    [[ " $parts " == *" $1 "* ]]
}

# ---- training as a user would

# write_training STEPS PRECISION: a small training run of each rule. One step: all by calls; several: the later ones
# replayed as graphs.
write_training() {
    cat << END
name: sanitized
precision: $2
device: cuda
problem: {kind: multi_sine_1d, points: 33}
network: {kind: mlp, widths: [1, 17, 9, 1], activation: tanh}
loss: {kind: squared}
phases:
  - {steps: $1, optimizer: {kind: sgd, learning_rate: 1.0e-3, momentum: 0.9}}
  - {steps: $1, optimizer: {kind: adamw, learning_rate: 1.0e-3}}
  - {steps: $1, optimizer: {kind: levenberg_marquardt, learning_rate: 0.1}}
  - {steps: $1, optimizer: {kind: gauss_newton, learning_rate: 0.1, cutoff: 1.0e-2}}
END
}

for precision in float64 float32; do
    write_training 1 $precision > "$work/calls-$precision.yaml"
    write_training 5 $precision > "$work/graphs-$precision.yaml"
done

# train NAME: sets the command of a run with that config, into an empty folder.
train() {
    rm -rf "${work:?}/$1"
    command=("$build/bin/gnewt" run --quiet "$work/$1.yaml" --out "$work/$1")
}

if wants suites; then
    for name in graphs-float64 graphs-float32; do
        train $name
        attempt 60 "${command[@]}"
        if [ $rc -eq 0 ]; then
            entry "gnewt run, $name" passed "$took" "$(sed -n 's/^loss  *//p' "$output")"
        else
            entry "gnewt run, $name" failed "$took" "$(ended_how)"
        fi
    done
fi

# ---- the suites

# Those about the device first, in case time runs out.
built_suites() {
    local name
    for name in cuda kernels backend linearization solve optimize run observe problem network cli report; do
        [ ! -x "$build/tests/test-$name" ] || echo "$name"
    done
    find "$build/tests" -maxdepth 1 -name 'test-*' -type f -executable -printf '%f\n' | sed 's/^test-//' | sort |
        grep -v -x -E 'plugin|cuda|kernels|backend|linearization|solve|optimize|run|observe|problem|network|cli|report'
}

# Criterion's last line in numbers: tested passing failing crashing.
synthesis() {
    sed 's/\x1b\[[0-9;]*m//g' "$output" | awk '/Synthesis: / { gsub(/[^0-9]+/, " "); print; exit }'
}

# run_suite NAME SECONDS
run_suite() {
    local tested passing failing crashing status=passed note
    attempt "$2" "$build/tests/test-$1" --jobs "$jobs"
    read -r tested passing failing crashing < <(synthesis) || true
    note="${passing:-0} of ${tested:-0}"
    if [ $rc -ne 0 ] || [ -z "${tested:-}" ]; then
        status=failed note="$note; $(ended_how)"
    fi
    entry "suite $1" $status "$took" "$note" \
        "\"tested\": ${tested:-0}, \"passed\": ${passing:-0}, \"failing\": ${failing:-0}, \"crashing\": ${crashing:-0}"
}

if wants suites; then
    reserve=0 # for what comes after
    ! wants bench || reserve=$((reserve + limit / 8))
    ! wants sanitizer || reserve=$((reserve + limit / 5))
    [ -n "$suites" ] || suites=$(built_suites)
    for suite in $suites; do
        [ -x "$build/tests/test-$suite" ] || fail "there is no suite $suite in $build/tests"
        if [[ $suite =~ ^(cli|report)$ ]] && ! command -v gnuplot > /dev/null; then
            entry "suite $suite" skipped 0 "no gnuplot on this host"
            continue
        fi
        run_suite "$suite" $((limit - reserve - SECONDS))
    done
fi

# ---- the benchmarks

if wants bench; then
    for case in $cases; do
        json=$work/bench-$case.json
        attempt $((limit / 8)) "$build/bench/gnewt-bench" "$case" --device cuda --seconds 0.3 --json "$json"
        [ ! -s "$json" ] || benches+=("$json")
        if [ $rc -eq 0 ]; then
            entry "bench $case" passed "$took" "$(awk '$1 == name { print $2, $3 ":", $4, $5; exit }' name="$case" "$output")"
        else
            entry "bench $case" failed "$took" "$(ended_how)"
        fi
        [ "$case" != loop ] || grep '^loop ' "$output"
    done
fi

# ---- compute-sanitizer

sanitizer=$(command -v compute-sanitizer || echo "$(dirname "$(command -v nvcc || echo /usr/local/cuda/bin/nvcc)")/compute-sanitizer")
unsupported=""

# under TOOL SECONDS COMMAND...: sets verdict: clean, found, unsupported, or unclear.
under() {
    local tool=$1 seconds=$2
    shift 2
    attempt "$seconds" "$sanitizer" --tool "$tool" --target-processes all --error-exitcode 86 "$@"
    if grep -q -i 'device not supported' "$output"; then
        verdict=unsupported
    elif [ $rc -eq 86 ] || grep -q 'ERROR SUMMARY: [1-9]' "$output" || grep -q 'RACECHECK SUMMARY: [1-9]' "$output"; then
        verdict=found
    elif [ $rc -eq 0 ] && grep -q 'SUMMARY: 0 ' "$output"; then
        verdict=clean
    else
        verdict=unclear
    fi
}

# sanitize NAME TOOL SECONDS COMMAND...
sanitize() {
    local name="$2: $1" tool=$2 seconds=$3
    shift 3
    if [ -n "$unsupported" ]; then
        entry "$name" skipped 0 "Device not supported"
        return
    fi
    under "$tool" "$seconds" "$@"
    case $verdict in
        clean) entry "$name" passed "$took" "no errors" ;;
        found) entry "$name" failed "$took" "errors; see gpu.log" ;;
        unsupported) unsupported=1 && entry "$name" skipped "$took" "Device not supported" ;;
        *) entry "$name" skipped "$took" "did not run under the tool: $(ended_how)" ;;
    esac
}

# control TOOL BUG: the tool must find the planted bug, and nothing in the same program without it.
control() {
    local with without
    [ -z "$unsupported" ] || return
    under "$1" 30 "$build/tests/bug-matrix" "$2" buggy
    with=$verdict
    under "$1" 30 "$build/tests/bug-matrix" "$2" fixed
    without=$verdict
    case $with-$without in
        found-clean) entry "$1: planted $2" passed "$took" "found, and only there" ;;
        *unsupported*) unsupported=1 && entry "$1: planted $2" skipped "$took" "Device not supported" ;;
        *) entry "$1: planted $2" failed "$took" "with the bug: $with, without: $without" ;;
    esac
}

if wants sanitizer && ! command -v "$sanitizer" > /dev/null; then
    entry sanitizer skipped 0 "no compute-sanitizer on this host"
elif wants sanitizer; then
    if [ -x "$build/tests/bug-matrix" ]; then
        control memcheck global_write_past_end
        control racecheck missing_barrier
        control synccheck divergent_barrier
        control initcheck uninitialised_device_memory
    fi
    for name in calls-float64 graphs-float64 calls-float32 graphs-float32; do
        train $name
        sanitize "gnewt run, $name" memcheck 40 "${command[@]}"
    done
    for tool in racecheck synccheck initcheck; do
        train calls-float64
        sanitize "gnewt run, calls-float64" $tool 40 "${command[@]}"
    done
    sanitize "programs" memcheck 60 "$build/tests/test-cuda" --jobs 1 --filter 'cuda_programs/*'
    sanitize "suite solve" memcheck 60 "$build/tests/test-solve" --jobs 1
fi

# ---- a trace

if wants trace && ! command -v nsys > /dev/null; then
    entry trace skipped 0 "no nsys on this host"
elif wants trace; then
    attempt 60 nsys profile --trace=cuda,nvtx --cuda-graph-trace=node --force-overwrite=true --output="$out/loop" \
        "$build/bench/gnewt-bench" loop --device cuda --seconds 0.01 --repetitions 3
    if [ $rc -eq 0 ] && [ -s "$out/loop.nsys-rep" ]; then
        entry trace passed "$took" "loop.nsys-rep"
    else
        entry trace failed "$took" "$(ended_how)"
    fi
fi

write_json
echo "$total_failed failed; $SECONDS s; $out/gpu.json, $out/gpu.log"
[ "$total_failed" -eq 0 ]
