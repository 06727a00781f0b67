#!/usr/bin/env python3
"""Write float64 reference values for the drift observer: small networks and their linearised companions, trained.

Jacobians are PyTorch's autograd; kernels, centring matrices, singular vectors (of J_0 itself) and solves are NumPy's,
dense. No code is shared with the engine under test.

    python make_drift.py [--out DIR]
    python make_drift.py --compare      writes nothing; compares a fresh computation with the files present
"""

import sys

import numpy as np
import torch

from reference_files import serve

STEPS = (3, 10)  # that are looked at
RATE, LM_RATE, MU = 0.2, 0.5, 0.05
CASES = {"drift_squared": (2, 6, 2), "drift_classes": (2, 6, 3)}
SAMPLES, TEST = 6, 5


class Case:
    def __init__(self, name):
        rng = np.random.default_rng(20240611 + len(name))
        d, h, c = CASES[name]
        self.classes = name == "drift_classes"
        self.shapes = {"layers.0.weight": (h, d), "layers.0.bias": (h,), "layers.1.weight": (c, h), "layers.1.bias": (c,)}
        self.theta0 = np.concatenate([rng.uniform(-1, 1, size=s).ravel() for s in self.shapes.values()])
        self.x, self.x_test = rng.uniform(-2, 2, size=(SAMPLES, d)), rng.uniform(-2, 2, size=(TEST, d))
        self.y, self.y_test = (self.targets(rng, n, c) for n in (SAMPLES, TEST))
        self.c = c

    def targets(self, rng, n, c):
        if self.classes:
            return np.eye(c)[rng.permutation(n) % c]
        return rng.uniform(-1, 1, size=(n, c))

    def network(self, theta, x):
        parts = torch.split(theta, [int(np.prod(s)) for s in self.shapes.values()])
        w0, b0, w1, b1 = (p.reshape(s) for p, s in zip(parts, self.shapes.values()))
        return torch.tanh(x @ w0.T + b0) @ w1.T + b1

    def f(self, theta, x):
        return self.network(torch.from_numpy(theta), torch.from_numpy(x)).numpy().ravel()

    def jacobian(self, theta, x):
        net = lambda t: self.network(t, torch.from_numpy(x)).ravel()
        return torch.autograd.functional.jacobian(net, torch.from_numpy(theta)).numpy()

    def probabilities(self, f):
        f = f.reshape(-1, self.c)
        e = np.exp(f - f.max(axis=1, keepdims=True))
        return e / e.sum(axis=1, keepdims=True)

    def residual(self, f, y):
        return ((self.probabilities(f) if self.classes else f.reshape(y.shape)) - y).ravel()

    def loss(self, f, y):
        if self.classes:
            return -np.sum(y * np.log(self.probabilities(f))) / len(y)
        return np.mean((f.reshape(y.shape) - y) ** 2)

    def accuracy(self, f, y):
        return np.mean(f.reshape(y.shape).argmax(axis=1) == y.argmax(axis=1))


def direction(case, rule, f, J):
    """What a step subtracts, from the outputs and the Jacobian on the training set."""
    r, n, m = case.residual(f, case.y), len(case.y), case.y.size
    if rule == "gd":
        return RATE * J.T @ r / (n if case.classes else m / 2)
    H, w = np.eye(m), 1.0
    if case.classes:  # ggn: the mean curvature of cross-entropy
        w = 1.0 / n
        H = np.zeros((m, m))
        for i, p in enumerate(case.probabilities(f)):
            rows = slice(i * case.c, (i + 1) * case.c)
            H[rows, rows] = np.diag(p) - np.outer(p, p)
    return LM_RATE * np.linalg.solve(w * J.T @ H @ J + MU * np.eye(J.shape[1]), w * J.T @ r)


def spread(values):
    """Uniformity and Gini of values >= 0."""
    share = values / values.sum()
    entropy = -sum(s * np.log(s) for s in share if s > 0)
    gini = np.abs(values[:, None] - values[None, :]).sum() / (2 * len(values) * values.sum())
    return np.exp(entropy) / len(values), gini


def centring(case):
    n = len(case.y)
    return np.kron(np.eye(n) - np.ones((n, n)) / n, np.eye(case.c))


def look(case, theta, companion):
    """All that is observed at theta, where the companion's parameters are `companion`."""
    J0, J = case.jacobian(case.theta0, case.x), case.jacobian(theta, case.x)
    K0, K, C = J0 @ J0.T, J @ J.T, centring(case)
    centred, centred0, y = C @ K @ C, C @ K0 @ C, C @ case.y.ravel()
    U, sigma, Vt = np.linalg.svd(J0, full_matrices=False)
    assert sigma[-1] > 1e-4 * sigma[0] and np.min(-np.diff(sigma)) > 1e-3 * sigma[-1]
    moved = theta - case.theta0
    c = U.T @ case.residual(case.f(theta, case.x), case.y)
    c0 = U.T @ case.residual(case.f(case.theta0, case.x), case.y)
    progress = np.clip(1 - np.abs(c) / np.abs(c0), 0, 1)
    d = Vt @ moved
    lines = {s: case.f(case.theta0, x) + case.jacobian(case.theta0, x) @ (companion - case.theta0)
             for s, x in (("train", case.x), ("test", case.x_test))}
    now, start = case.f(theta, case.x_test), case.f(case.theta0, case.x_test)
    found = {
        "kernel_drift": np.linalg.norm(K - K0) / np.linalg.norm(K0),
        "cka": np.sum(centred * centred0) / (np.linalg.norm(centred) * np.linalg.norm(centred0)),
        "kernel_target_alignment": y @ K @ y / (np.linalg.norm(C @ K) * (y @ y)),
        "progress": progress,
        "displacement": np.abs(d),
        "subspace_residency": np.sum(d**2) / np.sum(moved**2),
        "linearisation_gap": np.linalg.norm(now - lines["test"]) / np.linalg.norm(now - start),
        "companion_loss_train": case.loss(lines["train"], case.y),
        "companion_loss_test": case.loss(lines["test"], case.y_test),
    }
    found["uniformity"], found["gini"] = spread(progress)
    found["displacement_uniformity"], found["displacement_gini"] = spread(d**2)
    if case.classes:
        found["companion_accuracy_train"] = case.accuracy(lines["train"], case.y)
        found["companion_accuracy_test"] = case.accuracy(lines["test"], case.y_test)
    return found


def run(case, rule):
    theta, companion = case.theta0.copy(), case.theta0.copy()
    f0, J0 = case.f(case.theta0, case.x), case.jacobian(case.theta0, case.x)
    rows = []
    for step in range(1, STEPS[-1] + 1):
        theta = theta - direction(case, rule, case.f(theta, case.x), case.jacobian(theta, case.x))
        companion = companion - direction(case, rule, f0 + J0 @ (companion - case.theta0), J0)
        if step in STEPS:
            rows.append(look(case, theta, companion))
    return {k: np.array([row[k] for row in rows]) for k in rows[0]}


def regression(case):
    J, test = case.jacobian(case.theta0, case.x), case.jacobian(case.theta0, case.x_test)
    f0 = case.f(case.theta0, case.x)
    f = case.f(case.theta0, case.x_test) + test @ J.T @ np.linalg.solve(J @ J.T, case.y.ravel() - f0)
    found = {"kernel_regression_loss_test": np.mean((f - case.y_test.ravel()) ** 2)}
    if case.classes:
        found["kernel_regression_accuracy_test"] = case.accuracy(f, case.y_test)
    return found


def compute(name):
    case = Case(name)
    arrays = {"inputs": case.x, "targets": case.y, "test_inputs": case.x_test, "test_targets": case.y_test}
    sizes = np.cumsum([int(np.prod(s)) for s in case.shapes.values()])[:-1]
    for (k, s), part in zip(case.shapes.items(), np.split(case.theta0, sizes)):
        arrays[f"params/{k}"] = part.reshape(s)
    for rule in ("gd", "lm"):
        arrays.update({f"{rule}/{k}": v for k, v in run(case, rule).items()})
    arrays.update(regression(case))
    return arrays


def say(name, arrays):
    lines = [f"{name} {rule} " + str({k: np.round(v, 4).tolist() for k, v in arrays.items() if k.startswith(rule) and v.ndim == 1})
             for rule in ("gd", "lm")]
    return "\n".join(lines + [str({k: float(v) for k, v in arrays.items() if np.ndim(v) == 0})])


def main():
    settings = {"rate": RATE, "lm_rate": LM_RATE, "mu": MU}
    return serve(__doc__, {name: lambda name=name: (compute(name), settings) for name in CASES}, say)


if __name__ == "__main__":
    sys.exit(main())
