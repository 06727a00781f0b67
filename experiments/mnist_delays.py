"""When runs on MNIST had learned the training set, and when the test set: steps, passes and seconds of training.

    python3 experiments/mnist_delays.py runs/fig1-mnist
    python3 experiments/mnist_delays.py runs/fig1-mnist-scales --power network.init_scale

The delay is from 95 % of the training images to each part of the test images, both held for three rows. Medians over the
seeds with the least and the largest; "never": not within the run. --power KEY: the slope of ln(delay) against ln(KEY).
"""

import argparse

import numpy

import runs

LEARNED = 0.95


def first(run, metric, part):
    return runs.first_step(run, metric, part, above=True)


def at(run, column, step):
    """What a column said at a recorded step."""
    if not numpy.isfinite(step):
        return numpy.inf
    return run.metrics[column][run.metrics["step"] == step][0]


def spread(values, form=".0f"):
    values = numpy.asarray(values, float)
    # the median of an even number of seeds may lie between a number and never
    middle = numpy.median(values) if numpy.isfinite(values).all() else sorted(values)[len(values) // 2]
    texts = ["never" if numpy.isinf(v) else format(v, form) for v in (middle, values.min(), values.max())]
    return texts[0] if len(values) == 1 or len(set(texts)) == 1 else f"{texts[0]} ({texts[1]} to {texts[2]})"


def delays(group, part):
    """Steps from the training set to this part of the test set; inf where one was not reached."""
    pairs = [(first(run, "accuracy_train", LEARNED), first(run, "accuracy_test", part)) for run in group]
    return numpy.array([test - train if numpy.isfinite(train + test) else numpy.inf for train, test in pairs])


def line(what, group, steps):
    print(f"  {what:<22} step {spread(steps):<28}", end="")
    print(f" passes {spread([at(r, 'passes', s) for r, s in zip(group, steps)]):<28}", end="")
    print(f" seconds {spread([at(r, 'seconds', s) for r, s in zip(group, steps)], '.3g')}")


def describe(name, group, parts):
    print(f"{name}: seeds {', '.join(str(run.seed) for run in group)}")
    line(f"training {LEARNED:.0%}", group, [first(run, "accuracy_train", LEARNED) for run in group])
    for part in parts:
        line(f"test {part:.0%}", group, [first(run, "accuracy_test", part) for run in group])
        print(f"  {'':<22} delay {spread(delays(group, part))}")
    for what, of in (("last", lambda values: values[-1]), ("best", numpy.nanmax)):
        accuracies = [[of(run.metrics[f"accuracy_{where}"]) for run in group] for where in ("train", "test")]
        print(f"  {what}: training {spread(accuracies[0], '.3f')}, test {spread(accuracies[1], '.3f')}", end="")
        print(f" at step {spread([run.metrics['step'][-1] for run in group])}" if what == "last" else "")
    print(f"  last loss: training {spread([r.metrics['loss_train'][-1] for r in group], '.2e')},",
          f"test {spread([r.metrics['loss_test'][-1] for r in group], '.2e')}")
    norms = [run.observed("norms", "weight_norm") for run in group]
    if all(norm is not None for norm in norms):
        print(f"  norm: {spread([n[0] for n in norms], '.1f')} to {spread([n[-1] for n in norms], '.1f')},",
              f"largest {spread([n.max() for n in norms], '.1f')}; moved by",
              f"{spread([r.observed('norms', 'relative_movement')[-1] for r in group], '.2f')} of its start")


def power(groups, key, parts):
    """Of each group of runs that differ in KEY alone, the exponent of the delay."""
    places = {}
    for point, group in groups.items():
        pairs = dict(pair.split("=", 1) for pair in point.split(",") if pair)
        if key not in pairs:
            continue
        value = float(pairs.pop(key))
        places.setdefault(",".join(pairs.values()), []).append((value, group))
    for name, entries in places.items():
        for part in parts:
            found = [(v, d) for v, group in entries for d in delays(group, part) if numpy.isfinite(d) and d > 0]
            if len({v for v, _ in found}) > 2:
                slope = numpy.polyfit(*numpy.log(numpy.array(found)).T, 1)[0]
                print(f"{name}: delay to {part:.0%} ~ {key}^{slope:.2f}, {key} {sorted({v for v, _ in found})}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sweep", nargs="+", help="folders of `gnewt sweep`")
    parser.add_argument("--parts", type=float, nargs="*", default=[0.5, 0.6, 0.7, 0.8])
    parser.add_argument("--power", metavar="KEY")
    arguments = parser.parse_args()
    groups = runs.grouped([run for sweep in arguments.sweep for run in runs.runs(sweep)])
    for name, group in groups.items():
        describe(name, group, arguments.parts)
    if arguments.power:
        power(groups, arguments.power, arguments.parts)


if __name__ == "__main__":
    main()
