"""When training and test pairs of modular addition were learnt, and what the weights and hidden units did meanwhile.

    python3 experiments/modular_delays.py SWEEP... [--threshold 0.95] [--fit network.alpha] [--against GD]

A Markdown table of the settings of sweeps that record accuracies, medians (least to largest) over the seeds: the first step
with three rows at the threshold, of the training and the test set; their difference and ratio; passes, seconds (wall) and
progress tau = -ln(L/L(0)) of the training loss at the test set's; and, where the sweep observes them, the relative movement
of the weights at the training set's, and the inverse participation ratio at the start, at both and at the last row, with the
first step at which it has risen by half of its rise. "never": not reached, which counts as the longest time in a median.
--fit KEY: of settings alike but for KEY, the exponent b of delay ~ KEY^b, least squares of the logarithms over all runs that
got there, of seeds with two values or more, with a bootstrap interval over these.
--against LABEL: of each setting the median difference to the optimiser of that label, same seed and otherwise the same
setting, of ln ratio and of tau, with bootstrap intervals; left out are seeds in which either is absent or has not got there.
"""

import argparse

import numpy

import runs

COLUMNS = ["train", "test", "delay", "ratio", "passes", "seconds", "tau", "movement at train",
           "IPR at start, train, test, end", "half of IPR's rise"]


def at(run, values, step):
    """A column's value at a recorded step; infinite where that is never."""
    return values[run.metrics["step"] == step][0] if numpy.isfinite(step) else numpy.inf


def looked(run, observer, array, step):
    """An observation at a step, or the last before."""
    values, steps = run.observed(observer, array), run.observed(observer, "step")
    if values is None or not numpy.isfinite(step):
        return numpy.nan
    return values[steps <= step][-1]


def half_rise(run):
    values = run.observed("participation", "inverse_ratio")
    if values is None:
        return numpy.nan
    risen = values >= (values[0] + values.max()) / 2
    return run.observed("participation", "step")[risen][0]


def times(run, threshold):
    train, test = (runs.first_step(run, f"accuracy_{part}", threshold, above=True) for part in ("train", "test"))
    delay = test - train if numpy.isfinite(test) else numpy.inf
    return {"train": train, "test": test, "delay": delay, "ratio": test / max(1, train),
            "passes": at(run, run.metrics["passes"], test), "seconds": at(run, run.metrics["seconds"], test),
            "tau": at(run, runs.progress(run), test),
            "movement at train": looked(run, "norms", "relative_movement", train),
            "half of IPR's rise": half_rise(run)}


def said(values, form=".3g"):
    values = numpy.asarray(values, float)
    if numpy.isnan(values).any():
        return ""
    text = runs.spread(values, form) if len(values) > 1 else format(values[0], form)
    return text.replace("inf", "never")


def ratios(group, found):
    ends = [[0] * len(group), [f["train"] for f in found], [f["test"] for f in found],
            [run.metrics["step"][-1] for run in group]]
    medians = [numpy.median([looked(run, "participation", "inverse_ratio", step) for run, step in zip(group, steps)])
               for steps in ends]
    return ", ".join("" if numpy.isnan(m) else f"{m:.3f}" for m in medians) if numpy.isfinite(medians[0]) else ""


def row(point, group, threshold):
    found = [times(run, threshold) for run in group]
    cells = [ratios(group, found) if name.startswith("IPR") else said([f[name] for f in found], ".4g") for name in COLUMNS]
    never = sum(numpy.isinf(f["test"]) for f in found)
    note = f" ({never} of {len(group)} never)" if never else ""
    return f"| {point}{note} | " + " | ".join(cells) + " |"


def parted(run, key):
    """The value of a key in the run's place in the grid, and the rest of that place."""
    pairs = run.point.split(",")
    own = [pair for pair in pairs if pair.startswith(f"{key}=")]
    if not own:
        raise SystemExit(f"{run.folder}: its name has no {key}")
    kept = [p for p in pairs if p not in own and not p.startswith(("phases.0.steps=", "phases.0.optimizer.learning_rate="))]
    return float(own[0].split("=")[1]), ",".join(kept)


def exponent(points):
    """b of delay ~ x^b; points: (x, delay)."""
    return numpy.polyfit(*numpy.log(numpy.array(points)).T, 1)[0]


def fit(group, key, threshold):
    seeds = {}
    for run in group:
        delay = times(run, threshold)["delay"]
        if 0 < delay < numpy.inf:
            seeds.setdefault(run.seed, []).append((parted(run, key)[0], delay))
    drawn = [points for points in seeds.values() if len({x for x, _ in points}) > 1]
    if not drawn:
        return "no delays at two values"
    low, high = runs.interval(range(len(drawn)), of=lambda draw: exponent(sum((drawn[int(i)] for i in draw), [])))
    return f"{exponent(sum(drawn, [])):.2f} ({low:.2f} to {high:.2f}, {len(drawn)} seeds)"


def elsewhere(run):
    """Its place in the grid without the seed and what belongs to the optimiser."""
    return ",".join(pair for pair in run.point.split(",") if not pair.startswith(("phases.", "observe.")))


def differences(group, everything, label, threshold):
    """(ln ratio, tau) less those of the labelled run of the same seed and place, a row a seed."""
    rows = []
    for run in group:
        others = [o for o in everything if o.labels == (label,) and o.seed == run.seed and elsewhere(o) == elsewhere(run)]
        if len(others) > 1:
            raise SystemExit(f"{run.folder}: {len(others)} runs of {label} to compare with")
        if not others:
            continue
        own, other = times(run, threshold), times(others[0], threshold)
        if numpy.isfinite([own["test"], other["test"]]).all():
            rows.append([numpy.log(own["ratio"] / other["ratio"]), own["tau"] - other["tau"]])
    return numpy.array(rows).reshape(-1, 2)


def compared(rows):
    def cell(values):
        low, high = runs.interval(values)
        return f"{numpy.median(values):.2f} ({low:.2f} to {high:.2f})"
    return " | ".join(map(cell, rows.T)) if len(rows) else " | "


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("sweep", nargs="+")
    parser.add_argument("--threshold", type=float, default=0.95)
    parser.add_argument("--fit", metavar="KEY")
    parser.add_argument("--against", metavar="LABEL")
    options = parser.parse_args()
    everything = [run for sweep in options.sweep for run in runs.runs(sweep)]
    print("| | " + " | ".join(COLUMNS) + " |\n" + "|---" * (len(COLUMNS) + 1) + "|")
    for point, group in runs.grouped(everything).items():
        print(row(point, group, options.threshold))
    if options.fit:
        print(f"\n| | b of delay ~ {options.fit}^b |\n|---|---|")
        for rest, group in runs.grouped(everything, lambda run: parted(run, options.fit)[1]).items():
            print(f"| {rest} | {fit(group, options.fit, options.threshold)} |")
    if options.against:
        print(f"\n| less that of {options.against} | ln ratio | tau | seeds |\n|---|---|---|---|")
        for point, group in runs.grouped(everything).items():
            rows = differences(group, everything, options.against, options.threshold)
            print(f"| {point} | {compared(rows)} | {len(rows)} of {len(group)} |")


if __name__ == "__main__":
    main()
