#!/usr/bin/env python3
"""Write float64 reference values for curvature: the dense Hessian and Gauss-Newton matrix of the mean loss.

Networks, parameters and data are those of other reference files. H is JAX's Hessian of the mean loss, G is made from
its Jacobian of the outputs and the loss's Hessian in them, eigenvalues are LAPACK's. No code is shared with the engine
under test.

    python make_curvature.py [--out DIR]
    python make_curvature.py --compare      writes nothing; compares a fresh computation with the file present
"""

import argparse
import pathlib
import sys

import h5py
import jax
import jax.numpy as jnp
import numpy as np

from make_geodesic import outputs, read, relative_error

jax.config.update("jax_enable_x64", True)

HERE = pathlib.Path(__file__).resolve().parent
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


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--out", type=pathlib.Path, default=HERE, help="folder to write to")
    parser.add_argument("--compare", action="store_true", help="compare with the file in --out instead of writing")
    options = parser.parse_args()
    found = {name: compute(name) for name in CASES}
    path = options.out / "curvature.h5"
    if options.compare:
        with h5py.File(path, "r") as file:
            worst = max(
                (relative_error(file[f"{n}/{k}"][()], a), f"{n}/{k}") for n, arrays in found.items()
                for k, a in arrays.items()
            )
        print(f"curvature {worst[0]:.1e} {worst[1]}")
        return int(not worst[0] <= 1e-9)
    with h5py.File(path, "w", libver=("v108", "v110")) as file:
        for name, arrays in found.items():
            for k, a in arrays.items():
                file.create_dataset(f"{name}/{k}", data=a)
            print(f"{name:12s} P={len(arrays['top_energy'])} largest {arrays['hessian_eigenvalues'][-1]:.4g} "
                  f"smallest {arrays['hessian_eigenvalues'][0]:.4g} residual {arrays['residual_share']:.4g} "
                  f"angle {arrays['direction_angle']:.4g}")
        file.attrs.update({"mu": MU})
    return 0


if __name__ == "__main__":
    sys.exit(main())
