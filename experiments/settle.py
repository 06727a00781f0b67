#!/usr/bin/env python3
"""What would settle whether less spectral bias shortens delayed generalisation: settle.md, from the runs of a sweep.

    settle.py TASK SWEEP...            # TASK: polynomial, modular, digits, eigenvectors
    settle.py --self-test              # on numbers made up so that the answers are known

Members are known by the labels of their optimisers, scales by `alpha`, `init_scale` or
`eigenvector`. A long run may have a short one beside it, of the same member, scale and seed, that has been looked at.
Prints Markdown.
"""

import argparse
import functools
import sys

import numpy

import runs

STILL = 0.1         # of the kernel's drift: the window of rates, and the end of laziness
MEASURABLE = 1e-2   # of the error's norm: modes that begin with less have no rate
FALLEN = 1e-3       # of a mode's start: it counts until then
FAMILY = ("s = -0.5", "s = 0", "s = 0.25", "s = 0.5", "s = 0.75", "s = 1")
BIASED, UNBIASED, SHUFFLED = "s = 0", "s = 1", "s = 1 shuffled"
LATER = ("LM 0.02",)  # added after the first runs: no part of a verdict

SCALES = {"polynomial": "alpha", "modular": "alpha", "digits": "init_scale", "eigenvectors": "eigenvector"}  # of each task
LEARNT = {"polynomial": ("loss", 0.5, 0.5), "modular": ("accuracy", 0.95, 0.95), "digits": ("accuracy", 0.95, 0.4),
          "eigenvectors": ("loss", 0.5, 0.5)}  # training and test; of the first loss


# ---- one run ----

def measured_rates(steps, errors, drift):
    """r_i, the decay of ln |c_i| a step over the first looks with a drift below STILL; NaN of modes without one."""
    away = numpy.flatnonzero(~(drift < STILL))
    looks = away[0] if len(away) else len(drift)
    size = numpy.abs(errors[:looks])
    rates = numpy.full(errors.shape[1], numpy.nan)
    for i in numpy.flatnonzero(size[:1].max(axis=0, initial=0) >= MEASURABLE * numpy.linalg.norm(errors[0])):
        low = numpy.flatnonzero(size[:, i] < FALLEN * size[0, i])
        count = low[0] if len(low) else looks
        if count >= 2:
            rates[i] = -numpy.polyfit(steps[:count], numpy.log(size[:count, i]), 1)[0]
    return rates


def bias_index(eigenvalues, rates):
    """Slope of ln r against ln lambda over modes that decay, and the part of modes with a rate that do."""
    known = numpy.isfinite(rates) & (eigenvalues > 0)
    decay = known & (numpy.where(known, rates, 0) > 0)
    if decay.sum() < 3:
        return numpy.nan, numpy.nan
    slope = numpy.polyfit(numpy.log(eigenvalues[decay]), numpy.log(rates[decay]), 1)[0]
    return slope, decay.sum() / known.sum()


def learnt(run, metric, train, test):
    """The steps where training and test set were."""
    def step(column, threshold):
        first = run.metrics[column][0] if metric == "loss" else 1
        return runs.first_step(run, column, threshold * first, above=metric != "loss")
    return step(f"{metric}_train", train), step(f"{metric}_test", test)


class Measured:
    """What the analysis takes of a run."""

    def __init__(self, run, task):
        self.member, self.seed = run.labels[0], run.seed
        self.scale = float(run.value(SCALES[task]))
        self.train, self.test = learnt(run, *LEARNT[task])
        self.log_ratio = log_ratio(self.train, self.test)
        self.progress = self.progress_at(run, self.test)
        self.passes = self.column_at(run, "passes", self.test)
        self.last = run.metrics["step"][-1]
        self.bias, self.decaying = self.bias_of(run)
        self.lazy, self.uniformity = self.regime_of(run)
        self.lazy_progress = self.progress_at(run, self.lazy)

    @property
    def watched(self):
        return not numpy.isnan(self.lazy)

    def take_looks(self, short):
        """Of the same run, ended earlier; if it was lazy to its end, t_lazy is not known."""
        self.bias, self.decaying, self.uniformity = short.bias, short.decaying, short.uniformity
        seen = numpy.isfinite(short.lazy)
        self.lazy, self.lazy_progress = (short.lazy, short.lazy_progress) if seen else (numpy.nan, numpy.nan)

    @staticmethod
    def column_at(run, column, step):
        if not numpy.isfinite(step):
            return numpy.inf
        return run.metrics[column][numpy.searchsorted(run.metrics["step"], step)]

    @staticmethod
    def progress_at(run, step):
        if not numpy.isfinite(step):
            return numpy.inf
        return numpy.interp(step, run.metrics["step"], runs.progress(run))

    @staticmethod
    def bias_of(run):
        """From observe/ntk: step, eigenvalues (of K_0: the first look's), mode_error, kernel_drift."""
        steps, values, errors, drift = (run.observed("ntk", name)
                                        for name in ("step", "eigenvalues", "mode_error", "kernel_drift"))
        if steps is None:
            return numpy.nan, numpy.nan
        return bias_index(values[0], measured_rates(steps, errors, drift))

    @staticmethod
    def regime_of(run):
        """t_lazy by observe/drift/kernel_drift, and the largest observe/drift/uniformity before (or at the end)."""
        steps, drift, uniformity = (run.observed("drift", name) for name in ("step", "kernel_drift", "uniformity"))
        if steps is None:
            return numpy.nan, numpy.nan
        away = numpy.flatnonzero(drift > STILL)
        looks = away[0] if len(away) else len(steps)
        seen = uniformity[:looks]
        seen = seen[numpy.isfinite(seen)]
        return (steps[looks] if len(away) else numpy.inf), (seen.max() if len(seen) else 0.0)


def joined(all_runs):
    """One a member, scale and seed: where there are two, the longer with the looks of the shorter."""
    whole = []
    for pair in runs.grouped(all_runs, lambda run: (run.scale, run.member, run.seed)).values():
        longest = max(pair, key=lambda run: run.last)
        looked = [run for run in pair if run.watched]
        if looked and not longest.watched:
            longest.take_looks(looked[0])
        whole.append(longest)
    return whole


# ---- statistics ----

def log_ratio(train, test):
    """ln of test over train, as generalisation counts; inf: never learnt the test set, NaN: nor the training set."""
    return numpy.log(test / max(1, train)) if numpy.isfinite(train) else numpy.nan


def difference(a, b):
    """a - b where inf is never; of two that are never 0."""
    return 0.0 if a == b else a - b


def middle(values):
    """The median; of an even number the upper one of the middle two, so that never has its place."""
    return numpy.sort(values)[len(values) // 2]


def paired(group, a, b, what):
    """Of seeds that both members have and know: the middle difference a - b and its interval."""
    of = {m: {run.seed: getattr(run, what) for run in group if run.member == m} for m in (a, b)}
    both = [(of[a][seed], of[b][seed]) for seed in sorted(of[a].keys() & of[b].keys())]
    values = numpy.array([difference(x, y) for x, y in both if not (numpy.isnan(x) or numpy.isnan(y))])
    if len(values) < 3:
        return None
    return middle(values), runs.interval(values, middle), len(values)


def ranks(values):
    """From 0, equal ones their mean."""
    values = numpy.asarray(values, float)
    return numpy.array([(values < v).sum() + ((values == v).sum() - 1) / 2 for v in values])


def spearman(x, y):
    """Over pairs that are known; NaN where there are fewer than three or one side is all equal."""
    pairs = [(a, b) for a, b in zip(x, y) if not (numpy.isnan(a) or numpy.isnan(b))]
    if len(pairs) < 3:
        return numpy.nan
    a, b = (ranks(side) for side in zip(*pairs))
    return numpy.nan if a.std() == 0 or b.std() == 0 else numpy.corrcoef(a, b)[0, 1]


def member_middle(group, member, what):
    values = [getattr(run, what) for run in group if run.member == member]
    values = [value for value in values if not numpy.isnan(value)]
    return middle(values) if values else numpy.nan


# ---- decisions: settle.md has them in words ----

def below_zero(found):
    return found is not None and found[1][1] < 0


def holds_zero(found):
    return found is not None and found[1][0] <= 0 <= found[1][1]


def shows_gain(group, member):
    """A delay half as long, less progress, and neither interval with 0 in it."""
    ratio, progress = (paired(group, member, BIASED, what) for what in ("log_ratio", "progress"))
    return below_zero(ratio) and below_zero(progress) and ratio[0] <= -numpy.log(2) and progress[0] < 0


def decide_f1(group):
    bias = {member: member_middle(group, member, "bias") for member in FAMILY}
    delay = {member: member_middle(group, member, "log_ratio") for member in FAMILY}
    ratio, progress = (paired(group, UNBIASED, BIASED, what) for what in ("log_ratio", "progress"))
    removed = bias[UNBIASED] <= 0.2 * bias[BIASED]
    dose = spearman(list(bias.values()), list(delay.values()))
    gain, shuffled = shows_gain(group, UNBIASED), shows_gain(group, SHUFFLED)
    if ratio is None or progress is None:
        verdict = "undecided: fewer than three pairs of seeds with a delay"
    elif removed and (holds_zero(ratio) or holds_zero(progress)):
        verdict = "rejected"
    elif gain and not shuffled and dose >= 0.8:
        verdict = "supported"
    else:
        verdict = "undecided"
    return verdict, (f"SBI {bias[UNBIASED]:.2f} of s = 1, {bias[BIASED]:.2f} of s = 0; s = 1 against s = 0: "
                     f"ln ρ {said(ratio)}, τ_te {said(progress)}; shuffled gains show it too: "
                     f"{'yes' if shuffled else 'no'}; Spearman(SBI, ln ρ) {dose:.2f}; "
                     f"(SBI, τ_te) {spearman(list(bias.values()), [member_middle(group, m, 'progress') for m in FAMILY]):.2f}")


def decide_f2(group):
    said_of, uneven, early, known = [], [], [], True
    for member in ("LM", "GN"):
        uniformity, lazy, train = (member_middle(group, member, what) for what in ("uniformity", "lazy", "train"))
        said_of.append(f"{member}: largest U before t_lazy {uniformity:.2f}, t_lazy {lazy:g}, t_tr {train:g}")
        uneven.append(uniformity < 0.5)
        early.append(lazy < train)
        known = known and not numpy.isnan([uniformity, lazy, train]).any()
    if not known:
        return "undecided: LM or GN has not been run or looked at", "; ".join(said_of)
    verdict = "rejected" if all(uneven) or all(early) else "mixed" if any(uneven + early) else "not rejected"
    return verdict, "; ".join(said_of)


def decide_f3(group):
    known = [run for run in group if not numpy.isnan(run.lazy) and run.member not in LATER]
    ended = [run for run in known if numpy.isfinite(run.test)]
    if len(ended) < 3:
        return "undecided", "fewer than three runs"
    before = sum(run.test < run.lazy for run in ended) / len(ended)
    clocks = [spearman([getattr(run, a) for run in known], [getattr(run, b) for run in known])
              for a, b in (("lazy_progress", "progress"), ("lazy", "test"))]
    verdict = "supported" if clocks[0] >= 0.8 and before <= 0.05 else \
        "rejected" if clocks[0] < 0.5 or before > 0.2 else "undecided"
    return verdict, (f"Spearman(t_lazy, t_te) on the progress clock {clocks[0]:.2f}, in steps {clocks[1]:.2f}, "
                     f"{len(known)} runs; t_te before t_lazy in {100 * before:.0f} % of {len(ended)}")


def gains(all_runs):
    """{j: (middle, interval, pairs) of ln rho of GD less that of LM}"""
    return {j: paired(group, "GD", "LM", "log_ratio")
            for j, group in sorted(runs.grouped(all_runs, lambda run: run.scale).items())}


def decide_f4(all_runs):
    """Also the growth from the first to the last eigenvector, by seeds."""
    found = gains(all_runs)
    first, last = min(found), max(found)
    by_seed = {(run.scale, run.member, run.seed): run.log_ratio for run in all_runs}
    seeds = sorted({run.seed for run in all_runs})

    def gain(j, seed):
        pair = by_seed.get((j, "GD", seed), numpy.nan), by_seed.get((j, "LM", seed), numpy.nan)
        return numpy.nan if numpy.isnan(pair).any() else difference(*pair)

    growth = numpy.array([difference(gain(last, seed), gain(first, seed)) for seed in seeds])
    growth = growth[~numpy.isnan(growth)]
    told = ", ".join(f"j = {j:g}: {said(value)}" for j, value in found.items())
    if len(growth) < 3 or any(value is None for value in found.values()):
        return "undecided: fewer than three pairs of seeds with a delay", f"gain {told}"
    interval = runs.interval(growth, middle)
    rises = numpy.all(numpy.diff([value[0] for value in found.values()]) > 0)
    verdict = "supported" if holds_zero(found[first]) and rises and interval[0] > 0 else "rejected"
    return verdict, f"gain {told}; growth {said((middle(growth), interval, len(growth)))}"


# ---- text ----

def said(found):
    if found is None:
        return "unknown"
    value, (low, high), pairs = found
    return f"{value:+.2f} [{low:+.2f}, {high:+.2f}] of {pairs}"


def cell(group, what, form=".3g"):
    values = [getattr(run, what) for run in group]
    values = [value for value in values if not numpy.isnan(value)]
    if not values:
        return ""
    low, high = min(values), max(values)
    text = f"{middle(values):{form}} ({low:{form}} to {high:{form}})"
    return text.replace("inf", "never")


COLUMNS = (("SBI", "bias", ".2f"), ("decaying", "decaying", ".2f"), ("t_tr", "train", "g"), ("t_te", "test", "g"),
           ("ln ρ", "log_ratio", ".2f"), ("τ_te", "progress", ".2f"), ("t_lazy", "lazy", "g"),
           ("largest U before", "uniformity", ".2f"), ("passes to t_te", "passes", "g"), ("last step", "last", "g"))


def print_table(group):
    print("| | runs | " + " | ".join(title for title, _, _ in COLUMNS) + " |")
    print("|---" * (len(COLUMNS) + 2) + "|")
    for member, its in runs.grouped(group, lambda run: run.member).items():
        print(f"| {member} | {len(its)} | " + " | ".join(cell(its, what, form) for _, what, form in COLUMNS) + " |")
    print()


def analyse(task, sweeps):
    found = [run for sweep in sweeps for run in runs.runs(sweep)]
    if not found:
        sys.exit("no runs there")
    for run in found:
        if (run.setting("problem.eigenvector") in (None, "0")) == (task == "eigenvectors"):
            sys.exit(f"{run.folder} is no run of the task {task}: by its problem.eigenvector it is of another")
    all_runs = joined([Measured(run, task) for run in found])
    for scale, group in sorted(runs.grouped(all_runs, lambda run: run.scale).items()):
        print(f"### {task}, {SCALES[task]} {scale:g}\n")
        print_table(group)
        if task != "eigenvectors":
            for name, decide in (("F1", decide_f1), ("F2", decide_f2)):
                print("**{}: {}.** {}.\n".format(name, *decide(group)))
    name, decide = ("F4", decide_f4) if task == "eigenvectors" else ("F3", decide_f3)
    print("**{}, all runs: {}.** {}.".format(name, *decide(all_runs)))


# ---- the test of this file ----

def decaying(eigenvalues, factor, steps):
    """Errors of modes that a step multiplies by factor(lambda)."""
    start = numpy.linspace(1, 2, len(eigenvalues))
    return start * factor(eigenvalues)[None, :] ** numpy.asarray(steps)[:, None]


def test_bias_index():
    values, steps, still = numpy.logspace(0, -3, 40), numpy.arange(0, 30, 3), numpy.zeros(10)
    rules = {  # what a step leaves, and the slope
        "GD": (lambda v: 1 - 1e-4 * v, 1), "LM": (lambda v: 1 - 1e-4 * v / (v + 1e-8), 0),
        "GN": (lambda v: 0.9 + 0 * v, 0), "LM, all damped": (lambda v: 1 - 1e-4 * v / (v + 1e6), 1)}
    for s in (-0.5, 0.25, 0.5, 0.75):
        rules[f"s = {s}"] = (lambda v, s=s: 1 - 1e-4 * v ** (1 - s), 1 - s)
    for name, (factor, slope) in rules.items():
        found, part = bias_index(values, measured_rates(steps, decaying(values, factor, steps), still))
        assert abs(found - slope) < 2e-3 and part == 1, (name, found)


def test_window():
    steps, drift = numpy.array([0, 1, 2, 3]), numpy.array([0, 0.05, 0.2, 0.05])
    errors = numpy.array([[1, 1, 1e-3, 1], [0.5, 2, 5e-4, 1e-4], [0.4, 2, 1e-4, 1e-5], [0.3, 2, 1e-5, 1e-6]])
    rates = measured_rates(steps, errors, drift)
    assert numpy.allclose(rates[:2], [numpy.log(2), -numpy.log(2)])  # steps 0 and 1; a mode that grows
    assert numpy.isnan(rates[2]) and numpy.isnan(rates[3])           # too small; one look only before it has fallen
    assert numpy.isnan(measured_rates(steps, errors, drift + 1)).all()
    assert numpy.isnan(bias_index(numpy.ones(4), rates)[0])


class Rows:
    """A run of rows alone."""

    def __init__(self, **metrics):
        self.metrics = {name: numpy.array(values, float) for name, values in metrics.items()}


def test_learnt():
    run = Rows(step=[0, 1, 2, 5, 9, 10], loss_train=[4, 2.1, 2, 1, 1, 1], loss_test=[2, 2, 1, 1.5, 1, 1],
               accuracy_train=[0, 0.95, 0.9, 0.95, 1, 0.96], accuracy_test=[0.4, 0.3, 0.4, 0.5, 0.4, 1])
    assert learnt(run, *LEARNT["polynomial"]) == (2, numpy.inf)
    assert learnt(run, *LEARNT["modular"]) == (5, numpy.inf)
    assert learnt(run, *LEARNT["digits"]) == (5, 2)
    assert SCALES.keys() == LEARNT.keys()


def test_joined():
    nothing = {"lazy": numpy.nan, "lazy_progress": numpy.nan, "decaying": numpy.nan}
    long, short = made("LM", 0, last=90, **nothing), made("LM", 0, last=9, bias=0.1, decaying=1.0, test=numpy.inf, lazy=3.0)
    alone = made("LM", 1, last=9, lazy=7.0)
    found = joined([short, alone, long])
    assert found == [long, alone] and alone.lazy == 7
    assert (long.test, long.lazy, long.bias, long.lazy_progress) == (20, 3, 0.1, 1)
    lazy = made("LM", 0, last=90, **nothing)
    short.lazy = numpy.inf
    assert joined([lazy, short]) == [lazy] and numpy.isnan(lazy.lazy) and numpy.isnan(lazy.lazy_progress)


def test_statistics():
    never = numpy.inf
    assert difference(never, never) == 0 and difference(1, never) == -never and middle([1, never, never]) == never
    assert abs(spearman([1, 2, 3, 4], [2, 4, 8, never]) - 1) < 1e-12 and abs(spearman([1, 2, 3], [3, 2, 1]) + 1) < 1e-12
    assert numpy.isnan(spearman([1, 2, 3], [5, 5, 5])) and abs(spearman([1, 2, 2, 3], [1, 2, 3, 4]) - 0.9486833) < 1e-6
    assert numpy.isnan(log_ratio(never, never)) and log_ratio(4, never) == never and log_ratio(0, 1) == 0


def made(member, seed, scale=1.0, **numbers):
    """A run as Measured has it, of numbers."""
    run = Measured.__new__(Measured)
    run.__dict__.update(member=member, seed=seed, scale=scale, bias=numpy.nan, log_ratio=numpy.nan,
                        progress=numpy.nan, uniformity=1.0, lazy=10.0, train=5.0, test=20.0, lazy_progress=1.0)
    run.__dict__.update(numbers)
    return run


def made_family(delays, shuffled_delay, progress):
    """SBI 1.5 to 0 along the family; delays in ln rho and progress, noise by seed."""
    members = zip(FAMILY + (SHUFFLED,), (1.5, 1, 0.75, 0.5, 0.25, 0, 1), delays + (shuffled_delay,),
                  progress + (progress[1],))
    return [made(member, seed, bias=bias, log_ratio=delay + 0.01 * seed, progress=p + 0.01 * (seed % 2))
            for member, bias, delay, p in members for seed in range(5)]


def test_f1():
    falling, level = (2.5, 2, 1.5, 1, 0.7, 0.5), (1.0,) * 6
    assert decide_f1(made_family(falling, 2.0, falling))[0] == "supported"
    assert decide_f1(made_family(level, 1.0, level))[0] == "rejected"
    assert decide_f1(made_family(falling, 2.0, level))[0] == "rejected"  # on the progress clock nothing is gained
    same_shuffled = made_family(falling, 0.5, falling)
    for run in same_shuffled:
        run.progress = 0.5 if run.member == SHUFFLED else run.progress
    assert decide_f1(same_shuffled)[0] == "undecided"
    assert decide_f1(made_family((0.1, 2, 0.2, 0.1, 3, 0.5), 2.0, falling))[0] == "undecided"  # no dose-response
    biased = made_family(level, 1.0, level)
    for run in biased:
        run.bias = 1.0
    assert decide_f1(biased)[0] == "undecided"  # the bias was not removed, so nothing is tested
    assert decide_f1([])[0].startswith("undecided")


def test_f2_f3():
    seeds, even = range(5), functools.partial(made, uniformity=0.9, lazy=10, train=5)
    assert decide_f2([even(m, s) for m in ("LM", "GN") for s in seeds])[0] == "not rejected"
    assert decide_f2([even(m, s, lazy=4) for m in ("LM", "GN") for s in seeds])[0] == "rejected"
    assert decide_f2([even(m, s, uniformity=0.4) for m in ("LM", "GN") for s in seeds])[0] == "rejected"
    assert decide_f2([even(m, s, uniformity=0.4 if m == "GN" else 1) for m in ("LM", "GN") for s in seeds])[0] == "mixed"
    assert decide_f2([even("LM", s) for s in seeds])[0].startswith("undecided")
    linked = [made("LM", s, lazy=s, test=10 + s, lazy_progress=s / 10, progress=1 + s) for s in seeds]
    assert decide_f3(linked)[0] == "supported"
    assert decide_f3([made("LM 0.02", s, lazy=s) for s in seeds])[0] == "undecided"
    for run in linked:
        run.lazy = 100
    assert decide_f3(linked)[0] == "rejected"


def test_f4():
    def table(gain):
        return [made(member, seed, j, log_ratio=(1 + g if member == "GD" else 1) + noise)
                for j, g in gain.items() for member in ("GD", "LM")
                for seed, noise in enumerate((0, 0.1, -0.1, 0.05, -0.05) if member == "GD" else (0,) * 5)]
    assert decide_f4(table({1: 0, 70: 0.5, 100: 1}))[0] == "supported"
    assert decide_f4(table({1: 0.5, 70: 0.6, 100: 1}))[0] == "rejected"  # a gain where there is no bias
    assert decide_f4(table({1: 0, 70: 0, 100: 0}))[0] == "rejected"


def self_test():
    runs.RESAMPLES = 500
    tests = [test for name, test in globals().items() if name.startswith("test_")]
    for test in tests:
        test()
    print(f"{len(tests)} tests passed")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("task", metavar="TASK", nargs="?", choices=SCALES)
    parser.add_argument("sweeps", metavar="SWEEP", nargs="*")
    parser.add_argument("--self-test", action="store_true")
    options = parser.parse_args()
    if options.self_test:
        return self_test()
    if not options.sweeps:
        parser.error("give a TASK and the directories of its sweeps")
    return analyse(options.task, options.sweeps)


if __name__ == "__main__":
    main()
