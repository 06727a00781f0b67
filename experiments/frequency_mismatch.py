#!/usr/bin/env python3
"""Tables of frequency-mismatch.yaml: how far the test loss rises, in which frequencies, and how late it falls.

    frequency_mismatch.py SWEEP...

Of each setting, median (least to largest) over its seeds.
- rebound: the most by which the test loss is above its least so far, as their ratio, while the training loss is above 0.1 (a
  fifth of what sin 6x has); from, at: the steps of that least and of the top
- low, six: how much the error on the test set is at the top in frequencies 0 to 5, and in the target's own, 6, in parts of
  what sin 6x has at 6 (1/2): the second is 1 while nothing of it is learned
- at 0.4, at 0.2: the test loss itself where the training loss is first below that, for the same progress (the mean square of
  sin 6x is 1/2); inf: it never is
- to 0.05: steps from which training and test loss stay below a tenth of that for three rows, and the passes and seconds of
  training (wall clock) at the latter; inf: never, and counted as the longest
"""

import argparse
import pathlib

import numpy

import runs


def size(run, row_step, low, high):
    """The error on the test set in frequencies low to high, at the last look up to that step."""
    steps, k = run.observed("nudft", "step"), run.observed("nudft", "frequency")[0]
    error = run.observed("nudft", "error_test")[numpy.searchsorted(steps, row_step, "right") - 1]
    return 2 * float(numpy.linalg.norm(error[(k >= low - 1e-9) & (k <= high + 1e-9)]))


def at_step(run, column, step):
    return numpy.inf if numpy.isinf(step) else run.metrics[column][run.metrics["step"] == step][0]


def test_at(run, level):
    there = numpy.flatnonzero(run.metrics["loss_train"] <= level)
    return run.metrics["loss_test"][there[0]] if len(there) else numpy.inf


def numbers(run):
    m = run.metrics
    test = m["loss_test"]
    fitted = numpy.flatnonzero(m["loss_train"] <= 0.1)
    early = test[:fitted[0]] if len(fitted) else test
    top = int(numpy.argmax(early / numpy.minimum.accumulate(early)))
    least = int(numpy.argmin(test[:top + 1]))
    learned = runs.first_step(run, "loss_train", 0.05)
    known = runs.first_step(run, "loss_test", 0.05)
    step = m["step"][top]
    return {"rebound": test[top] / test[least], "from": m["step"][least], "at": step,
            "low": size(run, step, 0, 5), "six": size(run, step, 6, 6),
            "at 0.4": test_at(run, 0.4), "at 0.2": test_at(run, 0.2), "training to 0.05": learned,
            "test to 0.05": known, "passes": at_step(run, "passes", known), "seconds": at_step(run, "seconds", known),
            "last training": m["loss_train"][-1], "last test": m["loss_test"][-1]}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sweeps", metavar="SWEEP", nargs="+", type=pathlib.Path)
    options = parser.parse_args()
    for sweep in options.sweeps:
        for point, group in runs.grouped(runs.runs(sweep)).items():
            found = [numbers(run) for run in group]
            print(f"{sweep.name}: {point} ({len(group)} seeds)")
            for name in found[0]:
                print(f"    {name:16s} {runs.spread([n[name] for n in found])}")


if __name__ == "__main__":
    main()
