#!/usr/bin/env python3
"""Control C10: what it cost to learn the training set, the test set, and how much later the test set came, on every clock.

    costs.py SWEEP... [--metric accuracy|loss] [--train T] [--test T]

A set is learnt at the first of three rows one after the other at or beyond the threshold: an accuracy, or a part of the
set's first loss. Prints a Markdown table: for each setting medians over the seeds, and from the least to the largest.
`gnewt report` has steps, passes and seconds to fixed thresholds; the delays on each clock are only here.
Seconds are wall clock of the training alone, without rows and observers.
"""

import argparse

import numpy

import runs

CLOCKS = ("step", "passes", "seconds", "progress")


def clocks_at(run, step):
    """What each clock shows at that step, which is inf where it was never reached."""
    row = numpy.searchsorted(run.metrics["step"], step)
    if row == len(run.metrics["step"]):
        return numpy.full(len(CLOCKS), numpy.inf)
    return numpy.array([run.metrics[clock][row] for clock in CLOCKS[:3]] + [runs.progress(run)[row]])


def title(point):
    """A place in the grid without the path of its keys: "phases.0.optimizer.learning_rate=0.1" is "learning rate 0.1"."""
    pairs = (pair.partition("=") for pair in point.replace("_", " ").split(","))
    whole = ("phases.0", "phases.0.optimizer", "phases.0.optimizer.damping")  # of sections the value says it all
    return ", ".join(value if key in whole else f"{key.rsplit('.', 1)[-1]} {value}".strip() for key, _, value in pairs)


def learnt(run, part, arguments):
    threshold = getattr(arguments, part)
    if arguments.metric == "accuracy":
        return runs.first_step(run, f"accuracy_{part}", threshold, above=True)
    return runs.first_step(run, f"loss_{part}", threshold * run.metrics[f"loss_{part}"][0])


def cell(values):
    """The median, with never in its place, and the range of those that came there."""
    there = values[numpy.isfinite(values)]
    if len(there) == 0:
        return "never"
    # of an even number the upper one of the middle two, so that never has its place
    middle = numpy.sort(values)[len(values) // 2]
    text = f"{middle:.4g}" if numpy.isfinite(middle) else "never"
    text += f" ({there.min():.4g} to {there.max():.4g})" if there.max() > there.min() else ""
    return text if len(there) == len(values) else f"{text}, {len(there)} of {len(values)}"


def row(point, group, arguments):
    at = {part: numpy.array([clocks_at(run, learnt(run, part, arguments)) for run in group]) for part in ("train", "test")}
    never = ~numpy.isfinite(at["test"]) | ~numpy.isfinite(at["train"])
    delay = numpy.where(never, numpy.inf, at["test"] - numpy.where(never, 0, at["train"]))
    ratio = numpy.where(never[:, 0], numpy.inf, at["test"][:, 0] / numpy.maximum(1, numpy.where(never[:, 0], 1, at["train"][:, 0])))
    last = numpy.array([run.metrics["loss_test"][-1] for run in group])
    cells = [cell(at[part][:, i]) for part in ("train", "test") for i in range(3)]
    cells += [cell(delay[:, i]) for i in range(len(CLOCKS))] + [cell(ratio), runs.spread(last)]
    return f"| {title(point)} | {len(group)} | " + " | ".join(cells) + " |"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sweeps", nargs="+")
    parser.add_argument("--metric", choices=("accuracy", "loss"), default="accuracy")
    parser.add_argument("--train", type=float, default=0.95)
    parser.add_argument("--test", type=float, default=0.95)
    arguments = parser.parse_args()
    heads = ["setting", "seeds"]
    heads += [f"{part}: {clock}" for part in ("train", "test") for clock in ("steps", "passes", "seconds")]
    heads += [f"delay: {clock}" for clock in ("steps", "passes", "seconds", "progress")]
    print("| " + " | ".join(heads + ["test / train step", "last test loss"]) + " |")
    print("|" + "---|" * (len(heads) + 2))
    for sweep in arguments.sweeps:
        for point, group in runs.grouped(runs.runs(sweep)).items():
            print(row(point, group, arguments))


if __name__ == "__main__":
    main()
