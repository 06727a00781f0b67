#!/usr/bin/env python3
"""When training and test loss had been learnt, and how far apart, on several clocks.

    delays.py SWEEP... --threshold PART [--against LABEL]

A line a setting: the steps at which the training and the test loss first fell to PART of what they began with (for three
rows in succession), their difference and ratio, and the test's progress tau = -ln(L/L(0)) of the training loss, passes
and seconds of training (wall clock) there; last test loss. Median over the seeds and range; never: not reached. With
--against also the differences in ln ratio and tau to the runs of that optimiser, alike otherwise: median, 95 % bootstrap
interval over the seeds; of seeds on which both have reached it.
"""

import argparse

import numpy

import runs


def times(run, threshold):
    """Steps of training and test, ratio, tau, passes, seconds at the test's."""
    train, test = (runs.first_step(run, name, threshold * run.metrics[name][0]) for name in ("loss_train", "loss_test"))
    row = numpy.flatnonzero(run.metrics["step"] == test)
    there = [values[row[0]] if len(row) else numpy.inf
             for values in (runs.progress(run), run.metrics["passes"], run.metrics["seconds"])]
    delay, ratio = (test - train, test / max(1, train)) if numpy.isfinite(test) else (numpy.inf, numpy.inf)
    return [train, test, delay, ratio, *there, run.metrics["loss_test"][-1]]


def cell(values, form=".3g"):
    """Of one seed its value alone."""
    text = runs.spread(values, form) if len(values) > 1 else format(values[0], form)
    return text.replace("inf", "never")


def rest_of(run):
    """Its place in the grid, but for the optimiser and when rows are recorded."""
    return ",".join(pair for pair in run.point.split(",") if not pair.startswith(("phases", "observe")))


def difference(group, others, threshold):
    """ln ratio and tau, less those of the other optimiser at the same seed."""
    theirs = {(rest_of(run), run.seed): times(run, threshold) for run in others}
    found = []
    for run in group:
        mine, other = times(run, threshold), theirs.get((rest_of(run), run.seed))
        if other and numpy.isfinite(mine[1]) and numpy.isfinite(other[1]):
            found.append((numpy.log(max(mine[3], 1e-9) / max(other[3], 1e-9)), mine[4] - other[4]))
    if not found:
        return " – | – |"
    columns = numpy.array(found).T
    intervals = [runs.interval(values) for values in columns]
    return " | ".join(f"{numpy.median(values):+.2f} ({low:+.2f} to {high:+.2f})"
                      for values, (low, high) in zip(columns, intervals)) + f"; {len(found)} seeds |"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sweeps", metavar="SWEEP", nargs="+")
    parser.add_argument("--threshold", type=float, required=True)
    parser.add_argument("--against", metavar="LABEL")
    options = parser.parse_args()
    all_runs = [run for sweep in options.sweeps for run in runs.runs(sweep)]
    others = [run for run in all_runs if run.labels == (options.against,)]
    print("| setting | seeds | train | test | difference | ratio | tau | passes | seconds | last test loss |"
          + (f" ln ratio less {options.against}'s | tau less {options.against}'s |" if options.against else ""))
    print("|---" * (12 if options.against else 10) + "|")
    for (labels, rest), group in runs.grouped(all_runs, lambda run: (run.labels, rest_of(run))).items():
        columns = list(zip(*(times(run, options.threshold) for run in group)))
        cells = [cell(values, "g") for values in columns[:3]] + [cell(values) for values in columns[3:]]
        print(f"| {', then '.join(labels)} {rest} | {len(group)} | {' | '.join(cells)} |"
              + (" " + difference(group, others, options.threshold) if options.against else ""))


if __name__ == "__main__":
    main()
