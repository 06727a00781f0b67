"""What the scripts of this folder share: the runs of a sweep's folder, and statistics over seeds."""

import csv
import functools
import pathlib
import re

import h5py
import numpy

RESAMPLES = 10_000
WHOLE = ("phases", "phases.0", "phases.0.optimizer", "phases.0.optimizer.damping")  # sections whose value says it all


class Run:
    """One run's folder: its settings, rows and observations."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.config = (self.folder / "config.yaml").read_text(encoding="utf-8")

    @property
    def seed(self):
        return int(self._lines("seed:")[0])

    @property
    def labels(self):
        """Of its phases' optimisers, in order."""
        return tuple(self._lines("label:"))

    @property
    def pairs(self):
        """{key: value} of its place in the grid without the seed, as the folder's name says it."""
        pairs = (pair.partition("=") for pair in self.folder.name.split("-", 1)[-1].split(","))
        return {key: value for key, _, value in pairs if key != "seed"}

    @property
    def point(self):
        """The same as one text."""
        return ",".join(f"{key}={value}" for key, value in self.pairs.items())

    @functools.cached_property
    def metrics(self):
        """{column: one number a row}; NaN where the row has none."""
        with open(self.folder / "metrics.csv", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        return {name: numpy.array([float(row[name] or "nan") for row in rows]) for name in rows[0]}

    def observed(self, observer, array):
        """As run.h5 has it, first axis: observations; None where there is no such array."""
        with h5py.File(self.folder / "run.h5") as file:
            path = f"observe/{observer}/{array}"
            return file[path][()] if path in file else None

    def value(self, key):
        """The first setting of that name, as text."""
        return self._lines(f"{key}:")[0]

    def setting(self, key):
        """That of a key "section.key", be it in the grid or not; None where there is none."""
        section, _, name = key.partition(".")
        found = re.search(rf"^{section}:\n(?:  .*\n)*?  {re.escape(name)}: (\S.*)$", self.config, re.MULTILINE)
        return found.group(1).strip('"') if found else self.pairs.get(key)

    def _lines(self, key):
        lines = (line.strip().removeprefix("- ") for line in self.config.splitlines())
        return [line.split(":", 1)[1].strip().strip('"') for line in lines if line.startswith(key)]


def runs(sweep):
    """The runs in a sweep's folder, by name; a run that has not written its rows yet is left out."""
    if not pathlib.Path(sweep).is_dir():
        raise SystemExit(f"there is no folder {sweep}")
    folders = sorted(pathlib.Path(sweep).iterdir())
    return [Run(f) for f in folders if (f / "config.yaml").exists() and (f / "run.h5").exists()]


def demand(all_runs, observer):
    """Ends the program where one has nothing of that observer."""
    for run in all_runs:
        if run.observed(observer, "step") is None:
            raise SystemExit(f"{run.folder} was run without the observer {observer}")


def grouped(all_runs, key=lambda run: run.point):
    """{key: its runs}, in the order of the first of each."""
    groups = {}
    for run in all_runs:
        groups.setdefault(key(run), []).append(run)
    return groups


def plain(value):
    """1.0 and 1 are the same."""
    try:
        return f"{float(value):g}"
    except ValueError:
        return value


def place(run, keys):
    """{key: value} of those keys of the grid; the optimiser's name is its label, and rows do not tell settings apart."""
    values = {key: run.pairs.get(key) if key.startswith("phases") else run.setting(key) for key in keys}
    return {key: plain(value) for key, value in values.items()
            if value and not key.startswith("observe") and key not in WHOLE[:3]}


def settings(all_runs):
    """{(labels, place as pairs): its runs}, one a seed; a key that only some of the sweeps vary counts for all."""
    keys = dict.fromkeys(key for run in all_runs for key in run.pairs if key)
    groups = grouped(all_runs, lambda run: (run.labels, tuple(sorted(place(run, keys).items()))))
    for group in groups.values():
        for seed, same in grouped(group, lambda run: run.seed).items():
            if len(same) > 1:
                raise SystemExit(f"seed {seed} of one setting twice: {same[0].folder}, {same[1].folder}")
    return groups


def title(pairs):
    """A place in the grid without the path of its keys: {"phases.0.optimizer.learning_rate": "0.1"} is "learning rate 0.1"."""
    return ", ".join((value if key in WHOLE else f"{key.rsplit('.', 1)[-1]} {value}").replace("_", " ").strip()
                     for key, value in pairs.items())


def first_step(run, metric, threshold, above=False, rows=3):
    """The first step from which `rows` rows in succession are there, as `generalisation` counts; inf if none."""
    values = run.metrics[metric]
    there = values >= threshold if above else values <= threshold
    for i in range(len(values) - rows + 1):
        if there[i:i + rows].all():
            return run.metrics["step"][i]
    return numpy.inf


def learnt(run, part, metric, threshold):
    """The first step at which that part, train or test, has the accuracy, or that part of its first loss."""
    name = f"{metric}_{part}"
    return first_step(run, name, threshold if metric == "accuracy" else threshold * run.metrics[name][0], metric == "accuracy")


def parsed(parser):
    """The options, with those that say when a set is learnt: metric, train and a list test."""
    parser.add_argument("--metric", choices=("accuracy", "loss"), default="accuracy")
    parser.add_argument("--train", metavar="T", type=float, help="an accuracy (0.95) or a part of the first loss (0.5)")
    parser.add_argument("--test", metavar="T", type=float, nargs="+", help="the same of the test set; as --train")
    options = parser.parse_args()
    if options.train is None:
        options.train = 0.95 if options.metric == "accuracy" else 0.5
    options.test = options.test or [options.train]
    return options


def looked(run, observer, array, step):
    """An observation at the first look from a step on; NaN where there is none."""
    values = run.observed(observer, array)
    if values is None:
        return numpy.nan
    later = values[run.observed(observer, "step") >= step]
    return later[0] if len(later) else numpy.nan


def progress(run):
    """tau = -ln(L/L(0)) of the training loss, the best so far, at each row."""
    loss = numpy.minimum.accumulate(run.metrics["loss_train"])
    return -numpy.log(numpy.maximum(loss, numpy.finfo(float).tiny) / loss[0])


def interval(values, of=numpy.median, level=0.95, seed=0):
    """Percentile bootstrap interval of a statistic over seeds; not finite values may be among them."""
    values = numpy.asarray(values, float)
    draws = numpy.random.default_rng(seed).integers(len(values), size=(RESAMPLES, len(values)))
    return tails([of(values[draw]) for draw in draws], level)


def tails(drawn, level=0.95):
    """The ends of the middle part of what was drawn."""
    drawn, tail = numpy.sort(drawn), (1 - level) / 2
    return drawn[int(tail * len(drawn))], drawn[int((1 - tail) * len(drawn)) - 1]


def spread(values, form=".3g"):
    """median (least to largest)"""
    low, middle, high = (format(f(values), form) for f in (numpy.min, numpy.median, numpy.max))
    return f"{middle} ({low} to {high})"


def cell(values, form=".3g"):
    """The same for a table: one value alone where all are that, never for what is infinite, NaN left out."""
    known = [value for value in values if not numpy.isnan(value)]
    if not known:
        return ""
    same = format(min(known), form) == format(max(known), form)
    return (format(known[0], form) if same else spread(known, form)).replace("inf", "never")


def table(heads, rows):
    """Prints it as Markdown."""
    print("| " + " | ".join(heads) + " |\n" + "|---" * len(heads) + "|")
    for cells in rows:
        print("| " + " | ".join(str(cell) for cell in cells) + " |")
