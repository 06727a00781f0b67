#!/usr/bin/env python3
"""Write float64 reference values for the comparators: steps of fractional, L-BFGS, Grokfast and EGD on the data
of other reference files.

Gradients and Jacobians are PyTorch's autograd, fractional steps NumPy's SVD of a root of the curvature, L-BFGS the dense
recursion of its inverse Hessian (Nocedal and Wright, Numerical Optimization, eq. 7.16), first-order steps torch.optim on
gradients that were filtered before. No code is shared with the engine under test.

    python make_comparators.py [--out DIR]
    python make_comparators.py --compare      writes nothing; compares a fresh computation with the file present
"""

import sys

import h5py
import numpy as np
import torch

from reference_files import HERE, serve

torch.set_default_dtype(torch.float64)
torch.set_num_threads(1)

STEPS = 5
EXPONENTS = {"small_tanh": (-0.5, 0.0, 0.5, 1.0, 1.5), "classes": (-0.5, 0.0, 0.5)}  # above 0.5 those explode
FRACTIONAL = {"rate": 0.1, "damping": 1e-6}  # relative
LBFGS = {"memory": 3, "c": 1e-4, "tau": 0.5, "reductions": 10}
GROKFAST = {"decay": 0.8, "gain": 2.0}
FLOOR = 1e-6  # of EGD's singular values


class Case:
    """Network, loss and data of a file of make_reference.py or make_models.py; parameters are one flat vector."""

    def __init__(self, name):
        with h5py.File(HERE / f"{name}.h5", "r") as file:
            names = [f"layers.{i}.{kind}" for i in range(3) for kind in ("weight", "bias")]
            parts = [file[f"params/{n}"][()] for n in names if f"params/{n}" in file]
            self.x, self.y = torch.tensor(file["inputs"][()]), torch.tensor(file["targets"][()])
        self.shapes = [p.shape for p in parts]
        self.start = torch.tensor(np.concatenate([p.ravel() for p in parts]))
        self.classes = name == "classes"

    def split(self, theta):
        return [p.reshape(s) for p, s in zip(torch.split(theta, [int(np.prod(s)) for s in self.shapes]), self.shapes)]

    def outputs(self, theta):
        parts, h = self.split(theta), self.x
        for i in range(0, len(parts), 2):
            h = h @ parts[i].T + parts[i + 1]
            h = torch.tanh(h) if i + 2 < len(parts) else h
        return h

    def loss(self, theta):
        f = self.outputs(theta)
        if self.classes:
            return -(self.y * torch.log_softmax(f, 1)).sum(1).mean()
        return ((f - self.y) ** 2).mean()

    def gradient(self, theta):
        t = theta.clone().requires_grad_()
        return torch.autograd.grad(self.loss(t), t)[0]

    def root(self, theta):
        """B' (M x P) and t (M) with J'H J = B B' and J'r = B t."""
        J = torch.autograd.functional.jacobian(lambda t: self.outputs(t).flatten(), theta).numpy()
        f = self.outputs(theta)
        if not self.classes:
            return J, (f - self.y).flatten().numpy()
        p = torch.softmax(f, 1)
        r, rows, t = (p - self.y).numpy(), [], []
        for n, q in enumerate(p.numpy()):
            w, v = np.linalg.eigh(np.diag(q) - np.outer(q, q))
            w[0] = 0  # the constant vector, which r is orthogonal to
            root = v @ np.diag(np.sqrt(w)) @ v.T
            rows.append(root @ J[n * len(q) : (n + 1) * len(q)])
            t.append(v[:, 1:] @ np.diag(1 / np.sqrt(w[1:])) @ v[:, 1:].T @ r[n])
        return np.concatenate(rows), np.concatenate(t)


def fractional(case, exponent):
    theta, mu, path = case.start.clone(), None, []
    for _ in range(STEPS):
        B, t = case.root(theta)
        u, s, vt = np.linalg.svd(B, full_matrices=False)
        mu = FRACTIONAL["damping"] * s[0] ** 2 if mu is None else mu
        gains = (s**2 + mu) ** -exponent
        gains /= np.max(s**2 * gains)
        theta = theta - FRACTIONAL["rate"] * torch.tensor(vt.T @ (s * gains * (u.T @ t)))
        path.append(theta.numpy())
    return path


def inverse_hessian(pairs, n):
    if not pairs:
        return np.eye(n)
    s, y = pairs[-1]
    H = np.eye(n) * (s @ y) / (y @ y)
    for s, y in pairs:
        rho = 1 / (s @ y)
        V = np.eye(n) - rho * np.outer(y, s)
        H = V.T @ H @ V + rho * np.outer(s, s)
    return H


def lbfgs(case, steps=2 * STEPS):
    theta, pairs, path = case.start.clone(), [], []
    for _ in range(steps):
        g = case.gradient(theta).numpy()
        if path:
            s, y = theta.numpy() - before, g - g_before
            assert s @ y > 1e-6 * np.linalg.norm(s) * np.linalg.norm(y)  # no case close to the decision
            pairs = (pairs + [(s, y)])[-LBFGS["memory"] :]
        d = inverse_hessian(pairs, len(g)) @ g
        if not pairs:
            d = g / max(1, np.linalg.norm(g))
        step, loss = 1.0, case.loss(theta).item()
        for _ in range(LBFGS["reductions"]):
            ahead = case.loss(theta - step * torch.tensor(d)).item()
            margin = loss - LBFGS["c"] * step * (d @ g) - ahead
            assert abs(margin) > 1e-9 * loss
            if margin > 0:
                break
            step *= LBFGS["tau"]
        before, g_before = theta.numpy().copy(), g
        theta = theta - step * torch.tensor(d)
        path.append(theta.numpy())
    return path


def orthogonal(g):
    u, s, vt = torch.linalg.svd(g, full_matrices=False)
    return u @ torch.diag(s / s.clamp(min=FLOOR)) @ vt


def column_normalized(g):
    return g / torch.linalg.norm(g, dim=0, keepdim=True).clamp(min=FLOOR)


def first_order(case, optimizer, matrix=None, grokfast=False):
    """torch.optim's steps on gradients whose matrices went through `matrix`, or through Grokfast's average."""
    parts = [torch.nn.Parameter(p.clone()) for p in case.split(case.start)]
    steps = {
        "sgd": lambda: torch.optim.SGD(parts, lr=0.05, momentum=0.9, weight_decay=0.01),
        "adam": lambda: torch.optim.Adam(parts, lr=0.01, weight_decay=0.01),
        "adamw": lambda: torch.optim.AdamW(parts, lr=0.01, weight_decay=0.1),
    }[optimizer]()
    average, path = None, []
    for _ in range(STEPS):
        gradients = case.split(case.gradient(torch.cat([p.detach().flatten() for p in parts])))
        if grokfast:
            average = gradients if average is None else average  # as the authors' code begins
            k = GROKFAST["decay"]
            average = [k * m + (1 - k) * g for m, g in zip(average, gradients)]
            gradients = [g + GROKFAST["gain"] * m for g, m in zip(gradients, average)]
        for p, g in zip(parts, gradients):
            p.grad = matrix(g) if matrix and g.ndim == 2 else g.clone()
        steps.step()
        path.append(torch.cat([p.detach().flatten() for p in parts]).numpy().copy())
    return path


def compute():
    squared, classes = Case("small_tanh"), Case("classes")
    found = {}
    for name, case in (("small_tanh", squared), ("classes", classes)):
        for s in EXPONENTS[name]:
            found[f"{name}/fractional_{s:g}"] = fractional(case, s)
        found[f"{name}/lbfgs"] = lbfgs(case)
    for optimizer in ("sgd", "adam", "adamw"):
        found[f"small_tanh/grokfast_{optimizer}"] = first_order(squared, optimizer, grokfast=True)
    for optimizer in ("sgd", "adam"):
        found[f"small_tanh/orthogonal_{optimizer}"] = first_order(squared, optimizer, orthogonal)
        found[f"small_tanh/column_normalized_{optimizer}"] = first_order(squared, optimizer, column_normalized)
    return {name: np.array(path) for name, path in found.items()}


def main():
    return serve(__doc__, {"comparators": lambda: (compute(), {})}, lambda _, a: "\n".join(
        f"{n:36s} {t.shape[0]} x {t.shape[1]}, moved {np.linalg.norm(t[-1] - t[0]):.3g}" for n, t in a.items()))


if __name__ == "__main__":
    sys.exit(main())
