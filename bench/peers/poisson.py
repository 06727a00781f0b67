"""gnewt's `poisson-gram` and `poisson-lm-step` in PyTorch (torch.func) and in JAX, float64, by nested automatic
differentiation: rows u_xx + u_yy + F inside and u - y on the boundary, u = v'tanh(W x + b) + c; their gradients by
the parameters sample by sample; K = J J' and a damped step.

how: "hessian" takes the trace of the Hessian in x; "jvp" second derivatives along each axis, forward over forward.
"""
import math

NAMES = ["layers.0.weight", "layers.0.bias", "layers.1.weight", "layers.1.bias"]


def batch(problem):
    """Points inside, on the boundary and the values there; rows come in this order."""
    x, y = problem["x"], problem["y"]
    inside = x[:, 2] == 0
    assert not inside[inside.sum() :].any()
    return x[inside, :2].copy(), x[~inside, :2].copy(), y[~inside, 0].copy()


class TorchPoisson:
    def __init__(self, torch, problem, how):
        from torch.func import grad, hessian, jvp, vmap

        self.torch = torch
        self.inside, self.boundary, self.values = map(torch.from_numpy, batch(problem))
        self.params = {name: torch.from_numpy(problem["params"][name]) for name in NAMES}

        def u(p, x):
            hidden = torch.tanh(p["layers.0.weight"] @ x + p["layers.0.bias"])
            return (p["layers.1.weight"] @ hidden + p["layers.1.bias"])[0]

        def second(p, x, axis):
            return jvp(lambda z: jvp(lambda s: u(p, s), (z,), (axis,))[1], (x,), (axis,))[1]

        axes = torch.eye(2)

        def laplacian(p, x):
            if how == "hessian":
                return torch.trace(hessian(u, argnums=1)(p, x))
            return second(p, x, axes[0]) + second(p, x, axes[1])

        def equation(p, x):
            f = 2 * math.pi**2 * torch.sin(math.pi * x[0]) * torch.sin(math.pi * x[1])
            r = laplacian(p, x) + f
            return r, r

        def condition(p, x, y):
            r = u(p, x) - y
            return r, r

        self.rows_inside = vmap(grad(equation, has_aux=True), (None, 0))
        self.rows_boundary = vmap(grad(condition, has_aux=True), (None, 0, 0))

    def linearize(self, p):
        inside, r_inside = self.rows_inside(p, self.inside)
        boundary, r_boundary = self.rows_boundary(p, self.boundary, self.values)
        rows = [self.torch.cat([part[name].flatten(1) for name in NAMES], 1) for part in (inside, boundary)]
        return self.torch.cat(rows), self.torch.cat([r_inside, r_boundary])


def torch_gram(torch, problem, how):
    model = TorchPoisson(torch, problem, how)
    state = {}

    def step():
        with torch.no_grad():
            j, _ = model.linearize(model.params)
            state["k"] = j @ j.T

    return step, lambda: state["k"].numpy()


def torch_step(torch, problem, how, compiled=False):
    model = TorchPoisson(torch, problem, how)
    mu, rate = problem["mu"], problem["rate"]
    state = {"params": model.params}

    def update(p):
        j, r = model.linearize(p)
        k = j @ j.T
        k.diagonal().add_(mu)
        d = j.T @ torch.cholesky_solve(r.unsqueeze(1), torch.linalg.cholesky(k)).squeeze(1)
        pieces = d.split([v.numel() for v in p.values()])
        return {name: v - rate * piece.reshape(v.shape) for (name, v), piece in zip(p.items(), pieces)}

    if compiled:
        update = torch.compile(update)

    def step():
        with torch.no_grad():
            state["params"] = update(state["params"])

    return step, lambda: torch.cat([state["params"][name].reshape(-1) for name in NAMES]).numpy()


class JaxPoisson:
    def __init__(self, jax, problem, how):
        import jax.numpy as jnp

        self.jnp = jnp
        self.inside, self.boundary, self.values = map(jnp.asarray, batch(problem))
        self.params = [jnp.asarray(problem["params"][name]) for name in NAMES]

        def u(p, x):
            w, b, v, c = p
            return (v @ jnp.tanh(w @ x + b) + c)[0]

        def second(p, x, axis):
            return jax.jvp(lambda z: jax.jvp(lambda s: u(p, s), (z,), (axis,))[1], (x,), (axis,))[1]

        axes = jnp.eye(2)

        def laplacian(p, x):
            if how == "hessian":
                return jnp.trace(jax.hessian(u, argnums=1)(p, x))
            return second(p, x, axes[0]) + second(p, x, axes[1])

        def equation(p, x):
            return laplacian(p, x) + 2 * math.pi**2 * jnp.sin(math.pi * x[0]) * jnp.sin(math.pi * x[1])

        self.rows_inside = jax.vmap(jax.value_and_grad(equation), (None, 0))
        self.rows_boundary = jax.vmap(jax.value_and_grad(lambda p, x, y: u(p, x) - y), (None, 0, 0))

    def linearize(self, p):
        jnp = self.jnp
        r_inside, inside = self.rows_inside(p, self.inside)
        r_boundary, boundary = self.rows_boundary(p, self.boundary, self.values)
        rows = [jnp.concatenate([part.reshape(len(part), -1) for part in parts], 1) for parts in (inside, boundary)]
        return jnp.concatenate(rows), jnp.concatenate([r_inside, r_boundary])


def jax_gram(jax, problem, how):
    import numpy as np

    model = JaxPoisson(jax, problem, how)
    state = {}

    @jax.jit
    def gram(p):
        j, _ = model.linearize(p)
        return j @ j.T

    def step():
        state["k"] = jax.block_until_ready(gram(model.params))

    return step, lambda: np.asarray(state["k"])


def jax_step(jax, problem, how):
    import jax.numpy as jnp
    import numpy as np
    from jax.scipy.linalg import cho_factor, cho_solve

    model = JaxPoisson(jax, problem, how)
    mu, rate = problem["mu"], problem["rate"]
    sizes = [p.size for p in model.params]
    state = {"params": model.params}

    @jax.jit
    def update(p):
        j, r = model.linearize(p)
        d = j.T @ cho_solve(cho_factor(j @ j.T + mu * jnp.eye(len(r)), lower=True), r)
        pieces = jnp.split(d, np.cumsum(sizes)[:-1].tolist())
        return [v - rate * piece.reshape(v.shape) for v, piece in zip(p, pieces)]

    def step():
        state["params"] = jax.block_until_ready(update(state["params"]))

    return step, lambda: np.concatenate([np.ravel(p) for p in state["params"]])


def torch_variants(torch):
    return {
        "poisson-gram": {
            "vmap(grad), hessian": lambda p: torch_gram(torch, p, "hessian"),
            "vmap(grad), jvp": lambda p: torch_gram(torch, p, "jvp"),
        },
        "poisson-lm-step": {
            "vmap(grad), hessian": lambda p: torch_step(torch, p, "hessian"),
            "vmap(grad), jvp": lambda p: torch_step(torch, p, "jvp"),
            "vmap(grad), jvp, compiled": lambda p: torch_step(torch, p, "jvp", compiled=True),
        },
    }


def jax_variants(jax):
    return {
        "poisson-gram": {
            "jit vmap(grad), hessian": lambda p: jax_gram(jax, p, "hessian"),
            "jit vmap(grad), jvp": lambda p: jax_gram(jax, p, "jvp"),
        },
        "poisson-lm-step": {
            "jit vmap(grad), hessian": lambda p: jax_step(jax, p, "hessian"),
            "jit vmap(grad), jvp": lambda p: jax_step(jax, p, "jvp"),
        },
    }
