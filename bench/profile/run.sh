#!/bin/bash
# Profiles one of the cases beside this file.
#
#   run.sh timeline CASE [GNEWT OPTIONS]    Nsight Systems: the ranges, CUDA's calls, each graph as a whole
#   run.sh nodes    CASE [GNEWT OPTIONS]    the same with every kernel of a graph; slower, so not for total times
#   run.sh kernels  CASE [GNEWT OPTIONS]    Nsight Compute: bytes, time and limits of each kernel of one range
#   run.sh cpu      CASE [GNEWT OPTIONS]    perf, on the cpu backend
#
# CASE: lm-step, first-order-step, cg. Options go to `gnewt run`: --set problem.points=8000, --device cuda:1.
# GNEWT: the command (build/cpu/bin/gnewt). OUT: where results go (profiles). For kernels: RANGE, whose kernels are
# measured (solve; of first-order-step: step), NUMBER, which of its instances (1), COUNT, the most kernels (200).
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)

usage() {
    sed -n '2,12s/^# \{0,1\}//p' "$0" >&2
    exit 2
}

if [ $# -lt 2 ] || ! [ -r "$here/$2.yaml" ]; then
    usage
fi
view=$1 case=$2
shift 2
gnewt=${GNEWT:-$here/../../build/cpu/bin/gnewt}
out=${OUT:-profiles}
report=$out/$case-$view
mkdir -p "$out"
rm -rf "$report.run"
run=("$gnewt" run "$here/$case.yaml" --out "$report.run" --quiet "$@")

# Nsight Systems collects from the beginning of `run` to its end, without start and files. It compares names only of
# registered strings unless told otherwise.
timeline() {
    NSYS_NVTX_PROFILER_REGISTER_ONLY=0 nsys profile --trace=cuda,nvtx,cublas --cuda-graph-trace="$1" \
        --sample=none --cpuctxsw=none \
        --capture-range=nvtx --nvtx-capture=run@gnewt --capture-range-end=stop \
        --force-overwrite=true --output="$report" "${run[@]}"
    nsys stats --force-export=true --timeunit=usec \
        --report=nvtx_pushpop_sum,nvtx_gpu_proj_sum,cuda_gpu_kern_sum,cuda_gpu_mem_time_sum,cuda_api_sum \
        "$report.nsys-rep" | tee "$report.txt"
}

# What a case is about. In the first instance a program's body is still called and not yet recorded, so that each
# kernel is a launch of its own.
range_of() {
    case $1 in
        first-order-step) echo step ;;
        *) echo solve ;;
    esac
}

# Caches are flushed before each kernel, so that all bytes come from memory; clocks are left as they are, to compare
# with a copy that was timed at the same clocks.
kernels() {
    local metrics=gpu__time_duration.sum,dram__bytes_read.sum,dram__bytes_write.sum
    metrics+=,dram__throughput.avg.pct_of_peak_sustained_elapsed
    ncu --nvtx --nvtx-include "gnewt@${RANGE:-$(range_of "$case")}/" --range-filter "::${NUMBER:-1}" \
        --graph-profiling node --replay-mode kernel --cache-control all --clock-control none \
        --section SpeedOfLight --section MemoryWorkloadAnalysis --section LaunchStats --section Occupancy \
        --section WarpStateStats --metrics "$metrics" \
        --launch-count "${COUNT:-200}" --force-overwrite --export "$report" "${run[@]}"
    ncu --import "$report.ncu-rep" --csv --page raw --print-units base --metrics "$metrics" > "$report.csv"
    ncu --import "$report.ncu-rep" --print-summary per-kernel | tee "$report.txt"
}

cpu() {
    perf record --freq=997 --call-graph=dwarf,16384 --output="$report.data" "${run[@]}" --device cpu
    perf report --input="$report.data" --no-children --percent-limit=1 --stdio --call-graph=none | tee "$report.txt"
}

case $view in
    timeline) timeline graph ;;
    nodes) timeline node ;;
    kernels) kernels ;;
    cpu) cpu ;;
    *) usage ;;
esac
