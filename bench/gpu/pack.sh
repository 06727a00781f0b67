#!/bin/bash
# Packs a build for a GPU host that has CUDA but not the packages to build gnewt, nor a network:
#   bench/gpu/pack.sh [BUILD_DIR [OUT.tar.gz]]          default: build/cpu gnewt-gpu.tar.gz
#   tar -xzf gnewt-gpu.tar.gz && gnewt-gpu/bench/gpu/run.sh         there
# In it: the programs, the plugin, what the tests read, and the shared libraries that these need here. The C library,
# CUDA's libraries and the driver stay the host's own; its C library must not be older than this one's.
set -euo pipefail
source=$(cd "$(dirname "$0")/../.." && pwd)
build=$(realpath "${1:-$source/build/cpu}")
out=$(realpath -m "${2:-gnewt-gpu.tar.gz}")

fail() {
    echo "pack.sh: $*" >&2
    exit 1
}

for file in bin/gnewt bench/gnewt-bench tests/test-backend tests/bug-matrix lib/gnewt/libgnewt-cuda.so; do
    [ -e "$build/$file" ] || fail "no $file in $build: configure with -DGNEWT_CUDA=ON, and build all of it"
done
stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT
root=$stage/gnewt-gpu
mkdir -p "$root"/{build/tests,build/bench,build/bin,build/lib/gnewt,bench/gpu,tests,packed/lib}

find "$build/tests" -maxdepth 1 -type f -executable '(' -name 'test-*' -o -name bug-matrix ')' \
    -exec cp '{}' "$root/build/tests/" ';'
cp "$build/bench/gnewt-bench" "$root/build/bench/"
cp "$build/bin/gnewt" "$root/build/bin/"
cp "$build/lib/gnewt/libgnewt-cuda.so" "$root/build/lib/gnewt/"
cp "$source/bench/gpu/run.sh" "$root/bench/gpu/"
cp -r "$source/tests/reference" "$root/tests/"
cp -r "$source/experiments" "$root/"
git -C "$source" describe --always --dirty > "$root/packed/commit" 2> /dev/null || echo unknown > "$root/packed/commit"
echo "$source" > "$root/packed/source" # the path that the tests look for their files in
echo "$build" > "$root/packed/build"

# The host's own: the C and C++ libraries, and whatever is CUDA's.
own='/(ld-linux[^/]*|lib(c|m|mvec|dl|rt|pthread|resolv|util|anl|gcc_s|stdc\+\+)\.so[^/]*)$|/lib(cuda|cudart|cublas|cublasLt|cusolver|cusparse|nvJitLink)\.so[^/]*$'
find "$root/build" -type f -exec ldd '{}' + > "$stage/ldd"
if grep 'not found' "$stage/ldd" | grep -v -E 'lib(cuda|cublas|cusolver|cusparse|nvJitLink)' >&2; then
    fail "these libraries are missing here"
fi
awk '$2 == "=>" && $3 ~ /^\// { print $3 }' "$stage/ldd" | sort -u | { grep -v -E "$own" || true; } |
    while read -r library; do cp -L "$library" "$root/packed/lib/"; done

tar -C "$stage" -czf "$out" gnewt-gpu
echo "$out: $(du -h "$out" | cut -f 1), $(find "$root/packed/lib" -type f | wc -l) libraries," \
    "$(find "$root/build/tests" -type f | wc -l) programs of tests, commit $(cat "$root/packed/commit")"
