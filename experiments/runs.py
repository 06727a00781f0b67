"""What the scripts of this folder share: the runs of a sweep's folder, and statistics over seeds."""

import csv
import functools
import pathlib

import h5py
import numpy

RESAMPLES = 10_000


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
    def point(self):
        """Its place in the grid without the seed, as the folder's name says it."""
        pairs = self.folder.name.split("-", 1)[-1].split(",")
        return ",".join(pair for pair in pairs if not pair.startswith("seed="))

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

    def _lines(self, key):
        lines = (line.strip().removeprefix("- ") for line in self.config.splitlines())
        return [line.split(":", 1)[1].strip().strip('"') for line in lines if line.startswith(key)]


def runs(sweep):
    """The runs in a sweep's folder, by name; a run that has not written its rows yet is left out."""
    folders = sorted(pathlib.Path(sweep).iterdir())
    return [Run(f) for f in folders if (f / "config.yaml").exists() and (f / "run.h5").exists()]


def grouped(all_runs, key=lambda run: run.point):
    """{key: its runs}, in the order of the first of each."""
    groups = {}
    for run in all_runs:
        groups.setdefault(key(run), []).append(run)
    return groups


def first_step(run, metric, threshold, above=False, rows=3):
    """The first step from which `rows` rows in succession are there, as `generalisation` counts; inf if none."""
    values = run.metrics[metric]
    there = values >= threshold if above else values <= threshold
    for i in range(len(values) - rows + 1):
        if there[i:i + rows].all():
            return run.metrics["step"][i]
    return numpy.inf


def progress(run):
    """tau = -ln(L/L(0)) of the training loss, the best so far, at each row."""
    loss = numpy.minimum.accumulate(run.metrics["loss_train"])
    return -numpy.log(numpy.maximum(loss, numpy.finfo(float).tiny) / loss[0])


def interval(values, of=numpy.median, level=0.95, seed=0):
    """Percentile bootstrap interval of a statistic over seeds; not finite values may be among them."""
    values = numpy.asarray(values, float)
    draws = numpy.random.default_rng(seed).integers(len(values), size=(RESAMPLES, len(values)))
    drawn = numpy.sort([of(values[draw]) for draw in draws])
    tail = (1 - level) / 2
    return drawn[int(tail * RESAMPLES)], drawn[int((1 - tail) * RESAMPLES) - 1]


def spread(values, form=".3g"):
    """median (least to largest)"""
    low, middle, high = (format(f(values), form) for f in (numpy.min, numpy.median, numpy.max))
    return f"{middle} ({low} to {high})"


def cell(values, form=".3g"):
    """The same for a table: one value alone where all are that, and never for what is infinite."""
    text = spread(values, form) if min(values) < max(values) else format(values[0], form)
    return text.replace("inf", "never")
