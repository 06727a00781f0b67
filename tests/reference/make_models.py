#!/usr/bin/env python3
"""Write float64 reference values for cross-entropy and for the quadratic and committee networks.

One HDF5 file a case, described in README.md. Derivatives are PyTorch's autograd; the output Hessian is autograd's too,
through the loss as a function of the outputs, and not the formula diag(p) - p p'. Solves are NumPy's on dense matrices.
No code is shared with the engine under test.

    python make_models.py [--out DIR]
    python make_models.py --compare      writes nothing; compares a fresh computation with the files present
"""

import sys

import numpy as np
import torch

from reference_files import serve

STEPS, ETA, MU, DECAY = 5, 0.5, 0.1, 0.05


def uniform(rng, *shape):
    return torch.from_numpy(rng.uniform(-1.0, 1.0, size=shape))


def one_hot(classes, count):
    return torch.nn.functional.one_hot(torch.from_numpy(classes), count).double()


def unflatten(theta, shapes):
    sizes = [int(np.prod(s)) for s in shapes.values()]
    return {n: part.reshape(s) for (n, s), part in zip(shapes.items(), torch.split(theta, sizes))}


# ---- networks: outputs (N x C) from the flat parameters ----


def tanh_mlp(p, x):
    h = torch.tanh(x @ p["layers.0.weight"].T + p["layers.0.bias"])
    return h @ p["layers.1.weight"].T + p["layers.1.bias"]


def quadratic(alpha):
    def net(p, x):
        w0, w1 = p["layers.0.weight"], p["layers.1.weight"]
        return alpha**2 / (w0.shape[1] * w0.shape[0]) * ((x @ w0.T) ** 2 @ w1.T)

    return net


def committee(alpha, epsilon, origin):
    def raw(w, x):
        h = x @ w.T
        return alpha * (h + 0.5 * epsilon * h**2).mean(dim=1, keepdim=True)

    return lambda p, x: raw(p["layers.0.weight"], x) - raw(origin, x)


# ---- losses: of the outputs; `measure` times the mean loss has the gradient J'r ----


def squared(f, y):
    return ((f - y) ** 2).mean()


def cross_entropy(f, y):
    return torch.nn.functional.cross_entropy(f, y)  # y: probabilities


def linearize(net, shapes, loss, measure, theta, x, y, rng):
    """What the files hold at theta."""
    f = net(unflatten(theta, shapes), x)
    M, P = f.numel(), theta.numel()
    J = torch.autograd.functional.jacobian(lambda t: net(unflatten(t, shapes), x).reshape(-1), theta)
    of_outputs = lambda o: measure * loss(o.reshape(f.shape), y)
    r = torch.autograd.functional.jacobian(of_outputs, f.reshape(-1))
    H = torch.autograd.functional.hessian(of_outputs, f.reshape(-1))
    g = torch.autograd.functional.jacobian(lambda t: loss(net(unflatten(t, shapes), x), y), theta)
    assert torch.allclose(J.T @ r / measure, g, rtol=1e-12, atol=1e-14)
    v = uniform(rng, P)
    arrays = {"outputs": f, "loss": loss(f, y), "gradient": g, "residual": r, "jacobian": J}
    arrays |= {"ggn_v": v, "ggn_product": J.T @ (H @ (J @ v)), "ntk": J @ J.T}
    assert J.shape == (M, P)
    return {k: a.numpy() for k, a in arrays.items()}, H.numpy()


def solve(arrays, H, theta, weight, mu, decay):
    J, r = arrays["jacobian"], arrays["residual"]
    A = weight * J.T @ H @ J + mu * np.eye(J.shape[1])
    d = np.linalg.solve(A, weight * J.T @ r + decay * theta)
    assert np.linalg.norm(A @ d - weight * J.T @ r - decay * theta) < 1e-12 * np.linalg.norm(J.T @ r)
    return d


def compute(net, shapes, loss, x, y, rng):
    """Arrays of a case. Weights are uniform in +-sqrt(3/fan_in), as those of make_reference.py."""
    theta = torch.cat(
        [uniform(rng, int(np.prod(s))) * (np.sqrt(3.0 / s[1]) if len(s) == 2 else 0.35) for s in shapes.values()]
    )
    terms = len(x) if loss is cross_entropy else y.numel()
    measure = terms if loss is cross_entropy else terms / 2
    arrays, H = linearize(net, shapes, loss, measure, theta, x, y, rng)
    t = theta.numpy()
    arrays["directions/lm"] = solve(arrays, H, t, 1.0, MU, 0.0)
    arrays["directions/ggn"] = solve(arrays, H, t, 1.0 / terms, MU, 0.0)
    arrays["directions/ggn_decay"] = solve(arrays, H, t, 1.0 / terms, MU, DECAY)
    path, losses, point = [t], [float(arrays["loss"])], theta
    for _ in range(STEPS):
        at, h = linearize(net, shapes, loss, measure, point, x, y, rng)
        point = point - ETA * torch.from_numpy(lm(at, h))
        path.append(point.numpy())
        losses.append(float(loss(net(unflatten(point, shapes), x), y)))
    arrays["trajectory/lm"], arrays["loss_trajectory/lm"] = np.array(path), np.array(losses)
    arrays |= {f"params/{n}": p.numpy() for n, p in unflatten(theta, shapes).items()}
    return arrays | {"inputs": x.numpy(), "targets": y.numpy()}


def lm(arrays, H):
    return solve(arrays, H, np.zeros(arrays["jacobian"].shape[1]), 1.0, MU, 0.0)


# ---- cases ----


def classes_case():
    rng = np.random.RandomState(41)
    shapes = {"layers.0.weight": (6, 3), "layers.0.bias": (6,), "layers.1.weight": (4, 6), "layers.1.bias": (4,)}
    x, y = uniform(rng, 9, 3), one_hot(np.array([0, 1, 2, 3, 0, 1, 2, 3, 3]), 4)
    return compute(tanh_mlp, shapes, cross_entropy, x, y, rng), {}


def quadratic_case():
    rng = np.random.RandomState(42)
    pairs = np.array([(a, b) for a in range(3) for b in range(3)])
    x = torch.cat([one_hot(pairs[:, 0], 3), one_hot(pairs[:, 1], 3)], dim=1)
    y = one_hot(pairs.sum(axis=1) % 3, 3)
    shapes = {"layers.0.weight": (5, 6), "layers.1.weight": (3, 5)}
    return compute(quadratic(1.5), shapes, squared, x, y, rng), {"alpha": 1.5}


def committee_case():
    rng = np.random.RandomState(43)
    x = uniform(rng, 8, 4)
    y = (x @ uniform(rng, 4, 1)) ** 2
    origin = uniform(rng, 7, 4)
    arrays = compute(committee(2.0, 0.25, origin), {"layers.0.weight": (7, 4)}, squared, x, y, rng)
    arrays["params0/layers.0.weight"] = origin.numpy()
    return arrays, {"alpha": 2.0, "epsilon": 0.25}


CASES = {"classes": classes_case, "quadratic_network": quadratic_case, "committee_network": committee_case}


def main():
    torch.set_num_threads(1)

    def made(make):
        arrays, attributes = make()
        return arrays, attributes | {"mu": MU, "decay": DECAY, "eta": ETA}

    return serve(__doc__, {name: lambda make=make: made(make) for name, make in CASES.items()}, lambda name, a:
                 f"{name:20s} M={len(a['residual'])} P={len(a['gradient'])} loss {a['loss']:.6g}")


if __name__ == "__main__":
    sys.exit(main())
