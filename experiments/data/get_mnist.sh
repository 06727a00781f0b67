#!/bin/sh
# Fetches the four files of MNIST (Y. LeCun, C. Cortes, C. Burges) into experiments/data/mnist and checks their SHA-256
# sums. Needs curl or wget. A mirror of your own: get_mnist.sh https://host/folder
set -eu
cd "$(dirname "$0")"
mirrors=${1:-https://ossci-datasets.s3.amazonaws.com/mnist https://storage.googleapis.com/cvdf-datasets/mnist}
mkdir -p mnist

sums='440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609  train-images-idx3-ubyte.gz
3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c  train-labels-idx1-ubyte.gz
8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6  t10k-images-idx3-ubyte.gz
f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6  t10k-labels-idx1-ubyte.gz'

fetch() {
    if command -v curl >/dev/null; then
        curl --fail --location --silent --show-error --output "$2" "$1"
    else
        wget --quiet --output-document="$2" "$1"
    fi
}

# The file under its own name only once its sum is right.
printf '%s\n' "$sums" | while read -r sum name; do
    if [ -f "mnist/$name" ] && printf '%s  mnist/%s\n' "$sum" "$name" | sha256sum --check --status; then
        continue
    fi
    found=no
    for mirror in $mirrors; do
        echo "$mirror/$name"
        if fetch "$mirror/$name" "mnist/$name.new" &&
            printf '%s  mnist/%s.new\n' "$sum" "$name" | sha256sum --check --status; then
            mv "mnist/$name.new" "mnist/$name"
            found=yes
            break
        fi
        rm -f "mnist/$name.new"
    done
    if [ "$found" = no ]; then
        echo "get_mnist.sh: no mirror gave $name with the right sum" >&2
        exit 1
    fi
done
