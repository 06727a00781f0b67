#!/bin/sh
# Runs of a sweep that work at once, under ThreadSanitizer: with training, observers, checkpoints, a resumed sweep and
# a run that fails. Criterion does not start there, so this is a test of its own.
#
#   sweep_threads.sh GNEWT
set -eu
gnewt=$1
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
cat >grid.yaml <<'YAML'
name: grid
problem: {kind: multi_sine_1d, points: 24, test_points: 10}
network: {kind: mlp, widths: [1, 8, 1]}
phases:
  - steps: 300
    optimizer: {kind: levenberg_marquardt, damping: {value: 0.1}}
  - steps: 300
    optimizer: {kind: adam}
observe:
  - {kind: norms, every: 1}
  - {kind: fourier, modes: 4, every: 1}
  - {kind: ntk, every: 50}
sweep:
  - {key: seed, values: [0, 1, 2, 3]}
  - {key: phases.0.optimizer.solver, values: [dual, cg]}
YAML
# one thread a run: gcc's OpenMP is not instrumented, and what it does would be taken for races
export OMP_NUM_THREADS=1 TSAN_OPTIONS="exitcode=66 halt_on_error=1"
"$gnewt" sweep grid.yaml --jobs 4 --out runs
rm -r runs/003*
"$gnewt" sweep grid.yaml --jobs 4 --out runs --resume
"$gnewt" sweep grid.yaml --jobs 3 --out failing --set 'sweep.1={key: phases.1.optimizer.learning_rate, values: [0.01, 1.0e+200]}' &&
  exit 1 || test $? -eq 1
