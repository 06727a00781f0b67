#!/bin/bash
# Runs the Dockerfile where there is no Docker: each stage is a folder made by debootstrap from the distribution of the
# stage's base, and each instruction does in a chroot what it does in an image. Then, as the image's user, one small
# experiment with its figure. As root:
#   tests/container/chroot.sh [TARGET]       cpu (the default) or cuda
# NVIDIA's images are Ubuntu with this host's /usr/local/cuda in it; without that folder, cuda cannot be tried. Packages
# needed: debootstrap, and for cuda Ubuntu's archive keyring (or DEBOOTSTRAP_OPTIONS=--no-check-gpg).
# CHROOT_CACHE keeps the bases for the next time (default: /var/cache/gnewt-chroot).
set -euo pipefail
here=$(cd "$(dirname "$0")/../.." && pwd)
cache=${CHROOT_CACHE:-/var/cache/gnewt-chroot}
target=${1:-cpu}

fail() {
    echo "chroot.sh: $*" >&2
    exit 1
}

[ "$(id -u)" -eq 0 ] || fail "needs root, for chroot and mounts"
command -v debootstrap > /dev/null || fail "needs debootstrap"
# Mounts end with the namespace, whatever happens here.
[ -n "${CHROOT_NAMESPACE:-}" ] ||
    exec env CHROOT_NAMESPACE=1 unshare --mount --propagation private --pid --fork --kill-child "$0" "$@"
work=$(mktemp -d)
trap 'awk -v work="$work/" "index(\$2, work) == 1 { print \$2 }" /proc/mounts | sort -r | xargs -r umount && rm -rf "$work"' EXIT

# ---- the base images

# distribution SUITE MIRROR [COMPONENTS]: its archive in the cache.
distribution() {
    local tar=$cache/$1.tar script=$1 options=()
    [ -e "$tar" ] && return
    # Ubuntu's suites, known to this debootstrap or not, are all made alike
    [ -e "/usr/share/debootstrap/scripts/$1" ] || script=gutsy
    read -r -a options <<< "${DEBOOTSTRAP_OPTIONS:-}"
    mkdir -p "$cache"
    rm -rf "${cache:?}/$1"
    debootstrap "${options[@]}" --variant=minbase --components="${3:-main}" "$1" "$cache/$1" "$2" \
        "/usr/share/debootstrap/scripts/$script" > "$cache/$1.log" || fail "debootstrap failed, see $cache/$1.log"
    tar -cf "$tar.new" -C "$cache/$1" . && mv "$tar.new" "$tar"
    rm -rf "${cache:?}/$1"
}

# bind SOURCE TARGET
bind() {
    mkdir -p "$2"
    mount --bind -o ro "$1" "$2"
}

# What stands for a base image: fills $root and adds to $environment.
base() {
    local suite mirror=http://archive.ubuntu.com/ubuntu components=main,universe
    case $1 in
        debian:12-slim) suite=bookworm mirror=http://deb.debian.org/debian components=main ;;
        nvidia/cuda:13.*-ubuntu24.04) suite=noble ;;
        *) fail "no stand-in for the image $1" ;;
    esac
    distribution "$suite" "$mirror" "$components"
    mkdir "$root"
    tar -xf "$cache/$suite.tar" -C "$root"
    cp /etc/resolv.conf /etc/hosts "$root/etc/"
    mount -t proc proc "$root/proc"
    environment=(PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root)
    [ "$suite" = noble ] || return 0
    [ -d /usr/local/cuda/lib64 ] || fail "no /usr/local/cuda here to stand for $1"
    case $1 in # the run-time image has the libraries alone
        *-devel-*) bind "$(realpath /usr/local/cuda)" "$root/usr/local/cuda" ;;
        *-runtime-*) bind "$(realpath /usr/local/cuda/lib64)" "$root/usr/local/cuda/lib64" ;;
    esac
    environment[0]=PATH=/usr/local/cuda/bin:${environment[0]#PATH=}
    environment+=(LD_LIBRARY_PATH=/usr/local/cuda/lib64)
}

# ---- the instructions

# inside COMMAND...: as the stage's user, with its environment, in its working directory.
inside() {
    # shellcheck disable=SC2016
    chroot --userspec="${user:-0:0}" "$root" /usr/bin/env -i "${environment[@]}" \
        /bin/sh -c 'cd "$0" && exec "$@"' "$directory" "$@"
}

# Copies what .dockerignore lets through of one path of the source; that file only re-admits names after a "*".
copy_context() {
    local name from=${1%/}
    [ "$(grep -v '^#' "$here/.dockerignore" | head -n 1)" = "*" ] || fail ".dockerignore is not a list of exceptions"
    while read -r name; do
        [[ $name == '!'* ]] || fail ".dockerignore: $name"
        name=${name#!}
        if [ "$from" = . ] || [ "$from" = "$name" ]; then
            cp -r "$here/$name" "$2"
        fi
    done < <(grep -v '^#' "$here/.dockerignore" | tail -n +2)
}

# copy [--from=STAGE] SOURCE TARGET
copy() {
    local stage=""
    [[ $1 != --from=* ]] || { stage=${1#--from=} && shift; }
    [ $# -eq 2 ] || fail "COPY $*"
    local to=$2
    [[ $to == /* ]] || to=$directory/$to
    if [ -n "$stage" ]; then
        cp -a "$work/$stage$1" "$root$to"
    else
        mkdir -p "$root$to"
        copy_context "$1" "$root$to"
    fi
}

# instruction NAME REST
instruction() {
    local rest=$2 pair words
    echo "=== $stage_name: $1 $rest"
    case $1 in
        RUN) inside /bin/sh -c "$rest" < /dev/null ;;
        COPY) read -r -a words <<< "$rest" && copy "${words[@]}" ;;
        WORKDIR) directory=$rest && mkdir -p "$root$rest" ;;
        ENV)
            for pair in $rest; do
                # shellcheck disable=SC2016
                environment+=("$(env -i "${environment[@]}" /bin/sh -c "printf %s \"$pair\"")")
            done
            ;;
        USER) user=$(chroot "$root" id -u "$rest"):$(chroot "$root" id -g "$rest") ;;
        VOLUME) volume=$rest ;;
        ENTRYPOINT) entrypoint=$(tr -d '[]",' <<< "$rest") ;;
        CMD) default=$(tr -d '[]",' <<< "$rest") ;;
        *) fail "an instruction that this script does not know: $1" ;;
    esac
}

# The Dockerfile without comments, an instruction a line.
instructions() {
    grep -v '^ *#' "$here/Dockerfile" | sed -e ':a' -e '/\\$/N; s/\\\n//; ta' | grep -v '^ *$'
}

# What a stage is made of: itself and the stages that it copies from, in the file's order.
wanted=$(instructions | awk -v target="$target" '
    $1 == "FROM" { stage = $4 }
    match($0, /--from=[^ ]+/) { from[stage] = from[stage] " " substr($0, RSTART + 7, RLENGTH - 7) }
    END { print from[target], target }')
[[ $(instructions) == *" AS $target"* ]] || fail "the Dockerfile has no stage $target"

while read -r word rest; do
    if [ "$word" = FROM ]; then
        read -r image _ stage_name <<< "$rest"
        root=$work/$stage_name directory=/ user="" volume="" entrypoint="" default=""
        [[ " $wanted " != *" $stage_name "* ]] || { echo "=== FROM $rest" && base "$image"; }
    elif [[ " $wanted " == *" $stage_name "* ]]; then
        [ "$word" != ENTRYPOINT ] || final=$stage_name
        instruction "$word" "$rest"
    fi
    # the rest of the file is for other targets
    if [ "$stage_name" = "$target" ] && [ "$word" = CMD ]; then break; fi
done < <(instructions)
[ "${final:-}" = "$target" ] || fail "$target has no ENTRYPOINT"

# ---- the image, used

runs=$work/host-runs
image_size=$(du -sm --exclude="$root/proc" --exclude="$root/usr/local/cuda" "$root" | cut -f 1)

# run UID:GID ARGUMENT...: docker run --user UID:GID --volume RUNS:VOLUME IMAGE ARGUMENT...
run() {
    local user=$1
    shift
    # shellcheck disable=SC2086
    inside $entrypoint "$@"
}

# A whole experiment as one user; what it wrote must be there, and that user's.
experiment() {
    local file
    rm -rf "$runs" && install -d -o "${1%:*}" -g "${1#*:}" "$runs"
    mount --bind "$runs" "$root$volume"
    # shellcheck disable=SC2016
    sed -n '/^```yaml$/,/^```$/{/^```/d;p}' "$here/README.md" > "$runs/sines.yaml"
    run "$1" run sines.yaml --out sines --quiet --set phases.0.steps=20
    run "$1" plot sines --out sines.png 2> "$work/plot.log"
    run "$1" sweep /opt/gnewt/experiments/fig3-spectral-bias.yaml --out fig3 --quiet \
        --set phases.0.steps=20 --set 'sweep.1.values=[0]'
    cat "$work/plot.log"
    [ ! -s "$work/plot.log" ] || ! grep -i -E 'font|warn|error' "$work/plot.log" || fail "gnuplot complained"
    for file in sines/config.yaml sines/metrics.csv sines/run.h5 sines/checkpoint.h5 sines.png \
        fig3/figures/fig3-spectral-bias.png; do
        [ -s "$runs/$file" ] || fail "$file was not written"
        [ "$(stat -c %u "$runs/$file")" = "${1%:*}" ] || fail "$file is not of user $1"
    done
    umount "$root$volume"
}

echo "=== $entrypoint $default"
# shellcheck disable=SC2086
run "$user" $default | tee "$work/info"
grep -q '^cpu .*cpu' "$work/info" || fail "the CPU is not named"
if [ "$target" = cuda ]; then
    grep -q '^cuda .*no NVIDIA driver here' "$work/info" || fail "what is said without --gpus"
    # A driver's library that answers nothing but "I am a stub": cuBLAS, cuSOLVER and the plugin are loaded before it.
    cp /usr/local/cuda/lib64/stubs/libcuda.so "$root/usr/lib/x86_64-linux-gnu/libcuda.so.1"
    run "$user" info | tee "$work/info"
    grep -q '^cuda .*stub' "$work/info" || fail "the plugin does not load"
    rm "$root/usr/lib/x86_64-linux-gnu/libcuda.so.1"
fi
[ "${user%:*}" -ne 0 ] || fail "the image runs as root"
echo "=== an experiment as the image's user, and as one that the image does not know"
experiment "$user"
experiment 12345:12345
echo "=== $target: done; $image_size MB, base included, CUDA's libraries not"
