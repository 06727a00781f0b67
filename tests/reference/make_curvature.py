#!/usr/bin/env python3
"""Write float64 reference values for curvature: the dense Hessian and Gauss-Newton matrix of the mean loss.

Networks, parameters and data are those of other reference files. H is JAX's Hessian of the mean loss, G is made from
its Jacobian of the outputs and the loss's Hessian in them, eigenvalues are LAPACK's. No code is shared with the engine
under test.

    python make_curvature.py [--out DIR]
    python make_curvature.py --compare      writes nothing; compares a fresh computation with the file present
"""

import sys

import jax
import jax.numpy as jnp
import numpy as np

from make_geodesic import outputs, read
from reference_files import serve, together

jax.config.update("jax_enable_x64", True)

MU = 0.1
CASES = ["small_tanh", "classes"]  # squared error, cross-entropy


def compute(name):
    shapes, theta, x, y = read(name)
    classes = name == "classes"

    def loss_of(f):
        return jnp.mean(-jnp.sum(y * jax.nn.log_softmax(f, axis=1), axis=1)) if classes else jnp.mean((f - y) ** 2)

    def loss(t):
        return loss_of(outputs(shapes, t, x))

    gradient = np.asarray(jax.grad(loss)(theta))
    H = np.asarray(jax.hessian(loss)(theta))
    f = outputs(shapes, theta, x)
    J = np.asarray(jax.jacfwd(lambda t: outputs(shapes, t, x).ravel())(theta))
    inner = np.asarray(jax.hessian(lambda u: loss_of(u.reshape(f.shape)))(f.ravel()))
    G = J.T @ inner @ J
    # the residual term by its own definition, sum_m (dL/df_m) d2 f_m
    cotangent = jax.grad(loss_of)(f)
    R = np.asarray(jax.hessian(lambda t: jnp.sum(cotangent * outputs(shapes, t, x)))(theta))
    assert np.max(np.abs(G + R - H)) < 1e-13 * np.max(np.abs(H))
    v = np.random.default_rng(1).standard_normal(len(theta))
    h = 1e-5
    difference = (jax.grad(loss)(theta + h * v) - jax.grad(loss)(theta - h * v)) / (2 * h)
    assert np.linalg.norm(difference - H @ v) < 1e-8 * np.linalg.norm(H @ v)

    measure = len(x) if classes else J.shape[0] / 2  # J'r = measure * gradient
    direction = np.linalg.solve(measure * G + MU * np.eye(len(theta)), measure * gradient)
    cosine = direction @ gradient / np.linalg.norm(direction) / np.linalg.norm(gradient)
    values, vectors = np.linalg.eigh(H)
    shares = (vectors[:, ::-1].T @ gradient) ** 2 / (gradient @ gradient)
    return {
        "ggn_eigenvalues": np.linalg.eigvalsh(G),
        "hessian_eigenvalues": values,
        "ggn_trace": np.trace(G),
        "hessian_trace": np.trace(H),
        "residual_share": np.linalg.norm(R) / np.linalg.norm(G),
        "top_energy": np.cumsum(shares),
        "direction_angle": np.degrees(np.arccos(cosine)),
    }


def say(_, arrays):
    return "\n".join(
        f"{n:12s} P={len(arrays[n + '/top_energy'])} largest {arrays[n + '/hessian_eigenvalues'][-1]:.4g} "
        f"smallest {arrays[n + '/hessian_eigenvalues'][0]:.4g} residual {arrays[n + '/residual_share']:.4g} "
        f"angle {arrays[n + '/direction_angle']:.4g}" for n in CASES)


def main():
    return serve(__doc__, {"curvature": lambda: (together(CASES, compute), {"mu": MU})}, say)


if __name__ == "__main__":
    sys.exit(main())
