#!/usr/bin/env python3
"""Write the independent float64 reference values for the network, linearization, solver and optimiser tests.

One HDF5 file a case, described in README.md. The derivatives come from PyTorch's autograd in float64 and from nothing
else; the solves are done in 50-digit arithmetic on the stored Jacobian and residual, and checked here against two
float64 formulas. No code is shared with the engine under test.

    python make_reference.py                 writes every case beside this file
    python make_reference.py --out DIR       writes them elsewhere
    python make_reference.py --compare       writes nothing; compares a fresh computation with the files present

Shapes in letters: N samples, C outputs, M = N*C residuals, P parameters.
"""

import argparse
import copy
import pathlib
import sys
from dataclasses import dataclass

import h5py
import mpmath
import numpy as np
import torch

HERE = pathlib.Path(__file__).resolve().parent
EPS = 2.0**-52
STEPS = 5
TRAJECTORY_LM = {"eta": 0.5, "mu": 0.1}
CUTOFFS = (1e-6, 1e-5, 1e-7, 1e-4, 1e-8)  # the first one that no eigenvalue comes near is used
PRIMAL_LIMIT = 1000  # above this P no P x P problem is solved


@dataclass(frozen=True)
class Case:
    name: str
    widths: tuple
    activation: str
    samples: int
    seed: int
    bias: bool = True
    output_scale: float = 1.0
    centred: bool = False
    distinct: int = 0  # if positive, the inputs repeat after this many rows, so that the NTK is singular
    multi_sine: bool = False  # the one-dimensional regression target on a grid, instead of random data
    compact: bool = False  # too many parameters to store the Jacobian and the trajectories whole


SMALL = (3, 7, 5, 2)
ACTIVATION_SEEDS = {  # relu's keeps every preactivation away from the kink, see check_kinks
    "tanh": 10,
    "relu": 73,
    "gelu": 12,
    "sin": 13,
    "sigmoid": 14,
    "softplus": 15,
    "quadratic": 16,
    "identity": 17,
}
CASES = (
    Case("tanh_80_80", (1, 80, 80, 1), "tanh", 20, seed=21, multi_sine=True, compact=True),
    Case("tanh_80", (1, 80, 1), "tanh", 30, seed=2, multi_sine=True),
    *(Case(f"small_{a}", SMALL, a, 6, seed=seed) for a, seed in ACTIVATION_SEEDS.items()),
    Case("small_no_bias", SMALL, "tanh", 6, seed=30, bias=False),
    Case("small_scaled", SMALL, "tanh", 6, seed=31, output_scale=0.37),
    Case("small_centred", SMALL, "tanh", 6, seed=32, centred=True),
    Case("single_linear", (4, 3), "tanh", 8, seed=33),
    Case("wide_output", (2, 3, 4), "tanh", 12, seed=34),
    Case("rank_deficient", SMALL, "tanh", 6, seed=35, distinct=3),
)


# ---------------------------------------------------------------------------------------------------------------------
# The network
# ---------------------------------------------------------------------------------------------------------------------

ACTIVATION_FUNCTIONS = {
    "tanh": torch.tanh,
    "relu": torch.relu,
    "gelu": lambda z: torch.nn.functional.gelu(z, approximate="none"),
    "sin": torch.sin,
    "sigmoid": torch.sigmoid,
    # PyTorch's softplus turns linear above its threshold, 20 by default, where the true value still differs by 2e-9.
    "softplus": lambda z: torch.nn.functional.softplus(z, beta=1.0, threshold=500.0),
    "quadratic": lambda z: z * z,
    "identity": lambda z: z,
}


class Mlp(torch.nn.Module):
    """Linear layers with an activation between them and none after the last; PyTorch itself names the parameters."""

    def __init__(self, widths, activation, bias):
        super().__init__()
        pairs = zip(widths[:-1], widths[1:])
        self.layers = torch.nn.ModuleList(torch.nn.Linear(i, o, bias=bias, dtype=torch.float64) for i, o in pairs)
        self.activation = ACTIVATION_FUNCTIONS[activation]

    def preactivations(self, x):
        """The output of every linear layer; the last is the network's own."""
        z = [self.layers[0](x)]
        for layer in self.layers[1:]:
            z.append(layer(self.activation(z[-1])))
        return z

    def forward(self, x):
        return self.preactivations(x)[-1]


class Problem:
    """A network with its data: f(theta) = output_scale * (net(theta) - net(theta_0) if centred)."""

    def __init__(self, case):
        rng = np.random.RandomState(case.seed)  # the one NumPy generator whose stream is frozen for good
        self.case = case
        self.net = Mlp(case.widths, case.activation, case.bias)
        self.names = [name for name, _ in self.net.named_parameters()]
        draw_parameters(self.net, rng)
        self.origin = None
        if case.centred:
            self.origin = copy.deepcopy(self.net)
            draw_parameters(self.origin, rng)
        inputs, targets = draw_data(case, rng)
        self.x, self.y = torch.from_numpy(inputs), torch.from_numpy(targets)
        self.M, self.P = self.y.numel(), sum(p.numel() for p in self.net.parameters())
        self.v, self.u = rng.standard_normal(self.P), rng.standard_normal(self.M)
        if case.compact:
            self.v = np.sign(self.v)  # stored in a byte an entry

    def parameters(self):
        return list(self.net.parameters())

    def f(self, x, parameters=None):
        """Outputs, len(x) x C, at the network's own parameters or at those given."""
        if parameters is None:
            out = self.net(x)
        else:
            out = torch.func.functional_call(self.net, dict(zip(self.names, parameters)), (x,))
        if self.origin is not None:
            out = out - self.origin(x).detach()
        return self.case.output_scale * out

    def mean_loss(self):
        return torch.mean((self.f(self.x) - self.y) ** 2)

    def theta(self):
        return flatten(self.parameters())

    def set_theta(self, theta):
        with torch.no_grad():
            for p, value in zip(self.parameters(), self.split(theta)):
                p.copy_(value)

    def split(self, flat):
        """A flat vector as tensors of the parameters' shapes: declaration order, row-major."""
        shapes = [p.shape for p in self.parameters()]
        pieces = torch.split(torch.from_numpy(np.ascontiguousarray(flat)), [s.numel() for s in shapes])
        return [piece.reshape(s) for piece, s in zip(pieces, shapes)]


def flatten(tensors):
    return torch.cat([t.detach().reshape(-1) for t in tensors]).numpy().copy()


def draw_parameters(net, rng):
    """Weights uniform in +-sqrt(3 / fan_in); biases uniform in +-0.35, not zero, so that they are tested."""
    with torch.no_grad():
        for p in net.parameters():
            bound = np.sqrt(3.0 / p.shape[1]) if p.dim() == 2 else 0.35
            p.copy_(torch.from_numpy(rng.uniform(-bound, bound, size=tuple(p.shape))))


def draw_data(case, rng):
    """Inputs N x in and targets N x C."""
    if case.multi_sine:
        x = -1.0 + 2.0 * np.arange(case.samples) / case.samples
        y = sum(k * np.sin((2 * k + 1) * np.pi * x - k) for k in (1, 2, 3)) / 3.0
        return x[:, None], y[:, None]
    x = rng.uniform(-1.0, 1.0, size=(case.samples, case.widths[0]))
    y = rng.uniform(-1.0, 1.0, size=(case.samples, case.widths[-1]))
    if case.distinct:
        x = x[np.arange(case.samples) % case.distinct]
    return x, y


# ---------------------------------------------------------------------------------------------------------------------
# Derivatives
# ---------------------------------------------------------------------------------------------------------------------


def outputs_and_jacobian(problem):
    """Outputs N x C and Jacobian M x P, one backward pass a row.

    Each sample goes through the network alone, so that equal samples give equal bits whatever the batch is.
    """
    outputs, rows = [], []
    for n in range(problem.case.samples):
        out = problem.f(problem.x[n : n + 1])[0]
        outputs.append(out.detach().numpy().copy())
        for value in out:
            rows.append(flatten(torch.autograd.grad(value, problem.parameters(), retain_graph=True)))
    return np.array(outputs), np.array(rows)


def linearize(problem):
    """Every first-order quantity at the current parameters, as float64 arrays under their names in the file."""
    outputs, J = outputs_and_jacobian(problem)
    loss = problem.mean_loss()
    gradient = torch.autograd.grad(loss, problem.parameters())
    parameters = tuple(p.detach() for p in problem.parameters())
    _, jvp = torch.func.jvp(lambda *p: problem.f(problem.x, p), parameters, tuple(problem.split(problem.v)))
    u = torch.from_numpy(problem.u).reshape(problem.y.shape)
    vjp = torch.autograd.grad(problem.f(problem.x), problem.parameters(), grad_outputs=u)
    return {
        "outputs": outputs,
        "residual": (outputs - problem.y.numpy()).reshape(-1),
        "loss": loss.item(),
        "gradient": flatten(gradient),
        "jacobian": J,
        "ntk": J @ J.T,
        "jvp_v": problem.v,
        "jvp": jvp.detach().numpy().reshape(-1),
        "vjp_u": problem.u,
        "vjp": flatten(vjp),
        "diagonal": np.sum(J * J, axis=0),
    }


def relative_error(value, reference):
    """Largest deviation over the largest reference entry: the one measure used here and advised to the tests."""
    return np.max(np.abs(np.asarray(value) - reference)) / np.max(np.abs(reference))


def check_derivatives(problem, values):
    """Autograd against itself (reverse, forward, whole loss) and against central differences."""
    J, r = values["jacobian"], values["residual"]
    checks = {
        "batch": relative_error(problem.f(problem.x).detach().numpy(), values["outputs"]),
        "loss": relative_error(np.mean(r * r), values["loss"]),
        "gradient": relative_error(2.0 / problem.M * J.T @ r, values["gradient"]),
        "jvp": relative_error(J @ problem.v, values["jvp"]),
        "vjp": relative_error(J.T @ problem.u, values["vjp"]),
    }
    for name, error in checks.items():
        assert error < 1e-13, f"{problem.case.name}: {name} disagrees with the Jacobian by {error:.1e}"
    difference = central_difference_error(problem, J)
    assert difference < 1e-8, f"{problem.case.name}: Jacobian is {difference:.1e} from central differences"
    return max(checks.values()), difference


def central_difference_error(problem, J):
    theta, step = problem.theta(), 2.0**-17  # near the cube root of EPS, and exact to add
    columns = np.empty_like(J)
    with torch.no_grad():
        for p in range(problem.P):
            shifted = []
            for sign in (+1.0, -1.0):
                moved = theta.copy()
                moved[p] += sign * step
                problem.set_theta(moved)
                shifted.append((problem.f(problem.x).numpy().reshape(-1), moved[p]))
            columns[:, p] = (shifted[0][0] - shifted[1][0]) / (shifted[0][1] - shifted[1][1])
    problem.set_theta(theta)
    return relative_error(columns, J)


# ---------------------------------------------------------------------------------------------------------------------
# Directions
# ---------------------------------------------------------------------------------------------------------------------
#
# Every direction is J^T g(K) r with K = J J^T and a scalar gain g on its eigenvalues:
#   damped, curvature sum    (J^T J + mu I)^-1 J^T r              g = 1 / (lambda + mu)
#   damped, curvature mean   (J^T J / M + mu I)^-1 J^T r / M      g = 1 / (lambda + M mu)
#   pseudo-inverse           J^+ r                                g = 1 / lambda, or 0 at and below the cut-off
# so a direction is given by the damping that it adds to K, or by its cut-off relative to the largest eigenvalue.


def direction_rules(M, cutoff):
    return {
        "lm": {"damping": 0.1, "mu": 0.1, "curvature": "sum"},
        "lm_small": {"damping": 1e-6, "mu": 1e-6, "curvature": "sum"},
        "lm_mean": {"damping": 0.1 * M, "mu": 0.1, "curvature": "mean"},
        "gn": {"cutoff": cutoff, "curvature": "sum"},
    }


def gain(rule, eigenvalue, largest):
    if "damping" in rule:
        return 1 / (eigenvalue + rule["damping"])
    return 1 / eigenvalue if eigenvalue > rule["cutoff"] * largest else 0 * eigenvalue


class ExactSolver:
    """The directions of a given float64 J and r, in 50-digit arithmetic and rounded once."""

    def __init__(self, J, r):
        exact = np.vectorize(mpmath.mpf, otypes=[object])
        self.J, self.r = exact(J), exact(r)
        K = self.J @ self.J.T
        values, vectors = mpmath.eigsy(mpmath.matrix(K.tolist()))
        self.values = np.array(list(values), dtype=object)
        self.vectors = np.array(vectors.tolist(), dtype=object)
        defect = np.max(np.abs(K @ self.vectors - self.vectors * self.values)) / self.values[-1]
        assert defect < 1e-40, f"the eigendecomposition is only good to {float(defect):.1e}"
        assert all(a <= b for a, b in zip(self.values, self.values[1:])), "eigenvalues are not ascending"

    def eigenvalues(self):
        """Ascending; those that J owes to its own rounding (singular values below that of J) are set to zero."""
        floor = self.values[-1] * (max(self.J.shape) * EPS) ** 2
        return np.array([float(v) if v > floor else 0.0 for v in self.values])

    def direction(self, rule):
        gains = np.array([gain(rule, value, self.values[-1]) for value in self.values], dtype=object)
        return (self.J.T @ (self.vectors @ (gains * (self.vectors.T @ self.r)))).astype(np.float64)


def choose_cutoff(eigenvalues):
    for cutoff in CUTOFFS:
        ratio = eigenvalues / (cutoff * eigenvalues[-1])
        if not np.any((ratio > 1.0 / 3.0) & (ratio < 3.0)):
            return cutoff
    raise AssertionError("every cut-off tried has an eigenvalue within a factor of three")


def dual_direction(rule, K, J, r):
    """From K = J J^T, M x M, in float64."""
    if "damping" in rule:
        return J.T @ np.linalg.solve(K + rule["damping"] * np.eye(len(K)), r)
    values, Q = np.linalg.eigh(K)
    return J.T @ (Q @ (np.array([gain(rule, v, values[-1]) for v in values]) * (Q.T @ r)))


def primal_direction(rule, J, r):
    """From J^T J, P x P, in float64."""
    G = J.T @ J
    if "damping" in rule:
        return np.linalg.solve(G + rule["damping"] * np.eye(len(G)), J.T @ r)
    values, V = np.linalg.eigh(G)
    return V @ (np.array([gain(rule, v, values[-1]) for v in values]) * (V.T @ (J.T @ r)))


def jacobian_direction(rule, J, r):
    """From J alone in float64: neither J J^T nor J^T J, which square its condition, is formed."""
    M, P = J.shape
    if "damping" in rule and P <= PRIMAL_LIMIT:
        augmented = np.vstack([J, np.sqrt(rule["damping"]) * np.eye(P)])
        return np.linalg.lstsq(augmented, np.concatenate([r, np.zeros(P)]), rcond=None)[0]
    if "damping" in rule:
        U, s, Vt = np.linalg.svd(J, full_matrices=False)
        return Vt.T @ (s / (s * s + rule["damping"]) * (U.T @ r))
    return np.linalg.pinv(J, rcond=np.sqrt(rule["cutoff"])) @ r


def conditions(rule, eigenvalues, P):
    """Condition numbers of K + damping and of J^T J + damping, or of either on the kept eigenvalues."""
    largest = eigenvalues[-1]
    if "cutoff" in rule:
        kept = largest / eigenvalues[eigenvalues > rule["cutoff"] * largest][0]
        return {"dual": kept, "primal": kept}
    smallest = {"dual": eigenvalues[0], "primal": eigenvalues[-P] if P <= len(eigenvalues) else 0.0}
    return {side: (largest + rule["damping"]) / (low + rule["damping"]) for side, low in smallest.items()}


def amplification(rule, J, r, seed):
    """How many times a relative error in every entry of (J and r) or of (J J^T) comes out larger in the direction.

    The worst of eight random perturbations with entries uniform in +-1, each far above rounding and far below anything
    non-linear.
    """
    rng, delta, K = np.random.RandomState(seed), 1e-12, J @ J.T
    from_jacobian, from_gram = jacobian_direction(rule, J, r), dual_direction(rule, K, J, r)
    worst = [0.0, 0.0]

    def noise(a):
        return a * (1.0 + delta * rng.uniform(-1.0, 1.0, size=a.shape))

    for _ in range(8):
        moved_K = noise(K)
        moved_K = np.tril(moved_K) + np.tril(moved_K, -1).T
        moved = (jacobian_direction(rule, noise(J), noise(r)), dual_direction(rule, moved_K, J, r))
        for i, (new, old) in enumerate(zip(moved, (from_jacobian, from_gram))):
            worst[i] = max(worst[i], relative_error(new, old) / delta)
    return worst


def directions(problem, values, report):
    """All directions, their rules and what is known of their conditioning; float64 formulas are held against them."""
    J, r, name = values["jacobian"], values["residual"], problem.case.name
    solver = ExactSolver(J, r)
    eigenvalues = solver.eigenvalues()
    rules = direction_rules(problem.M, choose_cutoff(eigenvalues))
    found, conditioning = {}, {"conditioning": spectrum_facts(eigenvalues, rules["gn"]["cutoff"])}
    for label, rule in rules.items():
        found[label] = solver.direction(rule)
        kappa = conditions(rule, eigenvalues, problem.P)
        errors = float64_errors(rule, J, r, found[label])
        for way, error in errors.items():
            bound = 1e-11 if label in ("lm", "lm_mean") else 1e-11 + 20.0 * EPS * max(kappa.values())
            assert error < bound, f"{name}: {label} by {way} is off by {error:.1e}, allowed {bound:.1e}"
        from_jacobian, from_gram = amplification(rule, J, r, problem.case.seed)
        facts = {f"{side}_condition": value for side, value in kappa.items()}
        facts |= {f"{way}_error": error for way, error in errors.items()}
        facts |= {"jacobian_amplification": from_jacobian, "gram_amplification": from_gram}
        conditioning[f"conditioning/{label}"] = facts
        report.append(f"{label} " + "/".join(f"{error:.0e}" for error in errors.values()))
    return found, rules, eigenvalues, conditioning


def float64_errors(rule, J, r, exact):
    """How far three float64 formulas land from the exact direction."""
    ways = {"jacobian": jacobian_direction(rule, J, r), "dual": dual_direction(rule, J @ J.T, J, r)}
    if J.shape[1] <= PRIMAL_LIMIT:
        ways["primal"] = primal_direction(rule, J, r)
    return {way: relative_error(direction, exact) for way, direction in ways.items()}


def spectrum_facts(eigenvalues, cutoff):
    largest = eigenvalues[-1]
    kept = eigenvalues[eigenvalues > cutoff * largest]
    dropped = eigenvalues[eigenvalues <= cutoff * largest]
    return {
        "lambda_max": largest,
        "lambda_min": eigenvalues[0],
        "rank": int(np.sum(eigenvalues > 0.0)),
        "gn_kept": len(kept),
        "gn_smallest_kept": kept[0],
        "gn_largest_dropped": dropped[-1] if len(dropped) else 0.0,
    }


# ---------------------------------------------------------------------------------------------------------------------
# Trajectories
# ---------------------------------------------------------------------------------------------------------------------


def lm_stepper(problem):
    """theta <- theta - eta (J^T J + mu I)^-1 J^T r; solved through the SVD, the most accurate of the formulas."""

    def step():
        outputs, J = outputs_and_jacobian(problem)
        r = (outputs - problem.y.numpy()).reshape(-1)
        U, s, Vt = np.linalg.svd(J, full_matrices=False)
        direction = Vt.T @ (s / (s * s + TRAJECTORY_LM["mu"]) * (U.T @ r))
        problem.set_theta(problem.theta() - TRAJECTORY_LM["eta"] * direction)

    return step


def torch_stepper(make_optimizer):
    def stepper(problem):
        optimizer = make_optimizer(problem.parameters())

        def step():
            optimizer.zero_grad()
            problem.mean_loss().backward()
            optimizer.step()

        return step

    return stepper


STEPPERS = {
    "lm": lm_stepper,
    "adamw": torch_stepper(
        lambda p: torch.optim.AdamW(p, lr=1e-2, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.1, foreach=False)
    ),
    "adam": torch_stepper(
        lambda p: torch.optim.Adam(p, lr=1e-2, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.01, foreach=False)
    ),
    "sgd": torch_stepper(lambda p: torch.optim.SGD(p, lr=1e-2, momentum=0.9, weight_decay=0.01, foreach=False)),
}


def walk(problem, stepper, noise=None):
    """theta_0..theta_5 and their losses, from the problem's parameters and leaving those as they were.

    `noise` maps every theta on the way to a disturbed one.
    """
    start = problem.theta()
    step, thetas, losses = stepper(problem), [], []
    for t in range(STEPS + 1):
        if t > 0:
            step()
        if noise is not None:
            problem.set_theta(noise(problem.theta()))
        check_kinks(problem)
        thetas.append(problem.theta())
        losses.append(problem.mean_loss().item())
    problem.set_theta(start)
    return np.array(thetas), np.array(losses)


def check_kinks(problem):
    """A ReLU at its kink would make the reference depend on rounding; no input to one may come near zero."""
    if problem.case.activation == "relu":
        with torch.no_grad():
            closest = min(z.abs().min().item() for z in problem.net.preactivations(problem.x)[:-1])
        assert closest > 1e-3, f"{problem.case.name}: a preactivation of {closest:.1e}; take another seed"


def trajectories(problem):
    """Every optimiser's walk, and how much larger relative noise put into every theta on the way is at the end."""
    thetas, losses, growth, delta = {}, {}, {}, 1e-10
    for label, stepper in STEPPERS.items():
        thetas[label], losses[label] = walk(problem, stepper)
        rng = np.random.RandomState(problem.case.seed)

        def noise(theta):
            return theta * (1.0 + delta * rng.uniform(-1.0, 1.0, size=theta.shape))

        noisy = [walk(problem, stepper, noise)[0][-1] for _ in range(4)]
        growth[label] = max(relative_error(end, thetas[label][-1]) for end in noisy) / delta
    return thetas, losses, growth


# ---------------------------------------------------------------------------------------------------------------------
# Files
# ---------------------------------------------------------------------------------------------------------------------


def compute(case):
    """Everything about a case: a flat dictionary of arrays by path, attributes by path, and a line for people."""
    problem, report = Problem(case), []
    values = linearize(problem)
    consistency, difference = check_derivatives(problem, values)
    found, rules, eigenvalues, conditioning = directions(problem, values, report)
    thetas, losses, growth = trajectories(problem)
    first = (thetas["lm"][0] - thetas["lm"][1]) / TRAJECTORY_LM["eta"]
    assert relative_error(first, found["lm"]) < 1e-11, f"{case.name}: the first LM step is not the LM direction"

    arrays = {f"params/{n}": p.detach().numpy() for n, p in problem.net.named_parameters()}
    if case.centred:
        arrays |= {f"params0/{n}": p.detach().numpy() for n, p in problem.origin.named_parameters()}
    arrays |= {"inputs": problem.x.numpy(), "targets": problem.y.numpy()} | values
    arrays["ntk_eigenvalues"] = eigenvalues
    arrays |= {f"directions/{label}": d for label, d in found.items()}
    arrays |= {f"trajectory/{label}": t for label, t in thetas.items()}
    arrays |= {f"loss_trajectory/{label}": t for label, t in losses.items()}
    if case.compact:
        thin(arrays)
    attributes = {"/": case_attributes(case)} | conditioning | {"conditioning/trajectory": growth}
    attributes |= {f"directions/{label}": public_rule(rule) for label, rule in rules.items()}
    line = f"{case.name:15s} M={problem.M:3d} P={problem.P:4d} autograd {consistency:.0e} fd {difference:.0e}"
    return arrays, attributes, f"{line} cutoff {rules['gn']['cutoff']:.0e} | " + " | ".join(report)


def thin(arrays):
    """Keep some rows of the Jacobian and some trajectories' ends; what changes its shape changes its name."""
    J = arrays.pop("jacobian")
    rows = np.array([0, len(J) - 1])
    arrays["jacobian_rows"], arrays["jacobian_subset"] = rows, J[rows]
    thetas = {label: arrays.pop(f"trajectory/{label}") for label in STEPPERS}
    arrays |= {f"trajectory_end/{label}": thetas[label][-1] for label in ("lm", "adamw")}
    arrays["jvp_v"] = arrays["jvp_v"].astype(np.int8)


def case_attributes(case):
    return {
        "widths": np.array(case.widths, dtype=np.int64),
        "activation": np.bytes_(case.activation),
        "bias": int(case.bias),
        "output_scale": case.output_scale,
        "centred": int(case.centred),
    }


def public_rule(rule):
    shown = {key: rule[key] for key in ("mu", "cutoff") if key in rule}
    return shown | {"curvature": np.bytes_(rule["curvature"])}


def write(path, arrays, attributes):
    # Format bounds: no newer than HDF5 1.10 reads, and no older than the compact groups of 1.8.
    with h5py.File(path, "w", libver=("v108", "v110")) as file:
        for name, value in arrays.items():
            file.create_dataset(name, data=value)
        file["directions/sgd"] = file["gradient"]  # a hard link: the same array under a second name
        for name, entries in attributes.items():
            target = file.require_group(name) if name.startswith("conditioning") else file[name]
            for key, value in entries.items():
                target.attrs[key] = value


def compare(path, arrays):
    """Largest relative error between the file and a fresh computation; other processors round differently."""
    worst = (0.0, "")
    with h5py.File(path, "r") as file:
        for name, value in arrays.items():
            if file[name].shape != np.shape(value):
                return np.inf, name
            worst = max(worst, (float(relative_error(file[name][()], value)), name))
    return worst


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--out", type=pathlib.Path, default=HERE, help="folder to write to")
    parser.add_argument("--compare", action="store_true", help="compare with the files in --out instead of writing")
    parser.add_argument("--rtol", type=float, default=1e-6, help="largest relative difference --compare accepts")
    parser.add_argument("cases", nargs="*", help="only these cases")
    options = parser.parse_args()

    torch.set_num_threads(1)  # one summation order, whatever the machine
    mpmath.mp.dps = 50
    failed = False
    for case in CASES:
        if options.cases and case.name not in options.cases:
            continue
        arrays, attributes, line = compute(case)
        path = options.out / f"{case.name}.h5"
        if options.compare:
            error, where = compare(path, arrays)
            failed |= not error <= options.rtol
            line = f"{case.name:15s} {error:.1e} {where}"
        else:
            write(path, arrays, attributes)
        print(line, flush=True)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
