#!/usr/bin/env python3
"""Compares phases that end by a signal with phases of fixed lengths, at one step of all runs.

    compare_switch.py SWEEP... --step N [--metric accuracy_test]

SWEEP are directories of sweeps; their runs are grouped by the labels of their phases. A line a group: where its first
phase ended, the metric's median and range over the runs at step N, and the seconds to there. Of runs that end a phase
by a signal those of the observers count as well, in the share of its observations up to step N; rows do not count.
"""

import argparse
import csv
import pathlib
import statistics

import h5py


def observers_that_count(run):
    """All of the run where one of its phases ends by a signal, else none."""
    text = (run / "config.yaml").read_text(encoding="utf-8")
    if "\n  switch:" not in text:
        return []
    with h5py.File(run / "run.h5") as file:
        return list(file["observe"])


def labels(run):
    lines = (run / "config.yaml").read_text(encoding="utf-8").splitlines()
    found = [line.split(":", 1)[1].strip().strip('"') for line in lines if line.strip().startswith("label:")]
    return ", ".join(found)


def read(run, step, metric):
    """Where the first phase ended, the metric and the seconds at the step."""
    with open(run / "metrics.csv", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if int(row["step"]) == step]
    if not rows:
        raise SystemExit(f"{run}: no row of step {step}")
    seconds = float(rows[0]["seconds"])
    with h5py.File(run / "run.h5") as file:
        for name in observers_that_count(run):
            steps = file[f"observe/{name}/step"][:]
            seconds += float(file[f"costs/{name}"][()]) * float((steps <= step).mean())
        end = int(file["phases/step"][0])
    return end, float(rows[0][metric]), seconds


def text(values, form):
    low, middle, high = (format(f(values), form) for f in (min, statistics.median, max))
    return f"{middle} ({low} to {high})"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sweeps", metavar="SWEEP", nargs="+", type=pathlib.Path)
    parser.add_argument("--step", type=int, required=True)
    parser.add_argument("--metric", default="accuracy_test")
    options = parser.parse_args()
    groups = {}
    for run in sorted(run for sweep in options.sweeps for run in sweep.iterdir()):
        if (run / "config.yaml").exists():
            key = labels(run), bool(observers_that_count(run))
            groups.setdefault(key, []).append(read(run, options.step, options.metric))
    print(f"| phases | runs | first phase ended at | {options.metric} at {options.step} | seconds |")
    print("|---|---|---|---|---|")
    for (name, automatic), runs in groups.items():
        ends, values, seconds = zip(*runs)
        print(f"| {name}{', by a signal' if automatic else ''} | {len(runs)} | {text(ends, 'g')} | "
              f"{text(values, '.4f')} | {text(seconds, '.2f')} |")


if __name__ == "__main__":
    main()
