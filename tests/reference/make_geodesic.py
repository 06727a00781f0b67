#!/usr/bin/env python3
"""Write float64 reference values for geodesic acceleration: one step each on the data of other reference files.

r_dd is JAX's forward mode nested in itself, no difference; solves are NumPy's on dense matrices. No code is shared with
the engine under test.

    python make_geodesic.py [--out DIR]
    python make_geodesic.py --compare      writes nothing; compares a fresh computation with the file present
"""

import sys

import h5py
import jax
import jax.numpy as jnp
import numpy as np

from reference_files import HERE, serve, together

jax.config.update("jax_enable_x64", True)

MU, ETA = 0.1, 0.5
CASES = ["small_tanh", "classes"]  # squared error, cross-entropy


def read(name):
    """Shapes by name, flat theta, inputs and targets of a file of make_reference.py or make_models.py."""
    with h5py.File(HERE / f"{name}.h5", "r") as file:
        names = [f"layers.{i}.{kind}" for i in range(3) for kind in ("weight", "bias")]
        parts = {n: file[f"params/{n}"][()] for n in names if f"params/{n}" in file}
        return {n: p.shape for n, p in parts.items()}, np.concatenate([p.ravel() for p in parts.values()]), \
            file["inputs"][()], file["targets"][()]


def outputs(shapes, theta, x):
    first, h = 0, x
    layers = len(shapes) // 2
    for i in range(layers):
        parts = []
        for kind in ("weight", "bias"):
            shape = shapes[f"layers.{i}.{kind}"]
            size = int(np.prod(shape))
            parts.append(theta[first : first + size].reshape(shape))
            first += size
        h = h @ parts[0].T + parts[1]
        h = jnp.tanh(h) if i + 1 < layers else h
    return h


def compute(name):
    shapes, theta, x, y = read(name)
    classes = name == "classes"

    def residual(t):
        f = outputs(shapes, t, x)
        return ((jax.nn.softmax(f, axis=1) if classes else f) - y).ravel()

    r = residual(theta)
    J = np.asarray(jax.jacfwd(lambda t: outputs(shapes, t, x).ravel())(theta))
    H = np.eye(len(r))
    if classes:
        H = np.zeros((len(r), len(r)))
        for n, p in enumerate(np.asarray(jax.nn.softmax(outputs(shapes, theta, x), axis=1))):
            rows = slice(n * len(p), (n + 1) * len(p))
            H[rows, rows] = np.diag(p) - np.outer(p, p)
    A = J.T @ H @ J + MU * np.eye(len(theta))
    d = np.linalg.solve(A, J.T @ np.asarray(r))
    along = lambda t: jax.jvp(residual, (t,), (d,))[1]
    r_dd = np.asarray(jax.jvp(along, (theta,), (d,))[1])
    h = 1e-4
    difference = (residual(theta + h * d) - 2 * r + residual(theta - h * d)) / h**2
    assert np.linalg.norm(difference - r_dd) < 1e-5 * np.linalg.norm(r_dd)
    c = 0.5 * np.linalg.solve(A, J.T @ r_dd)
    return {
        "velocity": d,
        "second": r_dd,
        "term": c,
        "ratio": 2 * ETA * np.linalg.norm(c) / np.linalg.norm(d),
        "next": theta - ETA * d - ETA**2 * c,
    }


def main():
    cases = lambda: (together(CASES, compute), {"mu": MU, "eta": ETA})
    return serve(__doc__, {"geodesic": cases},
                 lambda _, a: "\n".join(f"{n:12s} P={len(a[n + '/next'])} ratio {a[n + '/ratio']:.4g}" for n in CASES))


if __name__ == "__main__":
    sys.exit(main())
