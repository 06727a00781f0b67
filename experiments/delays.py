#!/usr/bin/env python3
"""When the training set was learnt, when the test set, and how far apart, on every clock.

    delays.py SWEEP... [--metric accuracy|loss] [--train T] [--test T...] [--against LABEL] [--fit KEY]
    delays.py --self-test                  # on numbers made up so that the answers are known

A set is learnt at the first of three rows in succession at or beyond its threshold: an accuracy (0.95 where none is given)
or a part of the set's first loss (0.5). A Markdown table, a line a setting and threshold of the test set, medians over the
seeds (least to largest): steps of both, their difference and ratio; passes, seconds of training (wall clock), of the
processors, and progress tau = -ln(L/L(0)) of the training loss at the test set's step, "later": less those at the training
set's; the test set's best and last accuracy or loss; and of runs that observe them, at the first look from that step on,
movement and norm of the weights, the kernel's drift, and the inverse participation ratio (IPR). "never": not reached, which
counts as the longest time in a median.

--against LABEL: paired differences by seed of ln ratio and tau to the optimiser of that label, its run being otherwise the
    same setting: median, 95 % bootstrap interval over the seeds on which both have learnt both sets.
--fit KEY: exponent b of delay ~ KEY^b, least squares of the logarithms over runs alike but for KEY, steps and learning rate,
    95 % bootstrap interval: seeds drawn anew, together for all values of KEY where these have the same seeds, else of each
    value. Values of which a seed never came there, or without a delay, are left out and named: to take the others' alone
    would be to choose the fast ones.
"""

import argparse
import types

import numpy

import runs

COUNTED = ("train", "test", "delay", "passes", "passes later")
LOOKS = {"movement at train": ("norms", "relative_movement", "train"), "norm at train": ("norms", "weight_norm", "train"),
         "drift at train": ("drift", "kernel_drift", "train"), "IPR at train": ("participation", "inverse_ratio", "train"),
         "IPR at test": ("participation", "inverse_ratio", "test")}


def clocks(run):
    """What each clock shows, a number a row."""
    columns = {name.replace("_", " "): run.metrics.get(name) for name in ("passes", "seconds", "processor_seconds")}
    return {**{name: values for name, values in columns.items() if values is not None}, "tau": runs.progress(run)}


def measures(run, options, threshold):
    """{column of the table: number} of one run."""
    train = runs.learnt(run, "train", options.metric, options.train)
    test = runs.learnt(run, "test", options.metric, threshold)
    both = numpy.isfinite(train + test)
    found = {"train": train, "test": test, "delay": test - train if both else numpy.inf,
             "ratio": max(1, test) / max(1, train) if both else numpy.inf}
    for name, values in clocks(run).items():
        shown = {step: values[run.metrics["step"] == step][0] for step in (train, test) if numpy.isfinite(step)}
        found[name] = shown.get(test, numpy.inf)
        found[f"{name} later"] = shown[test] - shown[train] if both else numpy.inf
    values = run.metrics[f"{options.metric}_test"]
    values = values[~numpy.isnan(values)]
    if len(values):
        found[f"best test {options.metric}"] = values.max() if options.metric == "accuracy" else values.min()
        found[f"last test {options.metric}"] = values[-1]
    found["last test loss"] = run.metrics["loss_test"][-1]
    for name, (observer, array, part) in LOOKS.items():
        found[name] = runs.looked(run, observer, array, found[part])
    return found


# ---- tables ----

def name(labels, pairs):
    return f"{', then '.join(labels)}; {runs.title(dict(pairs))}".rstrip("; ")


def delays(groups, options):
    rows = [(name(*setting), len(group), threshold, [measures(run, options, threshold) for run in group])
            for setting, group in groups.items() for threshold in options.test]
    columns = dict.fromkeys(column for *_, found in rows for one in found for column, value in one.items()
                            if not numpy.isnan(value))

    def cell(found, column):
        return runs.cell([one.get(column, numpy.nan) for one in found], "g" if column in COUNTED else ".3g")
    runs.table(["setting", "seeds", "test at", *columns],
               [[title, seeds, f"{threshold:g}", *(cell(found, column) for column in columns)]
                for title, seeds, threshold, found in rows])


def differences(groups, options, threshold):
    """{setting: (ln ratio, tau) less those of the labelled run of the same seed and place, a row a seed}."""
    def measured(group):
        return {run.seed: measures(run, options, threshold) for run in group}

    def task(pairs):
        return tuple(pair for pair in pairs if not pair[0].startswith("phases"))
    others = {}
    for (labels, pairs), group in groups.items():
        if labels == (options.against,) and others.setdefault(task(pairs), group) is not group:
            raise SystemExit(f"several settings of {options.against} to compare with: {name(labels, pairs)}")
    found = {}
    for (labels, pairs), group in groups.items():
        theirs = measured(others.get(task(pairs), []))
        couples = [(mine, theirs[seed]) for seed, mine in measured(group).items() if seed in theirs]
        rows = [[numpy.log(a["ratio"] / b["ratio"]), a["tau"] - b["tau"]] for a, b in couples
                if numpy.isfinite([a["ratio"], b["ratio"]]).all()]
        found[labels, pairs] = numpy.array(rows).reshape(-1, 2)
    return found


def against(groups, options):
    labels = sorted({", then ".join(labels) for labels, _ in groups})
    if options.against not in labels:
        raise SystemExit(f"no run has the label {options.against} to compare with; there are {'; '.join(labels)}")

    def cells(rows):
        if len(rows) < 2:  # of one seed there is no interval
            return [f"{value:.2f}" for value in rows.reshape(-1)] or ["", ""]
        return [f"{numpy.median(values):.2f} ({low:.2f} to {high:.2f})"
                for values in rows.T for low, high in [runs.interval(values)]]
    rows = [[name(*setting), f"{threshold:g}", *cells(rows), f"{len(rows)} of {len(groups[setting])}"]
            for threshold in options.test for setting, rows in differences(groups, options, threshold).items()
            if setting[0] != (options.against,)]
    runs.table([f"less that of {options.against}", "test at", "ln ratio", "tau", "seeds"], rows)


def exponent(found):
    """b of delay ~ x^b; found: {x: delays}."""
    x = numpy.concatenate([numpy.full(len(delays), numpy.log(value)) for value, delays in found.items()])
    x = x - x.mean()
    return x @ numpy.log(numpy.concatenate(list(found.values()))) / (x @ x)


def fitted(found):
    """Cells of b and its interval, of the values with their numbers of seeds, and of those left out, of {x: {seed: delay}}."""
    kept = {value: d for value, d in found.items() if all(0 < one < numpy.inf for one in d.values())}
    values = ", ".join(f"{value:g} ({len(d)})" for value, d in kept.items())
    left_out = ", ".join(f"{value:g}" for value in found if value not in kept)
    if len(kept) < 2:
        return ["", values, left_out]
    paired = len({frozenset(d) for d in kept.values()}) == 1
    delays = {value: numpy.array([d[seed] for seed in sorted(d)]) for value, d in kept.items()}
    b = f"{exponent(delays):.2f}"
    if max(map(len, kept.values())) > 1:
        random = [numpy.random.default_rng(0 if paired else i) for i in range(len(kept))]
        low, high = runs.tails([exponent({value: r.choice(d, len(d)) for r, (value, d) in zip(random, delays.items())})
                                for _ in range(runs.RESAMPLES)])
        b += f" ({low:.2f} to {high:.2f})"
    return [b, values, left_out]


def fit(groups, options):
    rows = []
    for threshold in options.test:
        families = {}
        for (labels, pairs), group in groups.items():
            if options.fit in dict(pairs):
                rest = tuple(pair for pair in pairs if not pair[0].endswith((options.fit, ".steps", ".learning_rate")))
                value = float(dict(pairs)[options.fit])
                family = families.setdefault((labels, rest), {})
                family.setdefault(value, {}).update({run.seed: measures(run, options, threshold)["delay"] for run in group})
        rows += [[name(*family), f"{threshold:g}", *fitted(dict(sorted(found.items())))] for family, found in families.items()]
    if not rows:
        raise SystemExit(f"no sweep varies {options.fit}")
    runs.table(["delay", "test at", f"b of {options.fit}^b", "values (seeds)", "left out"], rows)


# ---- self-test ----

def made(label, seed, alpha, train, test, rows=30):
    """A run that has learnt its sets at those steps, with a training loss of e^-step."""
    steps = numpy.arange(rows, dtype=float)
    metrics = {"step": steps, "passes": 2 * steps, "seconds": steps, "loss_train": numpy.exp(-steps), "loss_test": steps,
               "accuracy_train": 1.0 * (steps >= train), "accuracy_test": 1.0 * (steps >= test)}
    pairs = {"network.alpha": alpha}
    return types.SimpleNamespace(labels=(label,), seed=seed, pairs=pairs, setting=pairs.get, metrics=metrics, folder="",
                                 observed=lambda observer, array: None)


def self_test():
    runs.RESAMPLES = 500
    options = types.SimpleNamespace(metric="accuracy", train=0.95, against="GD")
    groups = runs.settings([made("LM", seed, "1", 2, 4 + 2 * seed) for seed in (0, 1, 2)]
                      + [made("GD", seed, "1", 2, 8) for seed in (0, 1)] + [made("GD", 2, "1", 2, 29)])  # the last: never
    found = [measures(run, options, 0.95) for run in groups[("GD",), (("network.alpha", "1"),)]]
    assert [one["delay"] for one in found] == [6, 6, numpy.inf] and runs.cell([6, numpy.inf], "g") == "never (6 to never)"
    assert (found[0]["ratio"], found[0]["passes"], found[0]["passes later"]) == (4, 16, 12)
    assert numpy.isclose(found[0]["tau"], 8) and numpy.isclose(found[0]["tau later"], 6)
    rows = differences(groups, options, 0.95)[("LM",), (("network.alpha", "1"),)]
    assert numpy.allclose(rows, [[numpy.log(4 / 8), -4], [numpy.log(6 / 8), -2]])
    cubes = {x: {0: 2 * x**3, 1: 8 * x**3} for x in (1.0, 2.0, 4.0)}  # paired by seed there is no doubt, else some
    assert fitted({**cubes, 8.0: {0: 1, 1: numpy.inf}}) == ["3.00 (3.00 to 3.00)", "1 (2), 2 (2), 4 (2)", "8"]
    b, low, high = (float(text.strip("()")) for text in fitted({**cubes, 8.0: {0: 4 * 512}})[0].replace("to ", "").split())
    assert b == 3 and low < 3 < high
    print("passed")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sweeps", metavar="SWEEP", nargs="*")
    parser.add_argument("--against", metavar="LABEL")
    parser.add_argument("--fit", metavar="KEY")
    parser.add_argument("--self-test", action="store_true")
    options = runs.parsed(parser)
    if options.self_test:
        return self_test()
    groups = runs.settings([run for sweep in options.sweeps for run in runs.runs(sweep)])
    if not groups:
        parser.error("give the directories of sweeps with runs")
    if options.metric == "accuracy" and all(numpy.isnan(run.metrics["accuracy_train"]).all() for g in groups.values() for run in g):
        parser.error("these runs have no accuracy: add --metric loss")
    delays(groups, options)
    for wanted, table in ((options.against, against), (options.fit, fit)):
        if wanted:
            print()
            table(groups, options)


if __name__ == "__main__":
    main()
