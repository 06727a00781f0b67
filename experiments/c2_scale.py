#!/usr/bin/env python3
"""How delays grow with the output scale alpha: delay ~ alpha^b for each optimiser, centred and not.

    c2_scale.py SWEEP... [--threshold 0.5]

The delay is the steps from the training loss's fall to the threshold (a part of what it began with, three rows in succession)
to the test loss's. A line a setting and alpha: steps of both, delay, ratio; how far the weights have moved and the
kernel has drifted when the training loss was there (at the next look; of runs that observe norms and drift). Then b, the slope of ln delay
on ln alpha over all runs, with a 95 % bootstrap interval over the seeds; alphas of which a seed never reached the
threshold are left out, and named.
"""

import argparse
import re

import numpy

import runs


def setting(run, key):
    """A number, or true and false, of the section `network`."""
    return re.search(rf"\n  {key}: (\S+)", run.config).group(1)


def delay(run, threshold):
    train, test = (runs.first_step(run, name, threshold * run.metrics[name][0]) for name in ("loss_train", "loss_test"))
    return train, test, test - train if numpy.isfinite(test) else numpy.inf


def seen_at(run, observer, array, step):
    steps, values = run.observed(observer, "step"), run.observed(observer, array)
    later = numpy.flatnonzero(steps >= step) if steps is not None else []
    return values[later[0]] if len(later) else numpy.nan


def line(name, alpha, group, threshold):
    found = numpy.array([delay(run, threshold) for run in group])
    ratio = found[:, 1] / numpy.maximum(1, found[:, 0])
    moved, drift = ([seen_at(run, observer, array, train) for run, train in zip(group, found[:, 0])]
                    for observer, array in (("norms", "relative_movement"), ("drift", "kernel_drift")))
    steps = " | ".join(runs.spread(column, "g") for column in found.T)
    print(f"| {name} | {alpha:g} | {len(group)} | {steps} | {runs.spread(ratio)} | {runs.spread(moved)} | "
          f"{runs.spread(drift)} |")


def slope(delays):
    """delays: {alpha: one a seed}, all finite and above 0."""
    x = numpy.concatenate([numpy.full(len(d), numpy.log(alpha)) for alpha, d in delays.items()])
    y = numpy.log(numpy.concatenate(list(delays.values())))
    return numpy.polyfit(x, y, 1)[0]


def slope_interval(delays, resamples=2000, seed=0):
    """Seeds are drawn anew within each alpha."""
    random = numpy.random.default_rng(seed)
    drawn = [slope({alpha: random.choice(d, len(d)) for alpha, d in delays.items()}) for _ in range(resamples)]
    return numpy.percentile(drawn, [2.5, 97.5])


def fit(name, groups, threshold):
    delays = {alpha: [delay(run, threshold)[2] for run in group] for alpha, group in groups.items()}
    kept = {alpha: numpy.array(d, float) for alpha, d in delays.items() if all(0 < v < numpy.inf for v in d)}
    left_out = [f"{alpha:g}" for alpha in delays if alpha not in kept]
    text = f"{name}: "
    if len(kept) < 2:
        text += "fewer than two alphas that every seed reached with a delay"
    else:
        low, high = slope_interval(kept)
        text += f"b = {slope(kept):.2f} ({low:.2f} to {high:.2f}) over alpha = {', '.join(f'{a:g}' for a in kept)}"
    print(text + (f"; left out: {', '.join(left_out)}" if left_out else ""))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sweeps", metavar="SWEEP", nargs="+")
    parser.add_argument("--threshold", type=float, default=0.5)
    options = parser.parse_args()
    all_runs = [run for sweep in options.sweeps for run in runs.runs(sweep)]
    kinds = runs.grouped(all_runs, lambda run: (run.labels, setting(run, "centred")))
    tables = []
    for (labels, centred), group in kinds.items():
        by_alpha = runs.grouped(group, lambda run: float(setting(run, "alpha")))
        tables.append((f"{', then '.join(labels)}, {'' if centred == 'true' else 'not '}centred", dict(sorted(by_alpha.items()))))
    print("| setting | alpha | runs | train | test | delay | ratio | movement | drift |\n" + "|---" * 9 + "|")
    for name, groups in tables:
        for alpha, group in groups.items():
            line(name, alpha, group, options.threshold)
    print()
    for name, groups in tables:
        fit(name, groups, options.threshold)


if __name__ == "__main__":
    main()
