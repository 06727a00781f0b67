#!/usr/bin/env python3
"""Write fourier.h5: errors on periodic grids and the size of their Fourier modes, for the tests of the observer.

One dimension, N points, rows of `errors` apart:
    mode k = (2/N) |sum_j e_j exp(-2 pi i j k / N)|   for 1 <= k < N/2: the amplitude of the real wave of frequency k
    mode k = (1/N) |...|                              for k = 0, and for k = N/2 where N is even

Two dimensions, n x m points, row-major, N = n m, with E_kl = sum_ij e_ij exp(-2 pi i (ik/n + jl/m)) and k, l the signed
frequencies, -n/2 <= k < n/2 for even n:
    shell s = sqrt(sum of |E_kl|^2 over max(|k|, |l|) = s) / N
so that the squares of all shells add up to the mean of e^2. The shells 0..9 of the 20 x 20 grid leave out its shell of
Nyquist frequencies, 10, which `remainder` holds: the root of what the shells stored leave of the mean square.

The transforms are explicit sums with the twiddles' angles reduced exactly, checked against numpy.fft here.
"""

import argparse
import pathlib

import h5py
import numpy as np

HERE = pathlib.Path(__file__).resolve().parent


def dft_matrix(n):
    """exp(-2 pi i j k / n); the product j k is reduced modulo n while it is still an integer."""
    j = np.arange(n)
    return np.exp(-2j * np.pi * (np.outer(j, j) % n) / n)


def modes_1d(e, count):
    """Amplitudes of the frequencies 0..count-1."""
    n = len(e)
    transform = dft_matrix(n) @ e
    assert np.allclose(transform, np.fft.fft(e), rtol=0.0, atol=1e-13 * n)
    k = np.arange(count)
    single = (k == 0) | (2 * k == n)
    return np.where(single, 1.0, 2.0) / n * np.abs(transform[:count])


def shells_2d(e, count):
    """Root-mean-square contributions of the shells 0..count-1, and of all the others together."""
    n, m = e.shape
    transform = dft_matrix(n) @ e @ dft_matrix(m).T
    assert np.allclose(transform, np.fft.fft2(e), rtol=0.0, atol=1e-13 * e.size)
    rows, columns = (np.abs(np.fft.fftfreq(points, 1.0 / points)).round().astype(int) for points in (n, m))
    shell = np.maximum(rows[:, None], columns[None, :])
    squares = np.bincount(shell.ravel(), (np.abs(transform) ** 2).ravel()) / e.size**2
    assert abs(squares.sum() - np.mean(e * e)) < 1e-13 * np.mean(e * e)
    return np.sqrt(squares[:count]), np.sqrt(squares[count:].sum())


def errors_1d(n, rng):
    """Three errors: waves of known amplitude, noise, and a step."""
    j, known = np.arange(n), {0: 0.125, 1: 0.75, 3: 0.5, 5: 1e-3}
    waves = -known[0] + sum(known[k] * np.cos(2.0 * np.pi * k * j / n + k) for k in (1, 3, 5))
    if n % 2 == 0:
        waves, known[n // 2] = waves + 0.25 * (-1.0) ** j, 0.25
    found = modes_1d(waves, n // 2 + 1)
    assert all(abs(found[k] - known.get(k, 0.0)) < 1e-14 for k in range(n // 2 + 1))
    return np.stack([waves, rng.standard_normal(n), np.where(j < n // 2, 1.0, -1.0)])


def errors_2d(n, m, rng):
    """Two errors: a discontinuous product of signs with a wave along each axis, and noise."""
    x, y = (-1.0 + 2.0 * (np.arange(points) + 0.5) / points for points in (n, m))
    steps = np.sign(x)[:, None] * np.sign(y)[None, :]
    waves = 0.3 * np.sin(2.0 * np.pi * x)[:, None] + 0.1 * np.cos(np.pi * y)[None, :] + 0.05
    return np.stack([steps + waves, rng.standard_normal((n, m))])


def main():
    parser = argparse.ArgumentParser(description="write fourier.h5")
    parser.add_argument("--out", type=pathlib.Path, default=HERE, help="folder to write to")
    rng = np.random.RandomState(7)
    with h5py.File(parser.parse_args().out / "fourier.h5", "w", libver=("v108", "v110")) as file:
        for n, count in ((100, 11), (16, 9), (15, 8)):
            errors = errors_1d(n, rng)
            file.create_dataset(f"line_{n}/errors", data=errors)
            file.create_dataset(f"line_{n}/modes", data=np.stack([modes_1d(e, count) for e in errors]))
        for n, m, count in ((20, 20, 10), (6, 5, 4)):
            errors = errors_2d(n, m, rng)
            shells, remainder = zip(*(shells_2d(e, count) for e in errors))
            file.create_dataset(f"grid_{n}x{m}/errors", data=errors)
            file.create_dataset(f"grid_{n}x{m}/shells", data=np.stack(shells))
            file.create_dataset(f"grid_{n}x{m}/remainder", data=np.array(remainder))


if __name__ == "__main__":
    main()
