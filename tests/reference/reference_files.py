"""What the scripts that make reference files share: how files are written, and compared with a fresh computation."""

import argparse
import pathlib

import h5py
import numpy as np

HERE = pathlib.Path(__file__).resolve().parent


def relative_error(found, expected):
    return np.max(np.abs(found - expected)) / max(np.max(np.abs(expected)), 1e-300)


def serve(description, files, say):
    """The command line of a script. files: {name of a file: a function that gives ({path: array}, attributes)}; say:
    (name, arrays) to what is printed of a file that was written. Returns the exit status."""
    parser = argparse.ArgumentParser(description=description.split("\n\n")[0])
    parser.add_argument("--out", type=pathlib.Path, default=HERE, help="folder to write to")
    parser.add_argument("--compare", action="store_true", help="compare with the files in --out instead of writing")
    options = parser.parse_args()
    failed = False
    for name, make in files.items():
        arrays, attributes = make()
        path = options.out / f"{name}.h5"
        if options.compare:
            with h5py.File(path, "r") as file:
                worst = max((relative_error(file[k][()], a), k) for k, a in arrays.items())
            failed |= not worst[0] <= 1e-9
            print(f"{name:20s} {worst[0]:.1e} {worst[1]}")
            continue
        with h5py.File(path, "w", libver=("v108", "v110")) as file:
            for k, a in arrays.items():
                file.create_dataset(k, data=a)
            file.attrs.update(attributes)
        print(say(name, arrays))
    return int(failed)


def together(cases, compute):
    """The arrays of several cases in one file, under their names."""
    return {f"{case}/{k}": a for case in cases for k, a in compute(case).items()}
