#!/usr/bin/env python3
"""Write the independent float64 reference values of small transformers: transformer_<case>.h5, described in README.md.

The network is made of PyTorch's own layer norm and scaled dot-product attention, its derivatives are PyTorch's
autograd in float64. No code is shared with the engine under test.

    python make_transformer.py                 writes every case beside this file
    python make_transformer.py --out DIR       writes them elsewhere
    python make_transformer.py --compare       writes nothing; compares a fresh computation with the files present

Shapes in letters: N samples, T positions, D width, V vocabulary, C outputs, M = N*C, P parameters.
"""

import argparse
import pathlib
import sys
from dataclasses import dataclass

import h5py
import numpy as np
import torch
from torch.nn.functional import cross_entropy, layer_norm, scaled_dot_product_attention

HERE = pathlib.Path(__file__).resolve().parent
DAMPING = 1e-3


@dataclass(frozen=True)
class Case:
    name: str
    layers: int
    seed: int
    pre: bool = False
    sinusoidal: bool = False
    read: int = 1
    samples: int = 5
    width: int = 8
    heads: int = 2
    ffn_width: int = 12
    vocabulary: int = 7
    context: int = 4


CASES = (
    Case("transformer_post", layers=2, seed=1),
    Case("transformer_pre", layers=2, seed=2, pre=True),
    Case("transformer_sinusoidal", layers=1, seed=3, sinusoidal=True, read=2),
)


def draw(case):
    """Parameters by name, in declaration order: larger than a fresh network's, so that nothing is near linear."""
    generator = torch.Generator().manual_seed(case.seed)
    d, f, v = case.width, case.ffn_width, case.vocabulary
    shapes = {"embed.weight": (v, d)}
    if not case.sinusoidal:
        shapes["position.weight"] = (case.context, d)
    for layer in range(case.layers):
        block = f"blocks.{layer}"
        shapes |= {
            f"{block}.attention.in.weight": (3 * d, d),
            f"{block}.attention.out.weight": (d, d),
            f"{block}.norm1.weight": (d,),
            f"{block}.norm1.bias": (d,),
            f"{block}.ffn.0.weight": (f, d),
            f"{block}.ffn.1.weight": (d, f),
            f"{block}.norm2.weight": (d,),
            f"{block}.norm2.bias": (d,),
        }
    shapes["head.weight"] = (v, d)
    spread = {
        name: 1.0 if "embed" in name or "position" in name else 1.5 / shape[-1] ** 0.5 for name, shape in shapes.items()
    }
    theta = {
        name: spread[name] * torch.randn(shape, generator=generator, dtype=torch.float64)
        for name, shape in shapes.items()
    }
    for name in theta:
        if name.endswith(("norm1.weight", "norm2.weight")):
            theta[name] = 1 + 0.3 * torch.randn(d, generator=generator, dtype=torch.float64)
    tokens = torch.randint(v, (case.samples, case.context), generator=generator)
    labels = torch.randint(v, (case.samples,), generator=generator)
    return theta, tokens, labels, generator


def sinusoids(case):
    t, k = torch.arange(case.context)[:, None], torch.arange(case.width)[None, :]
    angle = t / 10000.0 ** ((k - k % 2) / case.width).double()
    return torch.where(k % 2 == 0, angle.sin(), angle.cos())


def attention(case, theta, block, x):
    n, t, d = x.shape
    q, k, v = (x @ theta[f"{block}.attention.in.weight"].T).split(d, dim=-1)
    heads = [y.reshape(n, t, case.heads, d // case.heads).transpose(1, 2) for y in (q, k, v)]
    out = scaled_dot_product_attention(*heads, is_causal=True).transpose(1, 2).reshape(n, t, d)
    return out @ theta[f"{block}.attention.out.weight"].T


def forward(case, theta, tokens):
    """Logits of the last `read` positions, N x C."""
    x = theta["embed.weight"][tokens] + (sinusoids(case) if case.sinusoidal else theta["position.weight"])
    for layer in range(case.layers):
        block = f"blocks.{layer}"

        def norm(which, y):
            w, b = theta[f"{block}.{which}.weight"], theta[f"{block}.{which}.bias"]
            return layer_norm(y, (case.width,), w, b, 1e-5)

        def ffn(y):
            return torch.relu(y @ theta[f"{block}.ffn.0.weight"].T) @ theta[f"{block}.ffn.1.weight"].T

        if case.pre:
            x = x + attention(case, theta, block, norm("norm1", x))
            x = x + ffn(norm("norm2", x))
        else:
            x = norm("norm1", x + attention(case, theta, block, x))
            x = norm("norm2", x + ffn(x))
    return (x @ theta["head.weight"].T)[:, -case.read :].reshape(len(tokens), -1)


def flat(theta):
    return torch.cat([p.reshape(-1) for p in theta.values()])


def unflat(vector, theta):
    parts = vector.split([p.numel() for p in theta.values()])
    return {name: part.reshape(theta[name].shape) for name, part in zip(theta, parts)}


def compute(case):
    theta, tokens, labels, generator = draw(case)
    point = flat(theta)

    def outputs(vector):
        return forward(case, unflat(vector, theta), tokens)

    f = outputs(point)
    n, c, p = len(tokens), f.shape[1], len(point)
    J = torch.autograd.functional.jacobian(outputs, point).reshape(n * c, p)
    v = torch.randn(p, generator=generator, dtype=torch.float64)
    u = torch.randn(n * c, generator=generator, dtype=torch.float64)
    differences = (outputs(point + 1e-6 * v) - outputs(point - 1e-6 * v)).reshape(-1) / 2e-6
    off = float((differences - J @ v).abs().max() / (J @ v).abs().max())
    assert off < 1e-7, f"{case.name}: autograd and differences are {off:.1e} apart"
    arrays = {f"params/{name}": value for name, value in theta.items()}
    arrays |= {"inputs": tokens, "outputs": f, "jvp_v": v, "jvp": J @ v, "vjp_u": u, "vjp": J.T @ u}
    arrays |= {"ntk": J @ J.T, "diagonal": (J * J).sum(0)}
    if case.read == 1:
        arrays |= classes(case, outputs, point, labels, J, v)
    return {name: np.asarray(value) for name, value in arrays.items()}, off


def classes(case, outputs, point, labels, J, v):
    """Mean cross-entropy: loss, gradient, (1/N) J'H J v and the solution d of ((1/N) J'H J + mu I) d = gradient."""
    n, c, p = len(labels), case.vocabulary, len(point)
    leaf = point.clone().requires_grad_()
    loss = cross_entropy(outputs(leaf), labels)
    (gradient,) = torch.autograd.grad(loss, leaf)
    H = torch.stack([torch.func.hessian(lambda z, y=y: cross_entropy(z, y))(z) for z, y in zip(outputs(point), labels)])
    HJ = torch.einsum("nab,nbp->nap", H, J.reshape(n, c, p)).reshape(n * c, p)
    G = J.T @ HJ / n
    solution = torch.linalg.solve(G + DAMPING * torch.eye(p, dtype=torch.float64), gradient)
    targets = torch.nn.functional.one_hot(labels, c)
    return {
        "targets": targets,
        "loss": loss.detach(),
        "gradient": gradient,
        "ggn_product": G @ v,
        "ggn_solution": solution,
    }


def attributes(case):
    names = ("layers", "width", "heads", "ffn_width", "vocabulary", "context", "read")
    return {name: getattr(case, name) for name in names} | {
        "pre": int(case.pre),
        "sinusoidal": int(case.sinusoidal),
        "damping": DAMPING,
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--out", type=pathlib.Path, default=HERE, help="folder to write to")
    parser.add_argument("--compare", action="store_true", help="compare with the files in --out instead of writing")
    parser.add_argument("--rtol", type=float, default=1e-9, help="largest relative difference --compare accepts")
    options = parser.parse_args()
    torch.set_num_threads(1)
    failed = False
    for case in CASES:
        arrays, off = compute(case)
        path = options.out / f"{case.name}.h5"
        if options.compare:
            with h5py.File(path, "r") as file:
                error = max(
                    float(np.abs(file[name][()] - value).max() / max(np.abs(value).max(), 1e-300))
                    for name, value in arrays.items()
                )
            failed |= not error <= options.rtol
            print(f"{case.name:24s} {error:.1e}")
            continue
        with h5py.File(path, "w", libver=("v108", "v110")) as file:
            for name, value in arrays.items():
                file.create_dataset(name, data=value)
            file.attrs.update(attributes(case))
        print(f"{case.name:24s} M={len(arrays['jvp'])} P={len(arrays['jvp_v'])} differences {off:.0e}")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
