#!/bin/sh
# Every figure by one command: runs the experiments of this folder and writes the one report of all.
#
#   experiments/make_report.sh [--quick] [--out DIR] [NAME]...
#
# --quick: in their quick size. DIR (default: runs/all, or runs/all-quick) gets report.html, runs/ and a copy of the files
# that were run; the same command goes on where it was stopped. NAME: these alone, as fig3-2d (or its file). Experiments
# whose data are not there are passed over. GNEWT: the program, if it is not `gnewt`. Exit status: 0, or 1 where a run failed.
set -u
here=$(cd "$(dirname "$0")" && pwd)
gnewt=${GNEWT:-gnewt}
quick=
out=
names=

fail() {
    echo "make_report.sh: $1" >&2
    exit 2
}

while [ $# -gt 0 ]; do
    case $1 in
    --quick) quick=--quick ;;
    --out)
        [ $# -gt 1 ] || fail "--out needs a folder"
        out=$2
        shift
        ;;
    -h | --help)
        sed -n '2,8s/^# \{0,1\}//p' "$0"
        exit
        ;;
    -*) fail "there is no option $1; known are --quick and --out DIR" ;;
    *)
        name=$(basename "$1" .yaml)
        [ -r "$here/$name.yaml" ] || fail "there is no experiment $name in $here"
        names="$names $name"
        ;;
    esac
    shift
done
out=${out:-runs/all${quick:+-quick}}
"$gnewt" --version > /dev/null || fail "$gnewt does not run; ./bootstrap build makes it, then set GNEWT=build/cpu/bin/gnewt"

# The paper's figures come first, those that follow the runs of others last.
if [ -z "$names" ]; then
    names=$(cd "$here" && { ls fig*.yaml; grep -L 'reference:' *.yaml | grep -v '^fig'; grep -l 'reference:' *.yaml; } | sed 's/\.yaml$//')
fi

# The copy has ../runs, which some files name, beside it, and this folder's data.
mkdir -p "$out/experiments" "$out/runs" && cp "$here"/*.yaml "$out/experiments/" || exit 2
[ -e "$out/experiments/data" ] || ln -s "$here/data" "$out/experiments/data" || exit 2

code=0
for name in $names; do # the arguments: folders to report
    file=$out/experiments/$name.yaml
    data=$(sed -n 's/.*folder: *\([^,} ]*\).*/\1/p' "$file" | head -n 1)
    if [ -n "$data" ] && [ ! -d "$out/experiments/$data" ]; then
        echo "== $name: passed over, its data are not there: experiments/$data"
        continue
    fi
    verb=run
    ! grep -q '^sweep:' "$file" || verb=sweep
    echo "== $name"
    "$gnewt" $verb "$file" $quick --out "$out/runs/$name" --resume
    ended=$?
    [ $ended -ne 130 ] || exit 130
    [ $ended -eq 0 ] || code=1
    [ -z "$(find "$out/runs/$name" -name run.h5 2> /dev/null)" ] || set -- "$@" "$out/runs/$name"
done
[ $# -gt 0 ] || fail "there is nothing to report"
"$gnewt" report "$@" --out "$out/report.html" || code=1
exit $code
