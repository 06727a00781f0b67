#!/usr/bin/env python3
"""Check the file that `gnewt linearize` writes for an mlp with squared error, by doing it all again in plain NumPy.

From /params and /inputs it recomputes outputs, residual, loss, gradient, Jacobian, NTK, its eigenvalues and the
directions, with a forward and a backward pass of its own, and prints one line an array. Exit status: 0 when all agree,
1 when something differs or is missing, 2 for a wrong command line.

    check_linearize.py L.h5 --widths 1,80,80,1 --activation tanh
        --direction lm:levenberg_marquardt:damping=0.1
        --direction gn:gauss_newton:cutoff=1e-6
        --direction lm2:levenberg_marquardt:damping=0.1,curvature=mean,rtol=1e-7

A direction is LABEL:KIND or LABEL:KIND:KEY=VALUE,... with LABEL as under /directions. Kinds and keys:
    levenberg_marquardt   damping, curvature = sum (default) | mean
    ggn                   damping, curvature = mean (default) | sum
    gauss_newton          cutoff, relative to the largest eigenvalue of the NTK
    sgd                   weight_decay (0)         gradient + weight_decay * theta
    adam, adamw           weight_decay (0), epsilon (1e-8)    the first step's direction, from zero moments
and for each of them rtol, in place of --rtol.

The file has no targets by contract: without --targets they are taken as /targets where present, or else as its own
outputs minus its own residual, which then checks the residual no further than that.

An error is the largest absolute difference over the largest absolute value, so small entries are not held to more
digits than the array has. With a solve, rounding grows by the condition number that is shown beside it.
"""

import argparse
import math
import sys

import h5py
import numpy as np

CHECKED = ("outputs", "residual", "loss", "gradient", "jacobian", "ntk", "ntk_eigenvalues")


# ---------------------------------------------------------------------------------------------------------------------
# The network: value and derivative of each activation, forward, backward
# ---------------------------------------------------------------------------------------------------------------------


def sigmoid(z):
    return np.exp(-np.logaddexp(0.0, -z))  # never overflows


def gelu(z):
    cdf = 0.5 * (1.0 + np.vectorize(math.erf, otypes=[float])(z / math.sqrt(2.0)))
    return z * cdf, cdf + z * np.exp(-0.5 * z * z) / math.sqrt(2.0 * math.pi)


ACTIVATIONS = {
    "tanh": lambda z: (np.tanh(z), 1.0 - np.tanh(z) ** 2),
    "relu": lambda z: (np.maximum(z, 0.0), (z > 0.0).astype(float)),
    "gelu": gelu,
    "sin": lambda z: (np.sin(z), np.cos(z)),
    "sigmoid": lambda z: (sigmoid(z), sigmoid(z) * sigmoid(-z)),
    "softplus": lambda z: (np.logaddexp(0.0, z), sigmoid(z)),
    "quadratic": lambda z: (z * z, 2.0 * z),
    "identity": lambda z: (z, np.ones_like(z)),
}


def read_layers(group, widths, bias):
    """(weight, bias) of each layer, float64; a missing or misshapen parameter is an error that names it."""
    layers = []
    for index, (fan_in, fan_out) in enumerate(zip(widths[:-1], widths[1:])):
        shapes = {f"layers.{index}.weight": (fan_out, fan_in)} | ({f"layers.{index}.bias": (fan_out,)} if bias else {})
        for name, shape in shapes.items():
            if name not in group or group[name].shape != shape:
                found = group[name].shape if name in group else "nothing"
                raise ValueError(f"{group.name}/{name} should be {shape}, found {found}")
        weight = group[f"layers.{index}.weight"][()].astype(float)
        layers.append((weight, group[f"layers.{index}.bias"][()].astype(float) if bias else None))
    expected = 2 * len(layers) if bias else len(layers)
    if len(group) != expected:
        raise ValueError(f"{group.name} has {len(group)} parameters, the network {expected}")
    return layers


def forward(layers, x, activation):
    """Outputs N x C, and for each layer its input and, but for the last, the activation's slope at its output."""
    inputs, slopes, a = [], [], x
    for index, (weight, bias) in enumerate(layers):
        inputs.append(a)
        a = a @ weight.T if bias is None else a @ weight.T + bias
        if index < len(layers) - 1:
            a, slope = ACTIVATIONS[activation](a)
            slopes.append(slope)
    return a, inputs, slopes


def jacobian(layers, inputs, slopes):
    """d f[n, c] / d theta as M x P: row n*C + c; columns weight, then bias, of each layer, row-major.

    The cotangent D (N x C x width) of a layer's output starts as the identity at the top and goes down by
    D <- (D W) * slope; a weight's block is then the outer product of D with the layer's input.
    """
    samples, outputs = len(inputs[0]), layers[-1][0].shape[0]
    D, blocks = np.broadcast_to(np.eye(outputs), (samples, outputs, outputs)), []
    for index in reversed(range(len(layers))):
        weight, bias = layers[index]
        block = np.einsum("nco,ni->ncoi", D, inputs[index]).reshape(samples * outputs, -1)
        if bias is not None:
            block = np.hstack([block, D.reshape(samples * outputs, -1)])
        blocks.insert(0, block)
        if index > 0:
            D = (D @ weight) * slopes[index - 1][:, None, :]
    return np.hstack(blocks)


def flatten(layers):
    return np.concatenate([part.reshape(-1) for layer in layers for part in layer if part is not None])


# ---------------------------------------------------------------------------------------------------------------------
# Directions
# ---------------------------------------------------------------------------------------------------------------------

KEYS = {  # kind: its keys with defaults; None must be given
    "levenberg_marquardt": {"damping": None, "curvature": "sum"},
    "ggn": {"damping": None, "curvature": "mean"},
    "gauss_newton": {"cutoff": None},
    "sgd": {"weight_decay": 0.0},
    "adam": {"weight_decay": 0.0, "epsilon": 1e-8},
    "adamw": {"weight_decay": 0.0, "epsilon": 1e-8},
}


def parse_direction(text):
    """LABEL:KIND:KEY=VALUE,... -> (label, kind, keys)."""
    label, _, rest = text.partition(":")
    kind, _, pairs = rest.partition(":")
    if kind not in KEYS:
        raise argparse.ArgumentTypeError(f"'{text}': kind should be one of {', '.join(KEYS)}")
    keys = dict(KEYS[kind]) | {"rtol": "default"}
    for pair in filter(None, pairs.split(",")):
        key, _, value = pair.partition("=")
        if key not in keys:
            raise argparse.ArgumentTypeError(f"'{text}': {kind} has no '{key}', only {', '.join(keys)}")
        if key == "curvature":
            if value not in ("sum", "mean"):
                raise argparse.ArgumentTypeError(f"'{text}': curvature is sum or mean")
            keys[key] = value
            continue
        try:
            keys[key] = float(value)
        except ValueError:
            raise argparse.ArgumentTypeError(f"'{text}': '{value}' is not a number") from None
    missing = [key for key, value in keys.items() if value is None]
    if missing:
        raise argparse.ArgumentTypeError(f"'{text}': {kind} needs {missing[0]}=")
    return label, kind, keys


def direction(kind, keys, J, r, gradient, theta):
    """The direction before the step size, and a note on how well it is determined."""
    if kind == "sgd":
        return gradient + keys["weight_decay"] * theta, ""
    if kind == "adam":
        g = gradient + keys["weight_decay"] * theta
        return g / (np.abs(g) + keys["epsilon"]), ""
    if kind == "adamw":
        return gradient / (np.abs(gradient) + keys["epsilon"]) + keys["weight_decay"] * theta, ""
    # J = U diag(s) V^T gives all the others without squaring the condition number of J.
    U, s, Vt = np.linalg.svd(J, full_matrices=False)
    if kind == "gauss_newton":
        threshold = keys["cutoff"] * s[0] ** 2
        kept = s * s > threshold
        ratio = s * s / threshold
        note = f"keeps {kept.sum()} of {len(J)}, condition {s[0] ** 2 / (s[kept][-1] ** 2):.1e}"
        if np.any((ratio > 0.99) & (ratio < 1.01)):
            note += ", an EIGENVALUE AT THE CUT-OFF: not determined"
        return Vt[kept].T @ (U[:, kept].T @ r / s[kept]), note
    mu = keys["damping"] * (len(J) if keys["curvature"] == "mean" else 1.0)
    smallest = s[-1] ** 2 if len(J) <= J.shape[1] else 0.0
    note = f"condition {(s[0] ** 2 + mu) / (smallest + mu):.1e} of J J' + mu"
    return Vt.T @ (s / (s * s + mu) * (U.T @ r)), note


# ---------------------------------------------------------------------------------------------------------------------
# The check
# ---------------------------------------------------------------------------------------------------------------------


def recompute(file, options):
    """Every array expected in the file, by name; directions as (array, note, rtol)."""
    layers = read_layers(file["params"], options.widths, options.bias)
    x = file["inputs"][()].astype(float)
    outputs, inputs, slopes = forward(layers, x, options.activation)
    if options.centred:
        outputs = outputs - forward(read_origin(file, options), x, options.activation)[0]
    outputs = options.output_scale * outputs
    J = options.output_scale * jacobian(layers, inputs, slopes)
    r = (outputs - read_targets(file, options, outputs.shape)).reshape(-1)
    gradient = 2.0 / len(r) * (J.T @ r)
    K = J @ J.T
    # Singular values keep the small eigenvalues; where M > P the rest are zero.
    eigenvalues = np.zeros(len(r))
    singular = np.linalg.svd(J, compute_uv=False)
    eigenvalues[len(r) - len(singular) :] = np.sort(singular**2)
    expected = dict(zip(CHECKED, (outputs, r, np.mean(r * r), gradient, J, K, eigenvalues)))
    expected = {name: (value, "", options.rtol) for name, value in expected.items()}
    for label, kind, keys in options.direction:
        value, note = direction(kind, keys, J, r, gradient, flatten(layers))
        rtol = options.rtol if keys["rtol"] == "default" else keys["rtol"]
        expected[f"directions/{label}"] = (value, note, rtol)
    return expected


def read_origin(file, options):
    """theta_0 of a centred network: of --params0, or of the file's own /params0."""
    if options.params0:
        with h5py.File(options.params0, "r") as other:
            return read_layers(other["params"], options.widths, options.bias)
    if "params0" not in file:
        raise ValueError("a centred network needs theta_0: --params0 FILE, or /params0 in the file")
    return read_layers(file["params0"], options.widths, options.bias)


def read_targets(file, options, shape):
    if options.targets:
        name, _, path = options.targets.partition(":")
        with h5py.File(name, "r") as other:
            return other[path or "/targets"][()].reshape(shape)
    if "targets" in file:
        return file["targets"][()].reshape(shape)
    return file["outputs"][()] - file["residual"][()].reshape(shape)


def compare(file, name, value):
    """(error, fault): the relative error, or why there is none."""
    if name not in file:
        return math.inf, "missing"
    found = file[name][()]
    if np.shape(found) != np.shape(value):
        return math.inf, f"shape {np.shape(found)}, should be {np.shape(value)}"
    if not np.all(np.isfinite(found)):
        return math.inf, "not finite"
    return float(np.max(np.abs(found - value)) / max(np.max(np.abs(value)), np.finfo(float).tiny)), ""


def check(file, options):
    """Print the table; true when all is well."""
    good = True
    print(f"{'array':28s} {'shape':>14s} {'largest':>10s} {'error':>10s} {'allowed':>10s}")
    for name, (value, note, rtol) in recompute(file, options).items():
        error, fault = compare(file, name, value)
        passed = error <= rtol
        good &= passed
        shape = "x".join(map(str, np.shape(value))) or "scalar"
        verdict = f"{'ok' if passed else 'WRONG'}{': ' + fault if fault else ''}"
        row = f"{name:28s} {shape:>14s} {np.max(np.abs(value)):10.3e} {error:10.1e} {rtol:10.1e}  {verdict:6s} {note}"
        print(row.rstrip())
    given = {label for label, _, _ in options.direction}
    for label in sorted(set(file.get("directions", {})) - given):
        print(f"directions/{label}: not checked, no --direction for it")
    return good


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", help="what `gnewt linearize` wrote")
    parser.add_argument("--widths", required=True, type=lambda t: [int(w) for w in t.split(",")])
    parser.add_argument("--activation", required=True, choices=ACTIVATIONS)
    parser.add_argument("--no-bias", dest="bias", action="store_false")
    parser.add_argument("--output-scale", type=float, default=1.0)
    parser.add_argument("--centred", action="store_true", help="f(theta) - f(theta_0)")
    parser.add_argument("--params0", metavar="FILE", help="theta_0 of a centred network, under /params of this file")
    parser.add_argument("--targets", metavar="FILE[:PATH]", help="targets, N x C; PATH is /targets unless given")
    parser.add_argument("--direction", action="append", default=[], type=parse_direction, metavar="LABEL:KIND:...")
    parser.add_argument("--rtol", type=float, default=1e-10)
    return parser.parse_args()


def main():
    options = parse_arguments()
    try:
        with h5py.File(options.file, "r") as file:
            return 0 if check(file, options) else 1
    except (OSError, KeyError, ValueError) as error:
        print(f"check_linearize: {options.file}: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
