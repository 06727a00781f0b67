#!/usr/bin/env python3
"""Write float64 reference values for the kernel of Adam, J diag(d) J', after some steps of it on the data of another file.

J and gradients are JAX's, Adam is written out here (Kingma and Ba, 2015, algorithm 1), eigenvalues are NumPy's. No code is
shared with the engine under test.

    python make_ntk.py [--out DIR]
    python make_ntk.py --compare      writes nothing; compares a fresh computation with the file present
"""

import sys

import jax
import jax.numpy as jnp
import numpy as np

from make_geodesic import outputs, read
from reference_files import serve

jax.config.update("jax_enable_x64", True)

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


def main():
    return serve(__doc__, {"ntk": lambda: (compute(), SETTINGS)},
                 lambda _, a: f"P={len(a['theta'])} M={len(a['kernel'])}")


if __name__ == "__main__":
    sys.exit(main())
