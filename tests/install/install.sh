#!/bin/bash
# install.sh SOURCE_DIR BUILD_DIR CMAKE GENERATOR CC: installs a build and uses it from outside, as the README says.
set -euo pipefail
source_dir=$1 build_dir=$2 cmake=$3 generator=$4 cc=$5
work=$build_dir/tests/installed
rm -rf "$work"
mkdir -p "$work/example"

"$cmake" --install "$build_dir" --prefix "$work/prefix" > "$work/install.log"
echo "== an install of a build that has no plugin (yet)"
sed 's/libgnewt-cuda\.so/libgnewt-not-built.so/g' "$build_dir/cmake_install.cmake" > "$work/partial.cmake"
"$cmake" -DCMAKE_INSTALL_PREFIX="$work/partial" -P "$work/partial.cmake" > "$work/partial.log"
[ -x "$work/partial/bin/gnewt" ]
# shellcheck disable=SC2016
sed -n '/^```c$/,/^```$/{/^```/d;p}' "$source_dir/README.md" > "$work/example/example.c"
cp "$source_dir/tests/install/CMakeLists.txt" "$work/example/"

# Runs a program and looks for the loss that the README's example prints, which must be small.
expect_example() {
    echo "== $*"
    "$@" | tee "$work/output"
    awk '/loss/ { found = 1; if ($NF + 0 < 1e-3) good = 1 } END { exit !(found && good) }' "$work/output"
}

echo "== find_package"
"$cmake" -G "$generator" -S "$work/example" -B "$work/example/build" -DCMAKE_PREFIX_PATH="$work/prefix" \
    -DCMAKE_C_COMPILER="$cc" > "$work/configure.log"
"$cmake" --build "$work/example/build"
expect_example "$work/example/build/example"

echo "== pkg-config"
libdir=$(dirname "$(find "$work/prefix" -name 'libgnewt.*' | head -n 1)")
export PKG_CONFIG_PATH=$libdir/pkgconfig
# shellcheck disable=SC2046
"$cc" "$work/example/example.c" $(pkg-config $([ -e "$libdir/libgnewt.so" ] || echo --static) --cflags --libs gnewt) -o "$work/example/example"
LD_LIBRARY_PATH=$libdir expect_example "$work/example/example"

echo "== the command"
"$work/prefix/bin/gnewt" info
"$work/prefix/bin/gnewt" schema > /dev/null

echo "== the README's experiment"
cd "$work"
# shellcheck disable=SC2016
sed -n '/^```yaml$/,/^```$/{/^```/d;p}' "$source_dir/README.md" > sines.yaml
prefix/bin/gnewt check sines.yaml > /dev/null
prefix/bin/gnewt run sines.yaml --out runs/sines --quiet
prefix/bin/gnewt plot runs/sines --out sines.svg
for file in config.yaml metrics.csv run.h5 checkpoint.h5 log.txt; do
    [ -s "runs/sines/$file" ]
done
[ -s sines.svg ]

if [ -e "$libdir/libgnewt.so" ]; then
    echo "== exported symbols: those the headers declare"
    nm -D --defined-only "$libdir/libgnewt.so" | awk '{ print $3 }' | sort > "$work/exported"
    sed -n 's/^ *\(gn_[a-z0-9_]*\);$/\1/p' "$build_dir/src/exports.map" | sort -u > "$work/declared"
    diff "$work/declared" "$work/exported"
    echo "== one BLAS"
    ldd "$work/prefix/bin/gnewt" | tee "$work/ldd" | grep -E 'blas|lapack'
    [ "$(grep -c -E '^\s*libopenblas' "$work/ldd")" -eq 1 ]
fi
