"""The same work as gnewt's benchmarks, in PyTorch or JAX on the CPU; in float64, but for the transformer.

    peers.py torch|jax --problems DIR [--threads N] [--seconds S] [CASE[:VARIANT]]...
    peers.py torch|jax --problems DIR [--threads N] --serve

DIR holds what `gnewt-bench --dump DIR` wrote: the weights, the batch and gnewt's own answers, which each variant's
first result is compared with. With --serve, each line `CASE:VARIANT SECONDS` on standard input is answered by a line
of JSON, so that a driver can take turns between programs; an empty line ends it.
"""
import argparse
import json
import os
import resource
import sys
import time

import poisson
import transformer


def load(folder, name):
    import h5py
    import numpy as np

    with h5py.File(os.path.join(folder, name + ".h5")) as file:
        params = {key: np.asarray(value) for key, value in file["params"].items()}
        layers = []
        while f"layers.{len(layers)}.weight" in params:
            layers.append(tuple(params[f"layers.{len(layers)}.{kind}"] for kind in ("weight", "bias")))
        answers = {key: np.asarray(value) for key, value in file["steps"].items()} if "steps" in file else {}
        answers.update({key: np.asarray(file[key]) for key in ("ntk", "vector", "product") if key in file})
        activation = file.attrs["activation"]
        return {
            "params": params,
            "layers": layers,
            "x": np.asarray(file["inputs"]),
            "y": np.asarray(file["targets"]),
            "answers": answers,
            "activation": activation.decode() if isinstance(activation, bytes) else activation,
            "mu": float(file.attrs["mu"]),
            "rate": float(file.attrs["rate"]),
            "gradient_rate": float(file.attrs["gradient_rate"]),
        }


# Each case's problem, and gnewt's answer to it.
PROBLEMS = {
    "sgd-step": ("regression", "sgd-step"),
    "adamw-step": ("regression", "adamw-step"),
    "lm-step": ("regression", "lm-step"),
    "gram": ("kernel-tanh", "ntk"),
    "mnist-lm-step": ("digits", "lm-step"),
    "poisson-gram": ("poisson", "ntk"),
    "poisson-lm-step": ("poisson", "lm-step"),
    "ggn-product": ("transformer", "product"),
    "adam-step": ("transformer", "adam-step"),
}


def difference(case, problem, result):
    """From gnewt's answer: of a kernel relative to its largest element, of what float32 made by 2-norms and relative
    to the answer (to the step, of parameters), of parameters in float64 the largest."""
    import numpy as np

    key = PROBLEMS[case][1]
    answer = problem["answers"][key]
    if case == "ggn-product":
        return float(np.linalg.norm(result - answer) / np.linalg.norm(answer))
    if case == "adam-step":
        start = np.concatenate([problem["params"][name].ravel() for name in transformer.names(2)])
        return float(np.linalg.norm(result - answer) / np.linalg.norm(answer - start))
    largest = float(np.max(np.abs(result - answer)))
    return largest / float(np.max(np.abs(answer))) if key == "ntk" else largest


class Torch:
    """Each variant is a function of the problem that returns (step, result): step() does the work once, result()
    gives the parameters (flat) or the kernel (M x M) that came of it."""

    name = "torch"

    def __init__(self, threads):
        import torch

        torch.set_num_threads(threads)
        torch.set_default_dtype(torch.float64)
        self.torch = torch

    def version(self):
        return {"torch": self.torch.__version__, "blas": "MKL" if self.torch.backends.mkl.is_available() else "?"}

    def variants(self):
        return {
            "sgd-step": {
                "SGD": lambda p: self.first_order(p, "SGD"),
                "SGD fused": lambda p: self.first_order(p, "SGD", fused=True),
                "SGD by hand": lambda p: self.first_order(p, "hand"),
                "SGD compiled": lambda p: self.first_order(p, "SGD", compiled=True),
            },
            "adamw-step": {
                "AdamW": lambda p: self.first_order(p, "AdamW"),
                "AdamW fused": lambda p: self.first_order(p, "AdamW", fused=True),
            },
            "lm-step": {
                "vmap(jacrev)": lambda p: self.lm(p, "jacrev"),
                "vmap(grad)": lambda p: self.lm(p, "grad"),
                "vmap(grad), layers": lambda p: self.lm(p, "grad", flat=False),
                "jacrev of batch": lambda p: self.lm(p, "batch"),
                "vmap(grad) compiled": lambda p: self.lm(p, "grad", compiled=True),
            },
            "gram": {
                "jacobian contraction": lambda p: self.ntk_contraction(p, flat=False),
                "jacobian contraction, flat": lambda p: self.ntk_contraction(p, flat=True),
                "vjp and jvp": self.ntk_products,
            },
            "mnist-lm-step": {"vmap(jacrev)": lambda p: self.lm(p, "jacrev")},
            **poisson.torch_variants(self.torch),
            **transformer.torch_variants(self.torch),
        }

    def module(self, problem):
        torch = self.torch
        kinds = {"tanh": torch.nn.Tanh, "relu": torch.nn.ReLU}
        parts = []
        for i, (weight, bias) in enumerate(problem["layers"]):
            if i:
                parts.append(kinds[problem["activation"]]())
            linear = torch.nn.Linear(weight.shape[1], weight.shape[0])
            with torch.no_grad():
                linear.weight.copy_(torch.from_numpy(weight))
                linear.bias.copy_(torch.from_numpy(bias))
            parts.append(linear)
        return torch.nn.Sequential(*parts)

    def data(self, problem):
        return self.torch.from_numpy(problem["x"]), self.torch.from_numpy(problem["y"])

    def first_order(self, problem, kind, compiled=False, **options):
        torch = self.torch
        net = self.module(problem)
        x, y = self.data(problem)
        parameters = list(net.parameters())
        if kind == "SGD":
            optimizer = torch.optim.SGD(parameters, lr=problem["gradient_rate"], **options)
        elif kind == "AdamW":
            optimizer = torch.optim.AdamW(parameters, lr=1e-3, **options)
        else:
            optimizer = None
        forward = torch.compile(net) if compiled else net

        def step():
            if optimizer:
                optimizer.zero_grad()
            loss = torch.nn.functional.mse_loss(forward(x), y)
            if optimizer:
                loss.backward()
                optimizer.step()
                return
            gradients = torch.autograd.grad(loss, parameters)
            with torch.no_grad():
                for parameter, gradient in zip(parameters, gradients):
                    parameter.sub_(gradient, alpha=problem["gradient_rate"])

        return step, lambda: torch.cat([p.detach().reshape(-1) for p in parameters]).numpy()

    def lm(self, problem, how, flat=True, compiled=False):
        torch = self.torch
        from torch.func import functional_call, grad, jacrev, vmap

        net = self.module(problem)
        x, y = self.data(problem)
        params = {name: p.detach().clone() for name, p in net.named_parameters()}
        mu, rate = problem["mu"], problem["rate"]
        state = {"params": params}

        def one(p, xi):
            return functional_call(net, p, (xi.unsqueeze(0),)).squeeze(0)

        def with_value(p, xi):
            f = one(p, xi)
            return f, f

        def scalar(p, xi):
            f = one(p, xi)
            return f.squeeze(0), f

        if how == "jacrev":
            jacobian = vmap(jacrev(with_value, has_aux=True), (None, 0))
        elif how == "grad":
            jacobian = vmap(grad(scalar, has_aux=True), (None, 0))
        else:
            def batch(p, xs):
                f = functional_call(net, p, (xs,))
                return f, f

            jacobian = jacrev(batch, has_aux=True)

        def update(p):
            jac, f = jacobian(p, x)
            r = (f - y).reshape(-1)
            m = r.numel()
            if flat:
                rows = torch.cat([j.reshape(m, -1) for j in jac.values()], 1)
                k = rows @ rows.T
            else:
                k = sum(j.reshape(m, -1) @ j.reshape(m, -1).T for j in jac.values())
            k.diagonal().add_(mu)
            u = torch.cholesky_solve(r.unsqueeze(1), torch.linalg.cholesky(k)).squeeze(1)
            if flat:
                pieces = (rows.T @ u).split([v.numel() for v in p.values()])
            else:
                pieces = [j.reshape(m, -1).T @ u for j in jac.values()]
            return {name: v - rate * d.reshape(v.shape) for (name, v), d in zip(p.items(), pieces)}

        if compiled:
            update = torch.compile(update)

        def step():
            with torch.no_grad():
                state["params"] = update(state["params"])

        return step, lambda: torch.cat([v.reshape(-1) for v in state["params"].values()]).numpy()

    def ntk_contraction(self, problem, flat):
        """PyTorch's tutorial "Neural Tangent Kernels", method 1; or the same with one product of flattened rows."""
        torch = self.torch
        from torch.func import functional_call, jacrev, vmap

        net = self.module(problem)
        x, _ = self.data(problem)
        params = {name: p.detach() for name, p in net.named_parameters()}
        state = {}

        def one(p, xi):
            return functional_call(net, p, (xi.unsqueeze(0),)).squeeze(0)

        def step():
            with torch.no_grad():
                jac = vmap(jacrev(one), (None, 0))(params, x)
                blocks = [j.flatten(2) for j in jac.values()]
                if flat:
                    rows = torch.cat(blocks, 2).flatten(0, 1)
                    state["k"] = rows @ rows.T
                else:
                    state["k"] = sum(torch.einsum("Naf,Mbf->NMab", j, j) for j in blocks)

        def result():
            k = state["k"]
            if k.dim() == 4:
                k = k.permute(0, 2, 1, 3).reshape(k.shape[0] * k.shape[2], -1)
            return k.numpy()

        return step, result

    def ntk_products(self, problem):
        """The tutorial's method 2: Jacobian-vector products of vector-Jacobian products."""
        torch = self.torch
        from torch.func import functional_call, jvp, vjp, vmap

        net = self.module(problem)
        x, _ = self.data(problem)
        params = {name: p.detach() for name, p in net.named_parameters()}
        eye = torch.eye(problem["layers"][-1][0].shape[0])
        state = {}

        def one(p, xi):
            return functional_call(net, p, (xi.unsqueeze(0),)).squeeze(0)

        def pair(x1, x2):
            _, back = vjp(lambda p: one(p, x2), params)

            def slice_of(vector):
                tangent = back(vector)[0]
                return jvp(lambda p: one(p, x1), (params,), (tangent,))[1]

            return vmap(slice_of)(eye)

        kernel = vmap(vmap(pair, (None, 0)), (0, None), chunk_size=1)

        def step():
            with torch.no_grad():
                state["k"] = kernel(x, x)

        # k[n1, n2, c2, c1]
        return step, lambda: state["k"].permute(0, 3, 1, 2).reshape(x.shape[0] * len(eye), -1).numpy()


class Jax:
    name = "jax"

    def __init__(self, threads):
        os.environ["JAX_PLATFORMS"] = "cpu"
        if threads == 1:
            os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false"
        import jax

        jax.config.update("jax_enable_x64", True)
        self.jax = jax

    def version(self):
        import jaxlib

        return {"jax": self.jax.__version__, "jaxlib": jaxlib.__version__}

    def variants(self):
        return {
            "sgd-step": {"jit": lambda p: self.first_order(p)},
            "lm-step": {
                "jit vmap(jacrev)": lambda p: self.lm(p, "jacrev"),
                "jit vmap(grad)": lambda p: self.lm(p, "grad"),
                "jit vmap(grad), layers": lambda p: self.lm(p, "grad", flat=False),
            },
            "gram": {
                "jit jacobian contraction": self.ntk_contraction,
                "jit vjp and jvp": self.ntk_products,
            },
            "mnist-lm-step": {"jit vmap(jacrev)": lambda p: self.lm(p, "jacrev")},
            **poisson.jax_variants(self.jax),
            **transformer.jax_variants(self.jax),
        }

    def network(self, problem):
        import jax.numpy as jnp

        phi = {"tanh": jnp.tanh, "relu": self.jax.nn.relu}[problem["activation"]]
        params = [(jnp.asarray(w), jnp.asarray(b)) for w, b in problem["layers"]]

        def f(p, x):
            for i, (w, b) in enumerate(p):
                x = x @ w.T + b
                if i + 1 < len(p):
                    x = phi(x)
            return x

        return f, params, jnp.asarray(problem["x"]), jnp.asarray(problem["y"])

    def stepper(self, update, params):
        import numpy as np

        jax = self.jax
        state = {"params": params}
        update = jax.jit(update)

        def step():
            state["params"] = jax.block_until_ready(update(state["params"]))

        return step, lambda: np.concatenate([np.ravel(v) for v in jax.tree.leaves(state["params"])])

    def first_order(self, problem):
        jax = self.jax
        f, params, x, y = self.network(problem)
        rate = problem["gradient_rate"]

        def update(p):
            gradient = jax.grad(lambda q: ((f(q, x) - y) ** 2).mean())(p)
            return jax.tree.map(lambda v, g: v - rate * g, p, gradient)

        return self.stepper(update, params)

    def lm(self, problem, how, flat=True):
        jax = self.jax
        import jax.numpy as jnp
        from jax.scipy.linalg import cho_factor, cho_solve

        f, params, x, y = self.network(problem)
        mu, rate = problem["mu"], problem["rate"]

        def update(p):
            r = (f(p, x) - y).reshape(-1)
            m = r.size
            if how == "jacrev":
                jac = jax.vmap(jax.jacrev(f), (None, 0))(p, x)
            else:
                jac = jax.vmap(jax.grad(lambda q, xi: f(q, xi)[0]), (None, 0))(p, x)
            blocks = [j.reshape(m, -1) for j in jax.tree.leaves(jac)]
            if flat:
                blocks = [jnp.concatenate(blocks, 1)]
            k = sum(j @ j.T for j in blocks)
            u = cho_solve(cho_factor(k + mu * jnp.eye(m), lower=True), r)
            d = jnp.concatenate([j.T @ u for j in blocks])
            leaves, tree = jax.tree.flatten(p)
            out, at = [], 0
            for leaf in leaves:
                out.append(leaf - rate * d[at : at + leaf.size].reshape(leaf.shape))
                at += leaf.size
            return jax.tree.unflatten(tree, out)

        return self.stepper(update, params)

    def ntk_contraction(self, problem):
        jax = self.jax
        f, params, x, _ = self.network(problem)

        def compute(p, xs):
            jac = jax.vmap(jax.jacrev(f), (None, 0))(p, xs)
            rows = [j.reshape(-1, j[0, 0].size) for j in jax.tree.leaves(jac)]
            return sum(j @ j.T for j in rows)

        compiled = jax.jit(compute)
        return self.kernel_of(lambda: compiled(params, x), lambda k: k)

    def ntk_products(self, problem):
        jax = self.jax
        import jax.numpy as jnp

        f, params, x, _ = self.network(problem)
        eye = jnp.eye(problem["layers"][-1][0].shape[0])

        def compute(p, xs):
            def row(x1):
                def pair(x2):
                    _, back = jax.vjp(lambda q: f(q, x2), p)
                    return jax.vmap(lambda v: jax.jvp(lambda q: f(q, x1), (p,), back(v))[1])(eye)

                return jax.vmap(pair)(xs)

            return jax.lax.map(row, xs, batch_size=32)

        compiled = jax.jit(compute)
        return self.kernel_of(lambda: compiled(params, x),
                              lambda k: k.transpose(0, 3, 1, 2).reshape(x.shape[0] * len(eye), -1))

    def kernel_of(self, compute, arrange):
        import numpy as np

        state = {}

        def step():
            state["k"] = self.jax.block_until_ready(compute())

        return step, lambda: np.asarray(arrange(state["k"]))


class Peer:
    """One framework with its threads; keeps what a variant built, so that it is compiled once."""

    def __init__(self, framework, problems):
        self.framework, self.problems = framework, problems
        self.built, self.loaded = {}, {}

    def problem(self, case):
        name = PROBLEMS[case][0]
        if name not in self.loaded:
            self.loaded[name] = load(self.problems, name)
        return self.loaded[name]

    def measure(self, case, variant, seconds):
        """Seconds of each repetition, the mean processor time of one, the error of the first against gnewt's answer."""
        key = (case, variant)
        if key not in self.built:
            problem = self.problem(case)
            step, result = self.framework.variants()[case][variant](problem)
            start, processor = time.perf_counter(), time.process_time()
            step()
            first = time.perf_counter() - start, time.process_time() - processor
            error = difference(case, problem, result())
            self.built[key] = step, error
            compiles = self.framework.name == "jax" or "compiled" in variant
            if first[0] > 10 and not compiles:  # a second one would be the same
                return [first[0]], first[1], error
            for _ in range(20 if first[0] < 1 else 1):
                step()
        step, error = self.built[key]
        times, total = [], 0.0
        processor = time.process_time()
        while total < seconds or not times:
            start = time.perf_counter()
            step()
            times.append(time.perf_counter() - start)
            total += times[-1]
        return times, (time.process_time() - processor) / len(times), error


def respond(peer, case, variant, seconds):
    try:
        times, processor, error = peer.measure(case, variant, seconds)
    except Exception as failure:  # a variant that does not run here is a result too
        return {"case": case, "variant": variant, "failed": f"{type(failure).__name__}: {failure}"[:400]}
    return {"case": case, "variant": variant, "times": times, "processor": processor, "error": error}


def serve(peer, out):
    print(json.dumps({"framework": peer.framework.name, "versions": peer.framework.version(),
                      "variants": {case: list(v) for case, v in peer.framework.variants().items()}}),
          file=out, flush=True)
    for line in sys.stdin:
        if not line.strip():
            break
        what, seconds = line.rsplit(maxsplit=1)
        case, variant = what.split(":", 1)
        print(json.dumps(respond(peer, case, variant, float(seconds))), file=out, flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("framework", choices=["torch", "jax"])
    parser.add_argument("cases", nargs="*", help="CASE or CASE:VARIANT; all but mnist-lm-step where none is given")
    parser.add_argument("--problems", required=True)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=1)
    parser.add_argument("--serve", action="store_true")
    args = parser.parse_intermixed_args()
    os.environ["OPENBLAS_NUM_THREADS"] = os.environ["OMP_NUM_THREADS"] = str(args.threads)
    peer = Peer((Torch if args.framework == "torch" else Jax)(args.threads), args.problems)
    if args.serve:
        out = os.fdopen(os.dup(1), "w")
        os.dup2(2, 1)  # what libraries print must not mix with the answers
        serve(peer, out)
        return
    variants = peer.framework.variants()
    for name in args.cases or [case for case in variants if case != "mnist-lm-step"]:
        case, _, only = name.partition(":")
        for variant in [only] if only else variants[case]:
            answer = respond(peer, case, variant, args.seconds)
            if "failed" in answer:
                print(f"{case:14s} {variant:28s} {answer['failed']}")
                continue
            times = sorted(answer["times"])
            error = "" if answer["error"] is None else f"  error {answer['error']:.1e}"
            print(f"{case:14s} {variant:28s} median {times[len(times) // 2] * 1e3:9.3f} ms  "
                  f"min {times[0] * 1e3:9.3f} ms  cpu {answer['processor'] * 1e3:9.3f} ms  "
                  f"n {len(times)}{error}", flush=True)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"{peer.framework.name} {peer.framework.version()}, {args.threads} threads, peak {peak:.1f} GiB")


if __name__ == "__main__":
    main()
