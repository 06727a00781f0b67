#!/usr/bin/env python3
"""Write philox.h5: known answers of Philox4x32-10 and the raw words of a stream, for the tests of the random numbers.

The generator and its three known answers are those of J. K. Salmon, M. A. Moraes, R. O. Dror and D. E. Shaw, "Parallel
random numbers: as easy as 1, 2, 3", SC11, and of the kat_vectors file of its authors' Random123 library.

A stream's block b of four words has
    key     = (seed mod 2^32, seed div 2^32)
    counter = (b mod 2^32, b div 2^32, stream, 0)
"""

import argparse
import pathlib

import h5py
import numpy as np

HERE = pathlib.Path(__file__).resolve().parent
LOW = np.uint64(0xFFFFFFFF)
HALF = np.uint64(32)
MULTIPLIERS = (np.uint64(0xD2511F53), np.uint64(0xCD9E8D57))
WEYL = (np.uint64(0x9E3779B9), np.uint64(0xBB67AE85))  # golden ratio and sqrt(3) - 1, added to the key each round
ROUNDS = 10

KNOWN = (  # counter, key, output
    ("00000000 00000000 00000000 00000000", "00000000 00000000", "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
    ("ffffffff ffffffff ffffffff ffffffff", "ffffffff ffffffff", "408f276d 41c83b0e a20bc7c6 6d5451fd"),
    ("243f6a88 85a308d3 13198a2e 03707344", "a4093822 299f31d0", "d16cfe09 94fdcceb 5001e420 24126ea1"),
)


def philox(counters, keys):
    """B x 4 counters and B x 2 keys -> B x 4 words, all uint32; 64-bit words hold the products."""
    c0, c1, c2, c3 = counters.astype(np.uint64).T
    k0, k1 = keys.astype(np.uint64).T
    for _ in range(ROUNDS):
        product0, product1 = MULTIPLIERS[0] * c0, MULTIPLIERS[1] * c2
        c0, c1, c2, c3 = (product1 >> HALF) ^ c1 ^ k0, product1 & LOW, (product0 >> HALF) ^ c3 ^ k1, product0 & LOW
        k0, k1 = (k0 + WEYL[0]) & LOW, (k1 + WEYL[1]) & LOW
    return np.stack([c0, c1, c2, c3], axis=1).astype(np.uint32)


def stream_words(seed, stream, first_block, blocks):
    block = np.uint64(first_block) + np.arange(blocks, dtype=np.uint64)
    counters = np.stack([block & LOW, block >> HALF, np.full_like(block, stream), np.zeros_like(block)], axis=1)
    keys = np.tile(np.array([seed & 0xFFFFFFFF, seed >> 32], dtype=np.uint64), (blocks, 1))
    return philox(counters, keys)


def known_answers():
    """Counters 3 x 4, keys 3 x 2 and outputs 3 x 4, which the generator above is held to."""
    counters, keys, outputs = (
        np.array([[int(word, 16) for word in words.split()] for words in column], dtype=np.uint32)
        for column in zip(*KNOWN)
    )
    assert np.array_equal(philox(counters, keys), outputs)
    return counters, keys, outputs


def main():
    parser = argparse.ArgumentParser(description="write philox.h5")
    parser.add_argument("--out", type=pathlib.Path, default=HERE, help="folder to write to")
    sequences = {
        "sequence": {"seed": 42, "stream": 1, "first_block": 0, "blocks": 64},
        # both halves of the seed, and a block number that carries into its high word
        "sequence_wide": {"seed": 0x0123456789ABCDEF, "stream": 3, "first_block": 2**32 - 4, "blocks": 8},
    }
    with h5py.File(parser.parse_args().out / "philox.h5", "w", libver=("v108", "v110")) as file:
        for name, value in zip(("counter", "key", "output"), known_answers()):
            file.create_dataset(f"known/{name}", data=value)
        for name, choice in sequences.items():
            file.create_dataset(f"{name}/words", data=stream_words(**choice))
            for key, value in choice.items():
                file[name].attrs[key] = np.uint64(value)


if __name__ == "__main__":
    main()
