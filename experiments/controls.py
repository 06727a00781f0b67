#!/usr/bin/env python3
"""Tables of the controls C3 to C7, from their sweeps' runs, as Markdown; medians over the seeds, (least to largest).

    controls.py kernels SWEEP...      # C3: eigenvalues of the preconditioned kernel, measured against predicted rates
    controls.py curvature SWEEP...    # C4: at the start, when the training and when the test set was learnt, at the end
    controls.py rates SWEEP...        # C5: how even the rates of the kernel's modes are
    controls.py companion SWEEP...    # C6, C7: the run beside its linearised companion

curvature takes --metric accuracy|loss, --train T and --test T..., as delays.py.
"""

import argparse

import numpy

import runs

LOOKS = (0, 1, 10, 100, 1000)
STILL = 0.1  # of the kernel's drift, below which rates are measured
AGREED = 0.95  # of R^2
OBSERVERS = {"kernels": "ntk", "curvature": "curvature", "rates": "ntk", "companion": "drift"}  # that a table reads


def cell(values):
    return runs.cell(values, ".2g")


def over(group, value):
    return cell([value(run) for run in group])


# ---- C3 ----

def at_look(run, name, step):
    """An array of ntk's look at that step; NaN where there was none."""
    steps, values = run.observed("ntk", "step"), run.observed("ntk", name)
    row = numpy.flatnonzero(steps == step)
    return values[row[0]] if len(row) else numpy.nan


def agreed(run, bound=AGREED):
    """Of the looks with rates and a still kernel: their number, those with R^2 of at least that, and the last one's R^2."""
    drift, r2 = run.observed("ntk", "kernel_drift"), run.observed("ntk", "rate_r2")
    known = (drift < STILL) & ~numpy.isnan(r2)
    return known.sum(), (known & (r2 >= bound)).sum(), r2[known][-1] if known.any() else numpy.nan


def kernel_rows(point, group):
    names = ("preconditioned_condition_number", "preconditioned_effective_rank", "effective_rank", "kernel_drift",
             "rate_slope", "rate_r2")
    for step in sorted({*LOOKS, max(run.observed("ntk", "step")[-1] for run in group)}):
        cells = [over(group, lambda run: at_look(run, name, step)) for name in names]
        if any(cells):
            yield [point, f"{step:.0f}"] + cells


def ratios(run):
    """Quartiles of measured over predicted rate at the last look with a still kernel, of modes that should decay at a
    hundredth of the fastest's rate or more."""
    still = numpy.flatnonzero((run.observed("ntk", "kernel_drift") < STILL) & (run.observed("ntk", "step") > 0))
    if len(still) == 0:
        return numpy.full(3, numpy.nan)
    measured, predicted = (run.observed("ntk", f"{kind}_rate")[still[-1]] for kind in ("measured", "predicted"))
    known = numpy.isfinite(measured) & (predicted > 0.01 * numpy.nanmax(predicted, initial=0))
    return numpy.quantile(measured[known] / predicted[known], (0.25, 0.5, 0.75)) if known.any() else numpy.full(3, numpy.nan)


def agreement_row(point, group):
    counts = numpy.array([agreed(run) for run in group])
    share = counts[:, 1].sum() / max(1, counts[:, 0].sum())
    there = f"{counts[:, 1].sum():.0f} of {counts[:, 0].sum():.0f} ({share:.0%})"
    return [point, there, cell(counts[:, 2])] + [cell([ratios(run)[i] for run in group]) for i in range(3)]


def kernels(groups, _):
    runs.table(["setting", "step", "condition number of K_P", "effective rank of K_P", "of K", "drift", "slope", "R²"],
          [row for point, group in groups for row in kernel_rows(point, group)])
    print()
    runs.table(["setting", "looks with a drift below 0.1 whose R² is at least 0.95", "R² of the last of these",
           "measured over predicted rate there: 25 %", "50 %", "75 %"],
          [agreement_row(point, group) for point, group in groups])


# ---- C4 ----

CURVATURE = (("largest of H", "hessian_top", 0), ("smallest of H", "hessian_bottom", 0), ("largest of G", "ggn_top", 0),
             ("20th of G", "ggn_top", -1), ("‖R‖/‖G‖", "residual_share", None), ("sharpness", "sharpness", None),
             ("gradient in 20", "top_energy", None), ("angle", "direction_angle", None))


def look_near(run, step):
    """The number of the look nearest to that step; None where it was never reached."""
    if not numpy.isfinite(step):
        return None
    return int(numpy.argmin(numpy.abs(run.observed("curvature", "step") - step)))


def curvature_of(run, name, entry, step):
    look = look_near(run, step)
    if look is None:
        return numpy.nan
    value = run.observed("curvature", name)[look]
    return value if entry is None else value[entry]


def curvature(groups, arguments):
    def learnt(part, threshold):
        return lambda run: runs.learnt(run, part, arguments.metric, threshold)
    moments = [("start", lambda run: 0), (f"training set at {arguments.train:g}", learnt("train", arguments.train)),
               *((f"test set at {threshold:g}", learnt("test", threshold)) for threshold in arguments.test),
               ("end", lambda run: run.metrics["step"][-1])]
    rows = []
    for point, group in groups:
        for title, moment in moments:
            there = [run for run in group if numpy.isfinite(moment(run))]
            cells = [over(there, lambda run: curvature_of(run, name, entry, moment(run))) for _, name, entry in CURVATURE]
            rows.append([point, title, over(there, moment) if there else "never"] + cells)
    runs.table(["setting", "when", "step"] + [title for title, _, _ in CURVATURE], rows)


# ---- C5 ----

def bias(run):
    """Slope of ln r_i against ln lambda_i, and the part of measurable modes that decay: settle.py's."""
    import settle  # here: the other tables do without it
    steps, values, errors, drift = (run.observed("ntk", name) for name in ("step", "eigenvalues", "mode_error", "kernel_drift"))
    return settle.bias_index(values[0], settle.measured_rates(steps, errors, drift))


def still_steps(run):
    """The last step looked at before the kernel has drifted."""
    away = numpy.flatnonzero(~(run.observed("ntk", "kernel_drift") < STILL))
    return run.observed("ntk", "step")[(away[0] if len(away) else 0) - 1]


def rates(groups, _):
    runs.table(["setting", "slope of ln rate against ln λ", "modes that decay, of those measurable", "R² with the prediction",
           "until step"],
          [[point, over(group, lambda run: bias(run)[0]), over(group, lambda run: bias(run)[1]),
            over(group, lambda run: agreed(run)[2]), over(group, still_steps)] for point, group in groups])


# ---- C6, C7 ----

def last(run, name):
    values = run.observed("drift", name)
    return numpy.nan if values is None else values[-1]


def lazy_until(run):
    """The first look beyond a drift of 0.1; inf: none."""
    away = numpy.flatnonzero(run.observed("drift", "kernel_drift") > STILL)
    return run.observed("drift", "step")[away[0]] if len(away) else numpy.inf


def most_even(run):
    """The largest uniformity of progress before the kernel has drifted, after a first step."""
    steps, even = run.observed("drift", "step"), run.observed("drift", "uniformity")
    seen = even[(steps > 0) & (steps <= lazy_until(run))]
    return numpy.nanmax(seen) if numpy.isfinite(seen).any() else numpy.nan


def companion(groups, _):
    accuracy = all("accuracy_test" in run.metrics and numpy.isfinite(run.metrics["accuracy_test"][0]) for _, g in groups for run in g)
    kind = "accuracy" if accuracy else "loss"
    runs.table(["setting", f"test {kind}: run", "its companion", "kernel regression", "training loss: run", "its companion",
           "drift above 0.1 from step", "U before", "drift at the end", "gap at the end", "in the span of J_0"],
          [[point, over(group, lambda run: run.metrics[f"{kind}_test"][-1]),
            over(group, lambda run: last(run, f"companion_{kind}_test")),
            over(group, lambda run: run.observed("drift", f"kernel_regression_{kind}_test").flat[0]),
            over(group, lambda run: run.metrics["loss_train"][-1]), over(group, lambda run: last(run, "companion_loss_train")),
            over(group, lazy_until), over(group, most_even), over(group, lambda run: last(run, "kernel_drift")),
            over(group, lambda run: last(run, "linearisation_gap")), over(group, lambda run: last(run, "subspace_residency"))]
           for point, group in groups])


def main():
    tables = {"kernels": kernels, "curvature": curvature, "rates": rates, "companion": companion}
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("table", choices=tables)
    parser.add_argument("sweeps", nargs="+")
    arguments = runs.parsed(parser)
    groups = [(runs.title(group[0].pairs), group) for sweep in arguments.sweeps
              for group in runs.grouped(runs.runs(sweep)).values()]
    if not groups:
        parser.error("give the directories of sweeps with runs")
    runs.demand([run for _, group in groups for run in group], OBSERVERS[arguments.table])
    tables[arguments.table](groups, arguments)


if __name__ == "__main__":
    main()
