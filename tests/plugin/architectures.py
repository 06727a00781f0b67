#!/usr/bin/env python3
"""architectures.py PLUGIN COUNT KIND...

Reads what nvcc has put into a plugin's .nv_fatbin section and expects COUNT compiled files, each with exactly these KINDs
of code: sm_80, sm_90 (machine code), compute_90 (PTX). As `cuobjdump --list-elf --list-ptx` does, which comes apart from
nvcc."""
import struct
import sys

MAGIC = 0xBA55ED50
NAMES = {1: "compute_%d", 2: "sm_%d"}  # an entry's kind: PTX, machine code


def section(data, wanted):
    """The bytes of an ELF64 file's section."""
    table, = struct.unpack_from("<Q", data, 0x28)
    size, count, names_index = struct.unpack_from("<HHH", data, 0x3A)
    headers = [struct.unpack_from("<IIQQQQ", data, table + i * size) for i in range(count)]
    names = headers[names_index][4]
    for name, _, _, _, offset, length in headers:
        start = names + name
        if data[start:data.index(b"\0", start)].decode() == wanted:
            return data[offset:offset + length]
    return b""


def fatbins(data):
    """The kinds of code of each file that nvcc compiled."""
    at = 0
    while at + 16 <= len(data):
        magic, _, header, length = struct.unpack_from("<IHHQ", data, at)
        if magic != MAGIC:
            at += 8  # padding
            continue
        end, kinds = at + header + length, []
        at += header
        while at < end:
            kind, _, entry, body = struct.unpack_from("<HHIQ", data, at)
            architecture, = struct.unpack_from("<I", data, at + 28)
            kinds.append(NAMES.get(kind, "kind %d of" % kind + " %d") % architecture)
            at += entry + body
        yield sorted(kinds)


def main():
    path, count, expected = sys.argv[1], int(sys.argv[2]), sorted(sys.argv[3:])
    with open(path, "rb") as file:
        found = list(fatbins(section(file.read(), ".nv_fatbin")))
    print("%d files: %s" % (len(found), found))
    if len(found) != count or any(kinds != expected for kinds in found):
        sys.exit("%s: expected %d files, each with %s" % (path, count, " ".join(expected)))


main()
