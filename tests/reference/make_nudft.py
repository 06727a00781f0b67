#!/usr/bin/env python3
"""Write nudft.h5: spectra over points that are no grid, for the tests of the observer nudft, and the chosen points of
frequency_mismatch_1d.

F(k) = (1/n) sum_j y_j exp(-i k x_j) at evenly spaced k, as one matrix product; x are the inputs where they have one
feature, else their projections on the first right singular vector of the centred training inputs. |F(k)| of several
outputs is the root of the sum of squares. The outputs are those of one linear map.

    python make_nudft.py [--out DIR]
    python make_nudft.py --compare      writes nothing; compares a fresh computation with the file present
"""

import sys

import numpy as np

from reference_files import serve, together

CASES = {  # features, outputs, samples, test samples, frequencies, the highest
    "line": (1, 1, 9, 5, 21, 20.0),
    "line_two_outputs": (1, 2, 7, 3, 5, 3.5),
    "plane": (5, 2, 11, 4, 11, 2 * np.pi),
    "more_features_than_samples": (6, 1, 4, 3, 4, 1.0),
}


def chosen():
    """The 20 points of 10 000 even ones where sin x is nearest to sin 6x, and the 10 of sin 3x; each ascending."""
    pool = np.linspace(-np.pi, np.pi, 10_000)
    nearest = [np.argsort(np.abs(np.sin(k * pool) - np.sin(6 * pool)), kind="stable")[:count]
               for k, count in ((1, 20), (3, 10))]
    return np.concatenate([np.sort(pool[i]) for i in nearest])


def spectra(case):
    features, outputs, samples, tests, count, highest = CASES[case]
    random = np.random.default_rng(list(CASES).index(case))
    spread = random.standard_normal((features, features))
    inputs, test_inputs = (random.standard_normal((n, features)) @ spread + 0.7 for n in (samples, tests))
    targets, test_targets = (random.standard_normal((n, outputs)) for n in (samples, tests))
    weight, bias = random.standard_normal((outputs, features)), random.standard_normal(outputs)
    along = np.linalg.svd(inputs - inputs.mean(0))[2][0] if features > 1 else np.ones(1)
    k = np.linspace(0, highest, count)
    arrays = {"inputs": inputs, "targets": targets, "test_inputs": test_inputs, "test_targets": test_targets,
              "theta": np.concatenate([weight.ravel(), bias]), "frequency": k}
    for name, x, y in (("train", inputs, targets), ("test", test_inputs, test_targets)):
        f = x @ weight.T + bias
        waves = np.exp(-1j * np.outer(k, x @ along)) / len(x)
        for what, values in (("target", y), ("prediction", f), ("error", f - y)):
            arrays[f"{what}_{name}"] = np.linalg.norm(waves @ values, axis=1)
    return arrays


def make():
    return {"chosen": chosen(), **together(CASES, spectra)}, {}


if __name__ == "__main__":
    sys.exit(serve(__doc__, {"nudft": make}, lambda name, arrays: f"{name}: {len(arrays)} arrays"))
