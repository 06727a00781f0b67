#!/usr/bin/env python3
"""Write the independent float64 reference values for PDE residuals: one HDF5 file a case, described in README.md.

The network is evaluated at one point and differentiated by its inputs by PyTorch's autograd, twice, and once more by
its parameters; nothing is propagated forward as in the engine. Levenberg-Marquardt steps are least squares by QR.

    python make_pde.py                 writes every case beside this file
    python make_pde.py --out DIR       writes them elsewhere
    python make_pde.py --compare       writes nothing; compares a fresh computation with the files present
"""

import argparse
import pathlib
import sys

import h5py
import numpy as np
import torch

HERE = pathlib.Path(__file__).resolve().parent
PI = np.pi
STEPS, ETA, MU = 5, 0.1, 0.1
INTERIOR, BOUNDARY = 20, 8
ACTIVATIONS = {"tanh": torch.tanh, "sin": torch.sin}


def poisson(x, u, first, second):
    source = 2 * PI**2 * torch.sin(PI * x[0]) * torch.sin(PI * x[1])
    return second[0] + second[1] + source


def burgers(x, u, first, second):
    return first[1] + u * first[0] - 0.05 * second[0]


CASES = {
    "pde_poisson": (poisson, (2, 20, 1), "tanh", lambda x: np.sin(PI * x[:, 0]) * np.sin(PI * x[:, 1]), 1),
    "pde_burgers": (burgers, (2, 7, 5, 1), "sin", lambda x: 0.5 - 0.5 * np.tanh((x[:, 0] - 0.5 * x[:, 1]) / 0.2), 2),
}


def network(theta, widths, phi, x):
    """u at one point; theta is flat: weight (out x in), then bias, layer by layer."""
    offset = 0
    for layer, (inputs, outputs) in enumerate(zip(widths, widths[1:])):
        weight = theta[offset : offset + outputs * inputs].reshape(outputs, inputs)
        offset += outputs * inputs
        x = weight @ x + theta[offset : offset + outputs]
        offset += outputs
        if layer + 2 < len(widths):
            x = phi(x)
    return x[0]


def output(case, theta, point):
    """The PDE's residual at an interior point (kind 0), the value at one of the boundary (kind 1)."""
    residual, widths, activation, _, _ = case
    phi = ACTIVATIONS[activation]
    x = torch.tensor(point[:2], dtype=torch.float64, requires_grad=True)
    u = network(theta, widths, phi, x)
    if point[2] == 1:
        return u
    (first,) = torch.autograd.grad(u, x, create_graph=True)
    second = [torch.autograd.grad(first[i], x, create_graph=True)[0][i] for i in range(2)]
    return residual(x, u, first, second)


def linearize(case, theta, points, targets):
    """r (N) and J (N x P)."""
    rows, r = [], []
    for point, target in zip(points, targets):
        parameters = torch.tensor(theta, dtype=torch.float64, requires_grad=True)
        value = output(case, parameters, point)
        (row,) = torch.autograd.grad(value, parameters)
        rows.append(row.numpy())
        r.append(value.item() - target)
    return np.array(r), np.array(rows)


def check_differences(case, theta, points, jacobian):
    rng = np.random.default_rng(9)
    v, h = rng.standard_normal(theta.size), 1e-6
    zeros = np.zeros(len(points))
    up = linearize(case, theta + h * v, points, zeros)[0]
    down = linearize(case, theta - h * v, points, zeros)[0]
    error = np.abs((up - down) / (2 * h) - jacobian @ v).max() / np.abs(jacobian @ v).max()
    assert error < 1e-7, error


def make_points(rng):
    inside = rng.uniform(0, 1, (INTERIOR, 2))
    outside = rng.uniform(0, 1, (BOUNDARY, 2))
    for i, point in enumerate(outside):
        point[i // 2 % 2] = i % 2
    kinds = np.repeat([0.0, 1.0], [INTERIOR, BOUNDARY])
    return np.column_stack([np.concatenate([inside, outside]), kinds])


def make(name):
    case = CASES[name]
    _, widths, _, solution, seed = case
    rng = np.random.default_rng(seed)
    points = make_points(rng)
    targets = np.where(points[:, 2] == 1, solution(points), 0.0)
    theta = np.concatenate(
        [
            part
            for inputs, outputs in zip(widths, widths[1:])
            for part in (rng.uniform(-1, 1, outputs * inputs) * np.sqrt(3 / inputs), rng.uniform(-0.35, 0.35, outputs))
        ]
    )
    n = len(points)
    weights = np.where(points[:, 2] == 1, n / BOUNDARY, n / INTERIOR)
    r, jacobian = linearize(case, theta, points, targets)
    check_differences(case, theta, points, jacobian)
    data = {
        "theta": theta,
        "inputs": points,
        "targets": targets,
        "weights": weights,
        "residual": r,
        "jacobian": jacobian,
        "loss": np.mean(weights * r**2),
        "gradient": 2 / n * jacobian.T @ (weights * r),
    }
    path, losses = [theta], []
    for _ in range(STEPS):
        r, jacobian = linearize(case, path[-1], points, targets)
        losses.append(np.mean(weights * r**2))
        stacked = np.vstack([jacobian, np.sqrt(MU) * np.eye(theta.size)])
        step = np.linalg.lstsq(stacked, np.concatenate([r, np.zeros(theta.size)]), rcond=None)[0]
        path.append(path[-1] - ETA * step)
    data["trajectory"] = np.array(path)
    data["loss_trajectory"] = np.array(losses)
    return data


def compare(name, data):
    worst = 0.0
    with h5py.File(HERE / f"{name}.h5") as f:
        assert set(f) == set(data)
        for key, value in data.items():
            worst = max(worst, np.abs(f[key][()] - value).max() / np.abs(value).max())
    print(f"{name}: {worst:.1e}")
    return worst < 1e-10


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=pathlib.Path, default=HERE)
    parser.add_argument("--compare", action="store_true")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    good = True
    for name in CASES:
        data = make(name)
        if arguments.compare:
            good = compare(name, data) and good
            continue
        with h5py.File(arguments.out / f"{name}.h5", "w", libver=("earliest", "v110")) as f:
            for key, value in data.items():
                f.create_dataset(key, data=value, track_times=False)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
