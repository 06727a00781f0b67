"""The transformer of gnewt's `ggn-product` and `adam-step`, in PyTorch and in JAX, float32: tokens, post-norm, causal
attention, no biases but the norms'. A product is w J'H J v with H = diag(p) - p p' of the cross-entropy and w = 1/N.

`last`: behind the last attention only the last position goes on, as in gnewt; else all of them do, and the logits of
the last are read, which is how such a model is mostly written.
"""
import math

HEADS = 4
EPSILON = 1e-5


def names(layers):
    """The parameters in the order in which gnewt's flat vectors have them."""
    kinds = ["attention.in.weight", "attention.out.weight", "norm1.weight", "norm1.bias", "ffn.0.weight",
             "ffn.1.weight", "norm2.weight", "norm2.bias"]
    blocks = [f"blocks.{i}.{kind}" for i in range(layers) for kind in kinds]
    return ["embed.weight", "position.weight", *blocks, "head.weight"]


def layers_of(problem):
    return 1 + max(int(name.split(".")[1]) for name in problem["params"] if name.startswith("blocks."))


def split(problem, flat):
    """A flat vector as parameters' shapes."""
    parts, at = {}, 0
    for name in names(layers_of(problem)):
        shape = problem["params"][name].shape
        count = math.prod(shape)
        parts[name] = flat[at : at + count].reshape(shape)
        at += count
    return parts


class TorchTransformer:
    def __init__(self, torch, problem):
        self.torch, self.problem, self.layers = torch, problem, layers_of(problem)
        self.tokens = torch.from_numpy(problem["x"]).long()
        self.labels = torch.from_numpy(problem["y"]).argmax(1)

    def params(self, parts=None):
        torch = self.torch
        parts = parts or self.problem["params"]
        return {name: torch.from_numpy(parts[name]).float() for name in names(self.layers)}

    def attend(self, p, block, x, queries):
        torch = self.torch
        n, t, d = x.shape
        width = d // HEADS
        q, k, v = ((x @ p[block + "attention.in.weight"].T).reshape(n, t, 3, HEADS, width).permute(2, 0, 3, 1, 4))
        q = q[:, :, t - queries :]
        scores = q @ k.transpose(-1, -2) / math.sqrt(width)
        mask = torch.ones(queries, t, dtype=torch.bool).tril(t - queries)
        out = scores.masked_fill(~mask, float("-inf")).softmax(-1) @ v
        return out.transpose(1, 2).reshape(n, queries, d) @ p[block + "attention.out.weight"].T

    def logits(self, p, last):
        norm = self.torch.nn.functional.layer_norm
        x = p["embed.weight"][self.tokens] + p["position.weight"]
        d = x.shape[-1]
        for i in range(self.layers):
            block = f"blocks.{i}."
            queries = 1 if last and i + 1 == self.layers else x.shape[1]
            x = x[:, x.shape[1] - queries :] + self.attend(p, block, x, queries)
            x = norm(x, (d,), p[block + "norm1.weight"], p[block + "norm1.bias"], EPSILON)
            x = x + (x @ p[block + "ffn.0.weight"].T).relu() @ p[block + "ffn.1.weight"].T
            x = norm(x, (d,), p[block + "norm2.weight"], p[block + "norm2.bias"], EPSILON)
        return x[:, -1] @ p["head.weight"].T

    def flat(self, parts):
        return self.torch.cat([parts[name].detach().reshape(-1) for name in names(self.layers)]).numpy()

    def hessian(self, logits, u):
        p = logits.softmax(-1)
        return p * (u - (p * u).sum(-1, keepdim=True)) / len(self.tokens)


def torch_product(torch, problem, how, last, compiled=False):
    """how: "whole" (forward, jvp and vjp in each product) or "kept" (what the point alone decides is kept)."""
    model = TorchTransformer(torch, problem)
    params, v = model.params(), model.params(split(problem, problem["answers"]["vector"]))
    state = {}

    def f(p):
        return model.logits(p, last)

    def whole(vector):
        logits, u = torch.func.jvp(f, (params,), (vector,))
        return torch.func.vjp(f, params)[1](model.hessian(logits, u))[0]

    if how == "kept":
        logits, forward = torch.func.linearize(f, params)
        _, back = torch.func.vjp(f, params)

    def kept(vector):
        return back(model.hessian(logits, forward(vector)))[0]

    product = whole if how == "whole" else kept
    if compiled:
        product = torch.compile(product)

    def step():
        state["out"] = product(v)

    return step, lambda: model.flat(state["out"])


def torch_adam(torch, problem, last, compiled=False, **options):
    model = TorchTransformer(torch, problem)
    params = {name: p.requires_grad_() for name, p in model.params().items()}
    optimizer = torch.optim.Adam(list(params.values()), lr=1e-3, betas=(0.9, 0.98), **options)

    def loss(p):
        return torch.nn.functional.cross_entropy(model.logits(p, last), model.labels)

    if compiled:
        loss = torch.compile(loss)

    def step():
        optimizer.zero_grad()
        loss(params).backward()
        optimizer.step()

    return step, lambda: model.flat(params)


class JaxTransformer:
    def __init__(self, jax, problem):
        import jax.numpy as jnp

        self.jax, self.np, self.problem, self.layers = jax, jnp, problem, layers_of(problem)
        self.tokens = jnp.asarray(problem["x"].astype("int32"))
        self.targets = jnp.asarray(problem["y"].astype("float32"))

    def params(self, parts=None):
        parts = parts or self.problem["params"]
        return {name: self.np.asarray(parts[name].astype("float32")) for name in names(self.layers)}

    def attend(self, p, block, x, queries):
        jnp = self.np
        n, t, d = x.shape
        width = d // HEADS
        q, k, v = (x @ p[block + "attention.in.weight"].T).reshape(n, t, 3, HEADS, width).transpose(2, 0, 3, 1, 4)
        q = q[:, :, t - queries :]
        scores = q @ k.swapaxes(-1, -2) / math.sqrt(width)
        mask = jnp.tril(jnp.ones((queries, t), bool), t - queries)
        out = self.jax.nn.softmax(jnp.where(mask, scores, -jnp.inf), -1) @ v
        return out.swapaxes(1, 2).reshape(n, queries, d) @ p[block + "attention.out.weight"].T

    def norm(self, x, weight, bias):
        x = x - x.mean(-1, keepdims=True)
        return x * self.jax.lax.rsqrt((x * x).mean(-1, keepdims=True) + EPSILON) * weight + bias

    def logits(self, p, last):
        x = p["embed.weight"][self.tokens] + p["position.weight"]
        for i in range(self.layers):
            block = f"blocks.{i}."
            queries = 1 if last and i + 1 == self.layers else x.shape[1]
            x = x[:, x.shape[1] - queries :] + self.attend(p, block, x, queries)
            x = self.norm(x, p[block + "norm1.weight"], p[block + "norm1.bias"])
            x = x + self.jax.nn.relu(x @ p[block + "ffn.0.weight"].T) @ p[block + "ffn.1.weight"].T
            x = self.norm(x, p[block + "norm2.weight"], p[block + "norm2.bias"])
        return x[:, -1] @ p["head.weight"].T

    def flat(self, parts):
        import numpy as np

        return np.concatenate([np.ravel(parts[name]) for name in names(self.layers)])

    def hessian(self, logits, u):
        p = self.jax.nn.softmax(logits, -1)
        return p * (u - (p * u).sum(-1, keepdims=True)) / len(self.tokens)


def jax_product(jax, problem, how, last):
    model = JaxTransformer(jax, problem)
    params, v = model.params(), model.params(split(problem, problem["answers"]["vector"]))
    state = {}

    def f(p):
        return model.logits(p, last)

    if how == "whole":
        @jax.jit
        def whole(p, vector):
            logits, u = jax.jvp(f, (p,), (vector,))
            return jax.vjp(f, p)[1](model.hessian(logits, u))[0]

        def product():
            return whole(params, v)
    else:
        logits, forward = jax.jit(lambda p: jax.linearize(f, p))(params)
        back = jax.jit(lambda p: jax.vjp(f, p)[1])(params)
        apply = jax.jit(lambda go, come, z, vector: come(model.hessian(z, go(vector)))[0])

        def product():
            return apply(forward, back, logits, v)

    def step():
        state["out"] = jax.block_until_ready(product())

    return step, lambda: model.flat(state["out"])


def jax_adam(jax, problem, last):
    model = JaxTransformer(jax, problem)
    jnp, params = model.np, model.params()
    zeros = jax.tree.map(jnp.zeros_like, params)
    state = {"all": (params, zeros, zeros, jnp.float32(0))}
    b1, b2, rate, epsilon = 0.9, 0.98, 1e-3, 1e-8

    def loss(p):
        return -(model.targets * jax.nn.log_softmax(model.logits(p, last), -1)).sum(-1).mean()

    @jax.jit
    def update(p, m, s, t):
        g = jax.grad(loss)(p)
        t = t + 1
        m = jax.tree.map(lambda a, b: b1 * a + (1 - b1) * b, m, g)
        s = jax.tree.map(lambda a, b: b2 * a + (1 - b2) * b * b, s, g)
        p = jax.tree.map(
            lambda x, a, b: x - rate * (a / (1 - b1**t)) / (jnp.sqrt(b / (1 - b2**t)) + epsilon), p, m, s)
        return p, m, s, t

    def step():
        state["all"] = jax.block_until_ready(update(*state["all"]))

    return step, lambda: model.flat(state["all"][0])


def torch_variants(torch):
    return {
        "ggn-product": {
            "jvp and vjp": lambda p: torch_product(torch, p, "whole", last=False),
            "jvp and vjp, last": lambda p: torch_product(torch, p, "whole", last=True),
            "linearize and vjp, last": lambda p: torch_product(torch, p, "kept", last=True),
            "jvp and vjp, last, compiled": lambda p: torch_product(torch, p, "whole", last=True, compiled=True),
        },
        "adam-step": {
            "Adam": lambda p: torch_adam(torch, p, last=False),
            "Adam, last": lambda p: torch_adam(torch, p, last=True),
            "Adam fused, last": lambda p: torch_adam(torch, p, last=True, fused=True),
            "Adam fused, last, compiled": lambda p: torch_adam(torch, p, last=True, compiled=True, fused=True),
        },
    }


def jax_variants(jax):
    return {
        "ggn-product": {
            "jit jvp and vjp": lambda p: jax_product(jax, p, "whole", last=False),
            "jit jvp and vjp, last": lambda p: jax_product(jax, p, "whole", last=True),
            "jit linearize and vjp, last": lambda p: jax_product(jax, p, "kept", last=True),
        },
        "adam-step": {
            "jit": lambda p: jax_adam(jax, p, last=False),
            "jit, last": lambda p: jax_adam(jax, p, last=True),
        },
    }
