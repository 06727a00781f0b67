#!/usr/bin/env python3
"""Tables of f5-mnist.yaml: which frequencies along the first principal component are left to learn, and when.

    f5_mnist.py SWEEP...

A line a moment: the start, the first rows with these accuracies, equal training losses (parts of the first), and the end.
Error over targets is the root of the sum of |F(k)|^2 of one over that of the other, in low (0 <= k < 1) and high
frequencies (2 <= k): 1 where nothing is learned and nothing wrong is said. high/low is their ratio: above 1 the error has
more of the high frequencies than the targets have. Medians (least to largest) over seeds; never: not all came there.
"""

import argparse
import pathlib

import numpy

import runs

MOMENTS = [("start", None, 0), ("training accuracy 0.5", "accuracy_train", 0.5),
           ("training accuracy 0.95", "accuracy_train", 0.95),
           ("test accuracy 0.3", "accuracy_test", 0.3), ("test accuracy 0.5", "accuracy_test", 0.5),
           ("test accuracy 0.7", "accuracy_test", 0.7), ("training loss 1e-2", "loss_train", 1e-2),
           ("training loss 1e-3", "loss_train", 1e-3), ("training loss 1e-4", "loss_train", 1e-4), ("end", None, -1)]


def row_of(run, column, value):
    """The first recorded row that is there; None: there is none."""
    if column is None:
        return value
    values = run.metrics[column]
    there = values <= value * values[0] if column == "loss_train" else values >= value
    return int(numpy.flatnonzero(there)[0]) if there.any() else None


def parts(run, row):
    """Error over targets in low and high frequencies, of the training and the test set, at the row's step."""
    step = run.metrics["step"][row]
    look = int(numpy.flatnonzero(run.observed("nudft", "step") == step)[0])
    k = run.observed("nudft", "frequency")[0]
    found = []
    for part in ("train", "test"):
        error, target = (run.observed("nudft", f"{what}_{part}")[look] for what in ("error", "target"))
        found += [float(numpy.linalg.norm(error[band]) / numpy.linalg.norm(target[band])) for band in (k < 1, k >= 2)]
    return found


def line(name, group, column, value):
    rows = [row_of(run, column, value) for run in group]
    if None in rows:
        return f"| {name} | never |" + " |" * 9
    m = [run.metrics for run in group]
    cells = [[values[key][row] for values, row in zip(m, rows)]
             for key in ("step", "passes", "seconds", "accuracy_train", "accuracy_test")]
    train_low, train_high, test_low, test_high = zip(*(parts(run, row) for run, row in zip(group, rows)))
    ratio = [high / low for low, high in zip(test_low, test_high)]
    cells += [train_low, train_high, test_low, test_high, ratio]
    return f"| {name} | " + " | ".join(runs.spread(c) if len(c) > 1 else format(c[0], ".3g") for c in cells) + " |"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sweeps", metavar="SWEEP", nargs="+", type=pathlib.Path)
    options = parser.parse_args()
    all_runs = [run for sweep in options.sweeps for run in runs.runs(sweep)]
    for label, group in runs.grouped(all_runs, lambda run: run.labels[0]).items():
        print(f"\n{label}, {len(group)} seeds\n")
        print("| moment | step | passes | seconds | training accuracy | test accuracy | training: low | high | test: low | "
              "high | high/low |")
        print("|---" * 11 + "|")
        for name, column, value in MOMENTS:
            print(line(name, group, column, value))


if __name__ == "__main__":
    main()
