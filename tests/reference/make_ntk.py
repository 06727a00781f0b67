#!/usr/bin/env python3
"""Write float64 reference values for the kernel of Adam, J diag(d) J', after some steps of it on the data of another file.

J and gradients are JAX's, Adam is written out here (Kingma and Ba, 2015, algorithm 1), eigenvalues are NumPy's. No code is
shared with the engine under test.

    python make_ntk.py [--out DIR]
    python make_ntk.py --compare      writes nothing; compares a fresh computation with the file present
"""

import argparse
import pathlib
import sys

import h5py
import jax
import jax.numpy as jnp
import numpy as np

from make_geodesic import outputs, read

jax.config.update("jax_enable_x64", True)

HERE = pathlib.Path(__file__).resolve().parent
CASE = "small_tanh"
SETTINGS = {"steps": 7, "rate": 0.01, "beta1": 0.9, "beta2": 0.98, "epsilon": 1e-8}


def adam(gradient, theta):
    """theta and v / (1 - beta2^t) after the steps."""
    m, v = np.zeros_like(theta), np.zeros_like(theta)
    s = SETTINGS
    for t in range(1, s["steps"] + 1):
        g = np.asarray(gradient(theta))
        m = s["beta1"] * m + (1 - s["beta1"]) * g
        v = s["beta2"] * v + (1 - s["beta2"]) * g * g
        v_hat = v / (1 - s["beta2"] ** t)
        theta = theta - s["rate"] * m / (1 - s["beta1"] ** t) / (np.sqrt(v_hat) + s["epsilon"])
    return theta, v_hat


def compute():
    shapes, theta, x, y = read(CASE)
    loss = lambda t: jnp.mean((outputs(shapes, t, x) - y) ** 2)
    theta, v_hat = adam(jax.grad(loss), theta)
    J = np.asarray(jax.jacrev(lambda t: outputs(shapes, t, x).ravel())(theta))
    d = 1 / (np.sqrt(v_hat) + SETTINGS["epsilon"])
    kernel = (J * d) @ J.T
    values, vectors = np.linalg.eigh(kernel)
    residual = np.asarray((outputs(shapes, theta, x) - y).ravel())
    return {
        "theta": theta,
        "diagonal": d,
        "kernel": kernel,
        "eigenvalues": values[::-1],
        "modes": np.abs(vectors.T @ residual)[::-1],
        "ntk_eigenvalues": np.linalg.eigvalsh(J @ J.T)[::-1],
    }


def relative_error(a, b):
    return np.abs(a - b).max() / np.abs(a).max()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=pathlib.Path, default=HERE, help="folder to write to")
    parser.add_argument("--compare", action="store_true", help="compare with the file in --out instead of writing")
    options = parser.parse_args()
    arrays = compute()
    path = options.out / "ntk.h5"
    if options.compare:
        with h5py.File(path, "r") as file:
            worst = max((relative_error(file[k][()], a), k) for k, a in arrays.items())
        print(f"ntk {worst[0]:.1e} {worst[1]}")
        return int(not worst[0] <= 1e-9)
    with h5py.File(path, "w", libver=("v108", "v110")) as file:
        for name, array in arrays.items():
            file.create_dataset(name, data=array)
        file.attrs.update(SETTINGS)
    print(f"P={len(arrays['theta'])} M={len(arrays['kernel'])}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
