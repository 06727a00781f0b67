#!/usr/bin/env python3
"""Runs a program under the recorder and checks the ranges it opened: their nesting, and that all of them closed.

    ranges.py CASE RECORDER TEST_PROFILE GNEWT
"""

import collections
import os
import pathlib
import subprocess
import sys
import tempfile

CONFIG = """\
name: profiled
device: cpu
problem: {kind: multi_sine_1d, points: 20, test_points: 10}
network: {kind: mlp, widths: [1, 8, 1]}
phases:
"""
LM = "{kind: levenberg_marquardt, damping: {value: 0.1}, line_search: {kind: armijo}}"
TRAINS = CONFIG + f"""\
  - {{steps: 4, optimizer: {LM}}}
  - {{steps: 3, optimizer: {{kind: adam}}}}
observe:
  - {{kind: norms}}
"""
DIVERGES = CONFIG + "  - {steps: 50, optimizer: {kind: sgd, learning_rate: 1.0e+6}}\n"
BY_PRODUCTS = CONFIG + """\
  - steps: 3
    optimizer: {kind: levenberg_marquardt, solver: SOLVER, damping: {value: 0.1}, cg: {max_iterations: 4, tolerance: 0}}
"""
# The second trial overflows as the first did, and there is none after it.
SEARCH_FAILS = CONFIG + """\
  - steps: 2
    optimizer: {kind: sgd, learning_rate: 1.0e+300, line_search: {kind: armijo, max_iterations: 1}}
"""


def record(recorder, command, status):
    """What the command pushed and popped; it must end with the status."""
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "ranges"
        environment = dict(os.environ, NVTX_INJECTION64_PATH=recorder, RECORDED_RANGES=str(path), OMP_NUM_THREADS="1")
        done = subprocess.run(command, env=environment, capture_output=True, text=True)
        if done.returncode != status:
            sys.exit(f"exit status {done.returncode}, not {status}:\n{done.stdout}{done.stderr}")
        return path.read_text().splitlines() if path.exists() else []


def read_ranges(lines):
    """How often each path of names was opened, and the order of it; exits where ranges do not nest or stay open."""
    stacks, order = collections.defaultdict(list), []
    for number, line in enumerate(lines, 1):
        thread, what, *name = line.split(" ", 2)
        if what == "push":
            stacks[thread].append(name[0])
            order.append("/".join(stacks[thread]))
        elif stacks[thread]:
            stacks[thread].pop()
        else:
            sys.exit(f"line {number}: a range is closed that was not open")
    still = [stack for stack in stacks.values() if stack]
    if still:
        sys.exit(f"never closed: {still}")
    return collections.Counter(order), order


def run(recorder, gnewt, config, status):
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "config.yaml"
        path.write_text(config)
        command = [gnewt, "run", str(path), "--out", f"{folder}/out", "--quiet"]
        return read_ranges(record(recorder, command, status))


def expect(counts, wanted):
    faults = [f"{path}: {counts[path]} ranges, not {count}" for path, count in wanted.items() if counts[path] != count]
    if faults:
        sys.exit("\n".join(faults + ["recorded:"] + [f"  {count:4} {path}" for path, count in sorted(counts.items())]))


def leave(recorder, program, _):
    counts, _ = read_ranges(record(recorder, [program, "leave"], 0))
    loops = {"": 1, "/pass": 3, "/pass/inner": 2}
    wanted = {"try": 1, "try/fail": 1, "try done": 1, "try done/fail": 1, "thread": 2}
    wanted |= {f"loops{path}": count for path, count in loops.items()}
    wanted |= {f"thread/loops{path}": 2 * count for path, count in loops.items()}
    expect(counts, wanted)
    if set(counts) != set(wanted):
        sys.exit(f"recorded as well: {sorted(set(counts) - set(wanted))}")


def trains(recorder, _, gnewt):
    counts, order = run(recorder, gnewt, TRAINS, 0)
    expect(counts, {"run": 1, "run/step": 7, "run/step/linearize": 4, "run/step/solve": 4, "run/step/line search": 4,
                    "run/step/gradient": 3, "run/step/update": 3, "run/step/forward": 7,
                    "run/evaluate": 2, "run/step/evaluate": 14, "run/observe": 1, "run/observe/norms": 1,
                    "run/step/observe": 7, "run/step/observe/norms": 7, "checkpoint": 2})
    if not counts["run/step/line search/forward"] >= 4:
        sys.exit("a line search evaluates no trial")
    own = [path for path in order if path.startswith("run/step/") and path.count("/") == 2]
    if own[:4] != ["run/step/forward", "run/step/linearize", "run/step/solve", "run/step/line search"]:
        sys.exit(f"the first step is {own[:4]}")


def diverges(recorder, _, gnewt):
    counts, order = run(recorder, gnewt, DIVERGES, 1)
    if counts["run"] != 1 or not 1 <= counts["run/step"] < 50 or order[-1] != "checkpoint":
        sys.exit(f"recorded: {counts}, {order[-1]} last")


def search_fails(recorder, _, gnewt):
    counts, order = run(recorder, gnewt, SEARCH_FAILS, 1)
    last = [path for path in order if path.startswith("run/")][-1]
    expect(counts, {"run": 1, "run/step": 1, "run/step/line search": 1, "run/step/line search/forward": 2})
    if last != "run/step/line search/forward":
        sys.exit(f"the last range of the run is {last}")


def by_products(recorder, gnewt, solver):
    """Steps whose solves take all of their iterations, each a range of its own on a host."""
    counts, _ = run(recorder, gnewt, BY_PRODUCTS.replace("SOLVER", solver), 0)
    expect(counts, {"run/step": 3, "run/step/forward": 3, "run/step/linearize": 0, "run/step/solve": 3,
                    f"run/step/solve/{solver} iteration": 12})


def cg(recorder, _, gnewt):
    by_products(recorder, gnewt, "cg")


def lsmr(recorder, _, gnewt):
    by_products(recorder, gnewt, "lsmr")


if __name__ == "__main__":
    CASES = {function.__name__: function for function in (leave, trains, diverges, search_fails, cg, lsmr)}
    CASES[sys.argv[1]](*sys.argv[2:])
