#!/bin/sh
# linkage.sh free FILE...       no FILE needs a library of CUDA's, nor does what it needs
# linkage.sh plugin FILE        shows gn_plugin_table alone; needs cuBLAS, cuSOLVER and libc's libraries, not libstdc++
set -eu
mode=$1
shift

needed() {
    readelf -d "$1" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p'
}

fail() {
    echo "linkage: $*" >&2
    exit 1
}

case $mode in
free)
    for file; do
        needed "$file" | grep -q libc || fail "$file cannot be read"
        if { needed "$file"; ldd "$file"; } | grep -E 'lib(cuda|cublas|cusolver|cusparse|nv[A-Z]|nvidia)'; then
            fail "$file needs CUDA"
        fi
    done
    ;;
plugin)
    shown=$(nm -D --defined-only "$1" | sed 's/.* //')
    [ "$shown" = gn_plugin_table ] || fail "$1 shows: $shown"
    echo "needed:" $(needed "$1")
    for library in libcublas libcusolver; do
        needed "$1" | grep -q "^$library\.so" || fail "$1 does not need $library"
    done
    if needed "$1" | grep -Ev '^(libcublas(Lt)?|libcusolver|libcusparse|libnvJitLink|libc|libm|libdl|librt|libpthread|libgcc_s|ld-linux-x86-64)\.so'; then
        fail "$1 needs more than it may"
    fi
    ;;
esac
