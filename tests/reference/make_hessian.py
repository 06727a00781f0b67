#!/usr/bin/env python3
"""Write float64 reference values for Hessian products: the networks, parameters and data of other reference files.

The network is JAX's, the product its forward mode over its reverse mode, of the mean loss as one function of the
parameters; residuals of PDEs are nested derivatives at a point. No code is shared with the engine under test.

    python make_hessian.py [--out DIR]
    python make_hessian.py --compare      writes nothing; compares a fresh computation with the file present
"""

import sys

import h5py
import jax
import jax.numpy as jnp
import numpy as np

from reference_files import HERE, relative_error, serve, together

jax.config.update("jax_enable_x64", True)

ACTIVATIONS = {
    "tanh": jnp.tanh,
    "relu": lambda z: jnp.where(z > 0, z, 0.0),
    "gelu": lambda z: jax.nn.gelu(z, approximate=False),
    "sin": jnp.sin,
    "sigmoid": jax.nn.sigmoid,
    "softplus": lambda z: jnp.logaddexp(z, 0.0),
    "quadratic": lambda z: z * z,
    "identity": lambda z: z,
}
MLPS = [f"small_{a}" for a in ACTIVATIONS] + [
    "tanh_80",
    "small_no_bias",
    "small_scaled",
    "small_centred",
    "single_linear",
    "wide_output",
]
PDES = {
    "pde_poisson": ((2, 20, 1), "tanh", lambda x, u, g, h: h[0, 0] + h[1, 1] + 2 * jnp.pi**2 * jnp.sin(jnp.pi * x).prod()),
    "pde_burgers": ((2, 7, 5, 1), "sin", lambda x, u, g, h: g[1] + u * g[0] - 0.05 * h[0, 0]),
}


def parameters(file, group="params"):
    """By name, in the order of the flat vector: layers by number, weight before bias."""
    names = []
    file[group].visititems(lambda name, item: names.append(name) if isinstance(item, h5py.Dataset) else None)
    names.sort(key=lambda n: (n.rsplit(".", 1)[0], n.endswith("bias")))
    return {n: file[f"{group}/{n}"][()] for n in names}


def mlp(p, phi, x):
    layers = 1 + max(int(n.split(".")[1]) for n in p)
    for i in range(layers):
        x = x @ p[f"layers.{i}.weight"].T + p.get(f"layers.{i}.bias", 0.0)
        x = phi(x) if i + 1 < layers else x
    return x


def squared(f, y, weights=1.0):
    return jnp.mean(weights * (f - y) ** 2)


def cross_entropy(f, y):
    return -jnp.mean(jnp.sum(y * jax.nn.log_softmax(f, axis=1), axis=1))


# ---- each gives the parameters and the mean loss as a function of them ----


def mlp_case(name, file):
    phi = ACTIVATIONS[file.attrs["activation"].decode()]
    x, y, scale = file["inputs"][()], file["targets"][()], file.attrs["output_scale"]
    base = mlp(parameters(file, "params0"), phi, x) if file.attrs["centred"] else 0.0
    return parameters(file), lambda p: squared(scale * (mlp(p, phi, x) - base), y)


def classes_case(name, file):
    x, y = file["inputs"][()], file["targets"][()]
    return parameters(file), lambda p: cross_entropy(mlp(p, jnp.tanh, x), y)


def quadratic_case(name, file):
    x, y, alpha = file["inputs"][()], file["targets"][()], file.attrs["alpha"]

    def loss(p):
        w = p["layers.0.weight"]
        return squared(alpha**2 / w.size * ((x @ w.T) ** 2 @ p["layers.1.weight"].T), y)

    return parameters(file), loss


def committee_case(name, file):
    x, y = file["inputs"][()], file["targets"][()]
    alpha, epsilon, origin = file.attrs["alpha"], file.attrs["epsilon"], parameters(file, "params0")

    def raw(p):
        h = x @ p["layers.0.weight"].T
        return alpha * jnp.mean(h + 0.5 * epsilon * h**2, axis=1, keepdims=True)

    return parameters(file), lambda p: squared(raw(p) - raw(origin), y)


def layer_norm(x, weight, bias):
    centred = x - x.mean(-1, keepdims=True)
    return centred / jnp.sqrt((centred**2).mean(-1, keepdims=True) + 1e-5) * weight + bias


def attention(p, block, heads, x):
    n, t, d = x.shape
    q, k, v = ((x @ w.T).reshape(n, t, heads, -1) for w in jnp.split(p[f"{block}.attention.in.weight"], 3))
    scores = jnp.einsum("nthk,nshk->nhts", q, k) / jnp.sqrt(d // heads)
    scores = jnp.where(jnp.tril(jnp.ones((t, t), bool)), scores, -jnp.inf)
    out = jnp.einsum("nhts,nshk->nthk", jax.nn.softmax(scores), v).reshape(n, t, d)
    return out @ p[f"{block}.attention.out.weight"].T


def transformer(p, layers, heads, pre, tokens):
    """Logits of the last position."""
    x = p["embed.weight"][tokens] + p["position.weight"]
    for layer in range(layers):
        b = f"blocks.{layer}"
        norms = [lambda y, k=k: layer_norm(y, p[f"{b}.norm{k}.weight"], p[f"{b}.norm{k}.bias"]) for k in (1, 2)]
        ffn = lambda y: ACTIVATIONS["relu"](y @ p[f"{b}.ffn.0.weight"].T) @ p[f"{b}.ffn.1.weight"].T
        if pre:
            x = x + attention(p, b, heads, norms[0](x))
            x = x + ffn(norms[1](x))
        else:
            x = norms[0](x + attention(p, b, heads, x))
            x = norms[1](x + ffn(x))
    return x[:, -1] @ p["head.weight"].T


def transformer_case(name, file):
    tokens, y, a = file["inputs"][()].astype(int), file["targets"][()], dict(file.attrs)
    blocks = []
    for layer in range(a["layers"]):
        parts = ["attention.in.weight", "attention.out.weight", "norm1.weight", "norm1.bias"]
        parts += ["ffn.0.weight", "ffn.1.weight", "norm2.weight", "norm2.bias"]
        blocks += [f"blocks.{layer}.{part}" for part in parts]
    found, order = parameters(file), ["embed.weight", "position.weight"] + blocks + ["head.weight"]
    assert sorted(found) == sorted(order)
    p = {n: found[n] for n in order}
    return p, lambda p: cross_entropy(transformer(p, a["layers"], a["heads"], a["pre"], tokens), y)


def pde_case(name, file):
    widths, activation, residual = PDES[name]
    x, y, weights, theta = (file[n][()] for n in ("inputs", "targets", "weights", "theta"))
    shapes = {}
    for i, (inputs, outputs) in enumerate(zip(widths, widths[1:])):
        shapes |= {f"layers.{i}.weight": (outputs, inputs), f"layers.{i}.bias": (outputs,)}
    sizes = np.cumsum([int(np.prod(s)) for s in shapes.values()])
    parts = zip(shapes.items(), np.split(theta, sizes[:-1]))

    def row(p, point):
        u = lambda at: mlp(p, ACTIVATIONS[activation], at)[0]
        at = point[:2]
        inside = residual(at, u(at), jax.grad(u)(at), jax.hessian(u)(at))
        return jnp.where(point[2] == 1, u(at), inside)

    p = {n: part.reshape(s) for (n, s), part in parts}
    return p, lambda p: squared(jax.vmap(lambda point: row(p, point))(x), y.ravel(), weights.ravel())


CASES = {name: mlp_case for name in MLPS} | {
    "classes": classes_case,
    "quadratic_network": quadratic_case,
    "committee_network": committee_case,
    "transformer_post": transformer_case,
    "transformer_pre": transformer_case,
    "pde_poisson": pde_case,
    "pde_burgers": pde_case,
}


def unflatten(flat, like):
    parts = np.split(flat, np.cumsum([p.size for p in like.values()])[:-1])
    return {n: jnp.asarray(part.reshape(p.shape)) for (n, p), part in zip(like.items(), parts)}


def compute(name):
    with h5py.File(HERE / f"{name}.h5", "r") as file:
        p, loss = CASES[name](name, file)
        if "loss" in file:
            assert abs(loss(p) - file["loss"][()]) < 1e-12 * abs(file["loss"][()]), name
    v = np.random.RandomState(51).uniform(-1, 1, sum(a.size for a in p.values()))
    flat = lambda tree: np.concatenate([np.asarray(tree[n]).ravel() for n in p])
    theta, gradient = flat(p), jax.grad(loss)
    product = flat(jax.jvp(gradient, (unflatten(theta, p),), (unflatten(v, p),))[1])
    h = 1e-5
    difference = flat(gradient(unflatten(theta + h * v, p))) - flat(gradient(unflatten(theta - h * v, p)))
    error = relative_error(difference / (2 * h), product)
    assert error < 1e-6, f"{name}: differences are {error:.1e} off"
    return {"v": v, "product": product}


def say(_, arrays):
    return "\n".join(f"{n:18s} P={len(arrays[n + '/v'])} |H v| {np.linalg.norm(arrays[n + '/product']):.6g}" for n in CASES)


def main():
    return serve(__doc__, {"hessian": lambda: (together(CASES, compute), {})}, say)


if __name__ == "__main__":
    sys.exit(main())
