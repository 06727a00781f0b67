#!/usr/bin/env python3
"""gnewt against its floors, PyTorch and JAX, in one run on one machine.

    compare.py [--bench PATH] [--name NAME] [--rounds N] [--seconds S] [--threads 1 2] [--only torch jax] [--slow]
               [--mnist] [--cases CASE...]
    compare.py --table FILE...      the README's tables of such runs, as Markdown

Takes turns: in each round every program, with each number of threads, measures each case for `seconds`. A program's
time is the median over rounds of its medians, with the number of threads that suits it best; ratios are those of such
times of this one run. Beside them: ratios of the minima, and of processor times on one thread, which a busy machine
leaves almost unchanged. Where the three disagree the machine was busy, and only the last means anything; a target
holds only where it holds by medians and by processor times. Writes results/NAME.json. The peers run under this
interpreter, so start it where peers/requirements.txt is installed.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
CASES = ["lm-step", "gn-step", "sgd-step", "adamw-step", "gram", "mnist-lm-step", "poisson-gram", "poisson-lm-step",
         "ggn-product", "adam-step", "cg-memory"]
HEAVY = {"mnist-lm-step"}  # of the peers: 8 GiB; with --mnist only
# Variants that take minutes, or lose to another by far: with --slow only.
SLOW = {("torch", "gram", "jacobian contraction"), ("torch", "gram", "vjp and jvp"),
        ("torch", "lm-step", "vmap(grad) compiled"), ("torch", "sgd-step", "SGD compiled"),
        ("torch", "ggn-product", "jvp and vjp, last, compiled"),
        ("torch", "adam-step", "Adam fused, last, compiled"),
        ("torch", "poisson-lm-step", "vmap(grad), jvp, compiled")}
LONG = {"gram", "mnist-lm-step"}  # a repetition takes seconds in the peers: once a run, one repetition
# How far a peer's result may be from gnewt's; what float32 makes is compared by 2-norms.
TOLERANCES = {"ggn-product": 1e-5, "adam-step": 1e-3}


def environment(threads):
    env = dict(os.environ)
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        env[name] = str(threads)
    return env


class Server:
    """A peers.py that waits for orders."""

    def __init__(self, framework, threads, problems):
        self.framework, self.threads = framework, threads
        self.process = subprocess.Popen(
            [sys.executable, os.path.join(HERE, "peers", "peers.py"), framework, "--problems", problems, "--threads",
             str(threads), "--serve"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            text=True, env=environment(threads))
        self.about = self.read()

    def read(self):
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self.framework} with {self.threads} threads ended: {self.process.wait()}")
        return json.loads(line)

    def measure(self, case, variant, seconds):
        print(f"{case}:{variant} {seconds}", file=self.process.stdin, flush=True)
        return self.read()

    def close(self):
        if self.process.poll() is None:
            try:
                self.process.stdin.write("\n")
                self.process.stdin.close()
            except BrokenPipeError:
                pass
            self.process.wait()


def bench(path, threads, cases, seconds):
    done = subprocess.run([path, *cases, "--seconds", str(seconds), "--json", "-"], stdout=subprocess.PIPE, text=True,
                          env=environment(threads))
    if done.returncode not in (0, 1) or not done.stdout:
        raise RuntimeError(f"{path} ended with {done.returncode}")
    return json.loads(done.stdout)


class Table:
    """What each (case, program, variant, threads) measured, round by round."""

    def __init__(self):
        self.rows = {}

    def add(self, case, program, variant, threads, median, minimum, processor, error, tolerance, **more):
        row = self.rows.setdefault((case, program, variant, threads),
                                   {"medians": [], "minima": [], "processor": [], "error": None,
                                    "tolerance": tolerance})
        row["processor"].append(processor)
        row["medians"].append(median)
        row["minima"].append(minimum)
        if error is not None:
            row["error"] = max(error, row["error"] or 0)
        row.update({key: value for key, value in more.items() if value is not None})

    def fail(self, case, program, variant, threads, why):
        self.rows[case, program, variant, threads] = {"medians": [], "minima": [], "processor": [], "failed": why}

    def best(self, case, program, variant=None, key="medians"):
        """(seconds, variant, threads) of the fastest, or None; of processor times, on one thread."""
        pick = min if key == "minima" else statistics.median
        found = [(pick(row[key]), v, t) for (c, p, v, t), row in self.rows.items()
                 if c == case and p == program and (variant is None or v == variant) and row[key]
                 and (key != "processor" or t == 1)]
        return min(found) if found else None

    def json(self):
        return [{"case": c, "program": p, "variant": v, "threads": t,
                 "median": statistics.median(row["medians"]) if row["medians"] else None,
                 "min": min(row["minima"]) if row["minima"] else None, **row}
                for (c, p, v, t), row in self.rows.items()]


def text(seconds):
    if seconds < 1e-3:
        return f"{seconds * 1e6:.0f} us"
    return f"{seconds * 1e3:.1f} ms" if seconds < 1 else f"{seconds:.1f} s"


# What is claimed: gnewt's case, the other's case, program and variant (None: its best), the least ratio of the other's
# time to gnewt's that is wanted (None: none is), and the words.
CLAIMS = [
    ("lm-step", "sgd-step", "torch", "SGD", 1, "LM step against PyTorch's plain SGD step"),
    ("lm-step", "lm-step", "torch", "jacrev of batch", 30, "LM step against torch.func: jacrev of the batch"),
    ("lm-step", "lm-step", "torch", "vmap(jacrev)", 30, "LM step against torch.func: vmap(jacrev)"),
    ("lm-step", "lm-step", "torch", None, 30, "LM step against torch.func: the best"),
    ("lm-step", "lm-step", "jax", None, None, "LM step against JAX jit: the best"),
    ("lm-step", "lm-step", "floor", None, None, "LM step: its floor over gnewt"),
    ("sgd-step", "sgd-step", "torch", "SGD", None, "SGD step against PyTorch's"),
    ("sgd-step", "sgd-step", "jax", None, None, "SGD step against JAX jit"),
    ("adamw-step", "adamw-step", "torch", None, None, "AdamW step against PyTorch's best"),
    ("gram", "gram", "torch", None, 30, "Gram against torch.func: the best"),
    ("gram", "gram", "jax", None, None, "Gram against JAX jit: the best"),
    ("gram", "gram", "floor", None, None, "Gram: its floor over gnewt"),
    ("mnist-lm-step", "mnist-lm-step", "torch", None, None, "LM step on digits against torch.func"),
    ("mnist-lm-step", "mnist-lm-step", "floor", None, None, "LM step on digits: its floor over gnewt"),
    ("mnist-lm-step", "mnist-lm-step", "calls", None, 1 / 1.5, "LM step on digits: its bare calls over gnewt"),
    ("ggn-product", "ggn-product", "jax", None, 1, "GGN product, transformer, against JAX jit: the best"),
    ("ggn-product", "ggn-product", "torch", None, 1, "GGN product, transformer, against torch.func: the best"),
    ("ggn-product", "ggn-product", "calls", None, 1 / 1.6, "GGN product, transformer: its GEMMs over gnewt"),
    ("adam-step", "adam-step", "torch", "Adam", 1, "Adam step, transformer, against PyTorch's, plain"),
    ("adam-step", "adam-step", "torch", None, 1, "Adam step, transformer, against PyTorch's best"),
    ("adam-step", "adam-step", "jax", None, None, "Adam step, transformer, against JAX jit: the best"),
    ("adam-step", "adam-step", "calls", None, None, "Adam step, transformer: its GEMMs over gnewt"),
    ("poisson-gram", "poisson-gram", "torch", None, 20, "Poisson's Gram against torch.func: the best"),
    ("poisson-gram", "poisson-gram", "jax", None, 20, "Poisson's Gram against JAX jit: the best"),
    ("poisson-lm-step", "poisson-lm-step", "torch", None, 20, "Poisson's LM step against torch.func: the best"),
    ("poisson-lm-step", "poisson-lm-step", "jax", None, 20, "Poisson's LM step against JAX jit: the best"),
    ("poisson-lm-step", "poisson-lm-step", "floor", None, None, "Poisson's LM step: its floor over gnewt"),
    ("poisson-lm-step", "poisson-lm-step", "calls", None, None, "Poisson's LM step: its bare calls over gnewt"),
]


def claims(table):
    out = []
    for case, other_case, other, variant, target, what in CLAIMS:
        pairs = [(table.best(case, "gnewt", "float64 tanh" if case == "gram" else None, key),
                  table.best(other_case, other, "float64 tanh" if (other, case) == ("floor", "gram") else variant, key))
                 for key in ("medians", "minima", "processor")]
        if any(x is None for pair in pairs for x in pair):
            continue
        (ours, theirs), (least, their_least), (busy, their_busy) = pairs
        out.append({"what": what, "gnewt": ours[0], "other": theirs[0], "variant": theirs[1],
                    "threads": [ours[2], theirs[2]],
                    "processor": [busy[0], their_busy[0]],
                    "ratio": theirs[0] / ours[0], "ratio_of_minima": their_least[0] / least[0],
                    "ratio_of_processor_times": their_busy[0] / busy[0], "target": target,
                    "holds": None if target is None else min(theirs[0] / ours[0], their_busy[0] / busy[0]) >= target})
    return out


def run_gnewt(args, table, threads, cases, first, info):
    if not first or threads != args.threads[0]:
        cases = [case for case in cases if case != "cg-memory"]  # bytes, not times: once
    if not cases:
        return
    answer = bench(args.bench, threads, cases, args.seconds)
    info.update({key: value for key, value in answer.items() if key not in ("results", "threads", "load", "device")})
    info.setdefault("loads", []).append(answer["load"])
    for r in answer["results"]:
        if r["peak"] is not None:
            info.setdefault("memory", {}).setdefault(r["variant"], {})[str(int(r["samples"]))] = r["peak"]
            continue
        if r["median"] is None:
            continue
        variant = r["dtype"]
        if r["case"] == "gram":
            variant += " relu" if "relu" in r["note"] else " tanh"
        table.add(r["case"], r["variant"], variant, threads, r["median"], r["min"], r["processor"], r["error"],
                  r["tolerance"], flops=r["flops"], bytes=r["bytes"])


def run_peer(args, table, server, cases, first):
    for case, variants in server.about["variants"].items():
        for variant in variants:
            if case not in cases or (not first and case in LONG) or (case in HEAVY and not args.mnist):
                continue
            if (server.framework, case, variant) in SLOW and not args.slow:
                continue
            if table.rows.get((case, server.framework, variant, server.threads), {}).get("failed"):
                continue
            answer = server.measure(case, variant, 0 if case in LONG else args.seconds)
            if "failed" in answer:
                table.fail(case, server.framework, variant, server.threads, answer["failed"])
            else:
                times = answer["times"]
                table.add(case, server.framework, variant, server.threads, statistics.median(times), min(times),
                          answer["processor"], answer["error"], TOLERANCES.get(case, 1e-8))


def wanted(target):
    """A least ratio, or, below 1, the most that gnewt may take of the other's time."""
    return f">= {target:g}" if target >= 1 else f"within {1 / target:.2g}x"


def verdict(claim):
    return "" if claim["target"] is None else "holds" if claim["holds"] else "does not hold"


def report(table, found):
    print(f"\n{'case':16s} {'program':7s} {'variant':27s} {'threads':>7s} {'median':>10s} {'min':>10s} "
          f"{'cpu':>10s}  error")
    for (case, program, variant, threads), row in sorted(table.rows.items()):
        if not row["medians"]:
            print(f"{case:16s} {program:7s} {variant:27s} {threads:7d} {row['failed'][:60]}")
            continue
        error = "" if row["error"] is None else f"{row['error']:.1e}"
        if row["error"] is not None and not row["error"] <= row["tolerance"]:
            error += " FAILED"
        print(f"{case:16s} {program:7s} {variant:27s} {threads:7d} {text(statistics.median(row['medians'])):>10s} "
              f"{text(min(row['minima'])):>10s} {text(statistics.median(row['processor'])):>10s}  {error}")
    print(f"\n{'':55s} {'gnewt':>9s} {'other':>9s} {'ratio':>8s} {'of minima':>9s} {'of cpu':>8s}  target")
    for c in found:
        target = "" if c["target"] is None else f"{wanted(c['target'])}: {verdict(c)}"
        print(f"{c['what']:55s} {text(c['gnewt']):>9s} {text(c['other']):>9s} {c['ratio']:8.2f} "
              f"{c['ratio_of_minima']:9.2f} {c['ratio_of_processor_times']:8.2f}  {target} ({c['variant']})")


# ---- the README's tables

def print_times(results):
    """Best of the numbers of threads by medians; processor time on one thread; rates from the median."""
    best = {}
    for row in results:
        if row["median"] is None:
            continue
        key = row["case"], row["program"], row["variant"]
        best.setdefault(key, []).append(row)
    print("| case | program | variant | median | shortest | processor time | work | rate |\n"
          "|---|---|---|---|---|---|---|---|")
    for (case, program, variant), rows in best.items():
        row = min(rows, key=lambda r: r["median"])
        one = [statistics.median(r["processor"]) for r in rows if r["threads"] == 1]
        threads = f" ({row['threads']})" if len(rows) > 1 else ""
        flops, moved = row.get("flops"), row.get("bytes")
        work = f"{flops * 1e-6:,.0f} MF, {moved * 1e-6:,.0f} MB" if flops and moved else ""
        rate = f"{flops / row['median'] * 1e-9:.1f} GF/s" if flops else ""
        print(f"| `{case}` | {program} | {variant} | {text(row['median'])}{threads} | {text(row['min'])} | "
              f"{text(one[0]) if one else ''} | {work} | {rate} |")


def print_claims(found):
    print("\n| claim | gnewt | other | ratio | of minima | of processor times | target | |\n|---|---|---|---|---|---|---|---|")
    for c in found:
        target = "" if c["target"] is None else wanted(c["target"])
        print(f"| {c['what']} ({c['variant']}) | {text(c['gnewt'])} | {text(c['other'])} | {c['ratio']:.2f} | "
              f"{c['ratio_of_minima']:.2f} | {c['ratio_of_processor_times']:.2f} | {target} | {verdict(c)} |")


def print_memory(memory):
    print("\n| N | " + " | ".join(f"peak by {solver}" for solver in memory) + " |\n|---" + "|---" * len(memory) + "|")
    for n in sorted(memory["cg"], key=int):
        print(f"| {n} | " + " | ".join(f"{peaks[n] / 2**20:.2f} MiB" for peaks in memory.values()) + " |")


def print_tables(paths):
    for path in paths:
        with open(path) as file:
            run = json.load(file)
        peers = ", ".join(f"{name} {version}" for name, version in run.get("peers", {}).items())
        loads = run.get("loads", [])
        print(f"{run['cpu']} ({run['vectors']}, {run['processors']} processors), {run['openblas_kernels']} kernels of "
              f"OpenBLAS, {peers}; gnewt {run['commit']}, {run['date']}; load {min(loads):.1f} to {max(loads):.1f}\n")
        print_times(run["results"])
        print_claims(run["claims"])
        if "memory" in run:
            print_memory(run["memory"])
        print()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--bench", default=os.path.join(HERE, "..", "build", "bench", "gnewt-bench"))
    parser.add_argument("--name", default="latest")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=0.5)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--only", nargs="*", choices=["torch", "jax"], default=["torch", "jax"])
    parser.add_argument("--cases", nargs="+", default=None)
    parser.add_argument("--slow", action="store_true", help="variants that take minutes too")
    parser.add_argument("--mnist", action="store_true", help="the peers' LM step on digits too (8 GiB)")
    parser.add_argument("--table", nargs="+", metavar="FILE", help="print the tables of these results, measure nothing")
    args = parser.parse_args()
    if args.table:
        print_tables(args.table)
        return 0
    cases = args.cases or CASES

    table, info = Table(), {}
    with tempfile.TemporaryDirectory() as problems:
        subprocess.run([args.bench, "--dump", problems], check=True, env=environment(1))
        servers = [Server(framework, threads, problems) for framework in args.only for threads in args.threads]
        try:
            for number in range(args.rounds):
                print(f"round {number + 1} of {args.rounds}", file=sys.stderr)
                for threads in args.threads:
                    run_gnewt(args, table, threads, cases, number == 0, info)
                    for server in servers:
                        if server.threads == threads:
                            run_peer(args, table, server, cases, number == 0)
            for server in servers:
                info.setdefault("peers", {}).update(server.about["versions"])
        finally:
            for server in servers:
                server.close()
    found = claims(table)
    report(table, found)
    info.update(rounds=args.rounds, seconds=args.seconds, python=sys.version.split()[0], claims=found,
                results=table.json())
    os.makedirs(os.path.join(HERE, "results"), exist_ok=True)
    path = os.path.join(HERE, "results", args.name + ".json")
    with open(path, "w") as file:
        json.dump(info, file, indent=1)
        file.write("\n")
    print(f"\nwritten: {path}")
    wrong = [row for row in table.rows.values()
             if row.get("error") is not None and not row["error"] <= row["tolerance"]]
    return 1 if wrong or any(c["holds"] is False for c in found) else 0


if __name__ == "__main__":
    sys.exit(main())
