#!/bin/sh
# Builds gnewt-bench where it is not, and compares it with the peers: run.sh [options of compare.py]
# PYTHON: the interpreter that has peers/requirements.txt.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
build=${BUILD:-$here/../build}
if [ ! -x "$build/bench/gnewt-bench" ]; then
    cmake -S "$here/.." -B "$build" -DCMAKE_BUILD_TYPE=Release -DGNEWT_TESTS=OFF
    cmake --build "$build" --target gnewt-bench
fi
exec "${PYTHON:-python3}" "$here/compare.py" --bench "$build/bench/gnewt-bench" "$@"
