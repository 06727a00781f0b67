#!/usr/bin/env python3
"""Fails where an #include runs upwards. The rules are those of CONTRIBUTING.md, "Includes".

    include_direction.py SOURCE_DIR      checks a tree
    include_direction.py --self-test     checks that each rule finds a violation planted for it
"""

import pathlib
import re
import sys
import tempfile

# Folders of src/host from the bottom up; those of one line do not know each other.
LAYERS = [["core"], ["backend"], ["network"], ["problem"], ["linearization", "solve"], ["optimize"], ["observe"], ["run"],
          ["report"], ["cli"]]
RANK = {folder: rank for rank, folders in enumerate(LAYERS) for folder in folders}
# The folder that a public header belongs to.
PUBLIC = {"status": "core", "version": "core", "context": "backend", "array": "backend", "random": "backend",
          "network": "network", "problem": "problem", "linearization": "linearization", "optimizer": "optimize",
          "metrics": "observe", "observer": "observe", "trainer": "run", "gnewt": "run"}
# What the layers above backend/ may know of it.
BACKEND_DOORS = {"backend/backend.h", "backend/context.h", "backend/program.h"}
# Device libraries and profilers, and the one folder or file that may include them.
DEVICE_LIBRARIES = [(re.compile(r"(cblas|lapacke?|openblas\w*)\.h"), "backend/cpu"),
                    (re.compile(r"(cuda|cublas|cusolver|cusparse|curand|driver_types)\S*"), "backend/cuda"),
                    (re.compile(r"(nvtx|nvToolsExt)\S*"), "core/profile.c")]
LIBC = set("assert complex ctype errno fenv float inttypes iso646 limits locale math setjmp signal stdalign stdarg "
           "stdatomic stdbool stddef stdint stdio stdlib stdnoreturn string tgmath threads time uchar wchar "
           "wctype".split())
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')


def includes(path):
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        found = INCLUDE.match(line)
        if found:
            yield number, found.group(1) == '"', found.group(2)


def resolve(root, path, name):
    """The included file relative to the root, or None: beside the includer, in src/host, in include, in src/kernels."""
    for folder in (path.parent, root / "src/host", root / "include", root / "src/kernels"):
        if (folder / name).is_file():
            return (folder / name).resolve().relative_to(root.resolve())
    return None


def host_fault(root, path, quoted, name):
    """Why a file of src/host may not include `name`, or None."""
    here = path.relative_to(root / "src/host")
    layer = here.parts[0]
    if layer not in RANK:
        return f"src/host/{layer} is not a layer"
    target = resolve(root, path, name)
    if target is None:
        for library, home in DEVICE_LIBRARIES:
            if library.fullmatch(name) and not f"{here.as_posix()}/".startswith(home + "/"):
                return f"only src/host/{home} includes {name}"
        return "no such file in src/host or include" if quoted else None
    if target.parts[0] == "include":
        owner = PUBLIC.get(target.stem)
        if owner is None:
            return f"{target} is not in this check's list of public headers"
        if RANK[owner] > RANK[layer]:
            return f"{layer} is below {owner}"
        if layer == "solve" and owner in ("network", "problem"):
            return "solve knows operators, not networks"
        return None
    if target.parts[:2] == ("src", "kernels"):
        if here.parts[:2] == ("backend", "cuda") and target.name == "kernels.h":
            return None
        return "kernels.h is the only door to src/kernels, and only backend/cuda uses it"
    other = target.relative_to("src/host")
    if other.parts[0] not in RANK:
        return f"src/host/{other.parts[0]} is not a layer"
    if other.parts[0] == layer:
        return None
    if RANK[other.parts[0]] > RANK[layer]:
        return f"{layer} is below {other.parts[0]}"
    if RANK[other.parts[0]] == RANK[layer]:
        return f"{layer} and {other.parts[0]} do not know each other"
    if layer == "solve" and other.parts[0] in ("network", "problem"):
        return "solve knows operators, not networks"
    if other.parts[0] == "backend" and other.as_posix() not in BACKEND_DOORS:
        return f"above backend only {' and '.join(sorted(BACKEND_DOORS))} are known"
    return None


def kernels_fault(root, path, quoted, name):
    target = resolve(root, path, name)
    if target is None:
        return "no such file in src/kernels" if quoted else None
    if target.parts[:2] == ("src", "kernels") or target.as_posix() == "include/gnewt/status.h":
        return None
    return "src/kernels includes nothing of the host but gnewt/status.h"


def public_fault(root, path, quoted, name):
    if not quoted:
        return None if name.endswith(".h") and name[:-2] in LIBC else "a public header includes gnewt/ and libc only"
    if not name.startswith("gnewt/") or not (root / "include" / name).is_file():
        return "a public header includes gnewt/ and libc only"
    if path.stem not in PUBLIC or RANK[PUBLIC.get(pathlib.Path(name).stem, "cli")] > RANK[PUBLIC[path.stem]]:
        return f"{path.name} is below {name}"
    return None


def check(root):
    """All violations in the tree, as text; and the number of #include lines read."""
    faults, count = [], 0
    for folder, fault_of in (("src/host", host_fault), ("src/kernels", kernels_fault), ("include", public_fault)):
        for path in sorted((root / folder).rglob("*")):
            if path.suffix not in (".h", ".c", ".cu", ".cuh"):
                continue
            for number, quoted, name in includes(path):
                count += 1
                fault = fault_of(root, path, quoted, name)
                if fault:
                    faults.append(f"{path.relative_to(root)}:{number}: #include {name}: {fault}")
    return faults, count


CLEAN = {
    "include/gnewt/status.h": "#include <stddef.h>",
    "include/gnewt/context.h": '#include "gnewt/status.h"',
    "include/gnewt/network.h": '#include "gnewt/context.h"',
    "include/gnewt/linearization.h": '#include "gnewt/network.h"',
    "include/gnewt/trainer.h": '#include "gnewt/context.h"',
    "src/host/core/status.h": '#include "gnewt/status.h"',
    "src/host/core/profile.c": "#include <nvtx3/nvToolsExt.h>",
    "src/host/backend/backend.h": '#include "gnewt/context.h"\n#include "core/status.h"',
    "src/host/backend/backend_list.h": '#include "backend/backend.h"',
    "src/host/backend/cpu/blas.c": '#include <cblas.h>\n#include "backend/backend.h"',
    "src/host/backend/cuda/blas.c": '#include <cublas_v2.h>\n#include "kernels.h"',
    "src/host/network/tape.h": '#include "backend/backend.h"',
    "src/host/linearization/gram.h": '#include "network/tape.h"',
    "src/host/solve/cg.h": '#include "gnewt/linearization.h"',
    "src/host/optimize/step.h": '#include "solve/cg.h"\n#include "linearization/gram.h"',
    "src/host/observe/ntk.h": '  # include "solve/cg.h"',
    "src/host/run/run.h": "#include <hdf5.h>",
    "src/host/cli/main.c": '#include "run/run.h"\n#include <unistd.h>',
    "src/kernels/kernels.h": '#include "gnewt/status.h"',
    "src/kernels/launch.cuh": "#include <cuda_runtime.h>",
    "src/kernels/scale.cu": '#include "launch.cuh"\n#include "kernels.h"',
}
PLANTED = {
    "src/host/network/a.c": '#include "run/run.h"',
    "src/host/network/b.c": '#include "gnewt/trainer.h"',
    "src/host/network/c.c": '#include "backend/backend_list.h"',
    "src/host/network/d.c": '#include "../linearization/gram.h"',
    "src/host/network/e.c": "#include <cblas.h>",
    "src/host/network/f.c": "#include <cuda_runtime.h>",
    "src/host/backend/cuda/f.c": "#include <nvtx3/nvToolsExt.h>",
    "src/host/network/g.c": '#include "nowhere.h"',
    "src/host/optimize/h.c": '#include "observe/ntk.h"',
    "src/host/solve/i.c": '#include "linearization/gram.h"',
    "src/host/solve/j.c": '#include "network/tape.h"',
    "src/host/solve/k.c": '#include "gnewt/network.h"',
    "src/host/backend/cpu/l.c": '#include "kernels.h"',
    "src/host/backend/cuda/m.c": '#include "launch.cuh"',
    "src/host/elsewhere/n.c": "#include <stdio.h>",
    "src/kernels/o.cu": '#include "core/status.h"',
    "src/kernels/p.cu": '#include "gnewt/context.h"',
    "include/gnewt/array.h": "#include <hdf5.h>",
    "include/gnewt/random.h": '#include "backend/backend.h"',
    "include/gnewt/problem.h": '#include "gnewt/trainer.h"',
}


def self_test():
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)

        def plant(name, text):
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text + "\n", encoding="utf-8")

        for name, text in CLEAN.items():
            plant(name, text)
        faults, _ = check(root)
        if faults:
            return ["the clean tree: " + fault for fault in faults]
        missed = []
        for name, text in PLANTED.items():
            plant(name, text)
            if not any(fault.startswith(name + ":1: ") for fault in check(root)[0]):
                missed.append(f"not found: {name}: {text}")
            (root / name).unlink()
        return missed


def main(arguments):
    if arguments == ["--self-test"]:
        faults, count = self_test(), len(PLANTED)
    elif len(arguments) == 1:
        faults, count = check(pathlib.Path(arguments[0]).resolve())
        if count == 0:
            faults = [f"no #include line under {arguments[0]}"]
    else:
        print(__doc__, file=sys.stderr)
        return 2
    print("\n".join(faults + [f"{count} includes, {len(faults)} faults"]))
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
