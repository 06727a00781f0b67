#!/usr/bin/env python3
"""Write participation.h5: first matrices of networks for modular addition and the inverse participation ratios of their rows.

/p_<p>/weights (H x 2p) and /p_<p>/ratios (H): of each row the discrete Fourier transforms of its halves, one after the other,
scaled to norm 1, and of these 2p numbers the sum of |F|^4. Rows: noise, one frequency a half, noise beside a frequency.
"""

import sys

import numpy as np

import reference_files


def ratios(weights):
    halves = np.split(weights, 2, axis=1)
    spectra = np.hstack([np.fft.fft(half, axis=1) for half in halves])
    spectra /= np.linalg.norm(spectra, axis=1, keepdims=True)
    return np.sum(np.abs(spectra) ** 4, axis=1)


def rows(p, rng):
    j = np.arange(p)
    waves = [np.hstack([np.cos(2 * np.pi * k * j / p + rng.uniform(0, 6)) for _ in range(2)]) for k in (1, 2)]
    return np.stack([rng.standard_normal(2 * p), *waves, waves[0] + 0.3 * rng.standard_normal(2 * p)])


def make():
    rng = np.random.RandomState(11)
    arrays = {}
    for p in (6, 7, 23):
        arrays[f"p_{p}/weights"] = rows(p, rng)
        arrays[f"p_{p}/ratios"] = ratios(arrays[f"p_{p}/weights"])
    return arrays, {}


if __name__ == "__main__":
    sys.exit(reference_files.serve(__doc__, {"participation": make}, lambda name, arrays: f"{name}: {len(arrays)} arrays"))
