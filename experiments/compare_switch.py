#!/usr/bin/env python3
"""Compares phases that end by a signal with phases of fixed lengths, at one step of all runs.

    compare_switch.py SWEEP... --step N [--metric accuracy_test]

SWEEP are directories of sweeps; their runs are grouped by the labels of their phases. A line a group: where its first
phase ended, the metric's median and range over the runs at step N, and the seconds to there. Of runs that end a phase
by a signal those of the observers count as well, in the share of its observations up to step N; rows do not count.
"""

import argparse
import pathlib

import h5py
import numpy

import runs


def observers_that_count(run):
    """All of the run where one of its phases ends by a signal, else none."""
    if "\n  switch:" not in run.config:
        return []
    with h5py.File(run.folder / "run.h5") as file:
        return list(file["observe"])


def read(run, step, metric):
    """Where the first phase ended, the metric and the seconds at the step."""
    row = numpy.flatnonzero(run.metrics["step"] == step)
    if not len(row):
        raise SystemExit(f"{run.folder}: no row of step {step}")
    seconds = run.metrics["seconds"][row[0]]
    with h5py.File(run.folder / "run.h5") as file:
        for name in observers_that_count(run):
            steps = file[f"observe/{name}/step"][:]
            seconds += float(file[f"costs/{name}"][()]) * float((steps <= step).mean())
        end = int(file["phases/step"][0])
    return end, run.metrics[metric][row[0]], seconds


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sweeps", metavar="SWEEP", nargs="+", type=pathlib.Path)
    parser.add_argument("--step", type=int, required=True)
    parser.add_argument("--metric", default="accuracy_test")
    options = parser.parse_args()
    all_runs = [run for sweep in options.sweeps for run in runs.runs(sweep)]
    groups = runs.grouped(all_runs, lambda run: (", ".join(run.labels), bool(observers_that_count(run))))
    print(f"| phases | runs | first phase ended at | {options.metric} at {options.step} | seconds |")
    print("|---|---|---|---|---|")
    for (name, automatic), group in groups.items():
        ends, values, seconds = zip(*(read(run, options.step, options.metric) for run in group))
        print(f"| {name}{', by a signal' if automatic else ''} | {len(group)} | {runs.spread(ends, 'g')} | "
              f"{runs.spread(values, '.4f')} | {runs.spread(seconds, '.2f')} |")


if __name__ == "__main__":
    main()
