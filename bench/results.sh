#!/bin/sh
# Measures what lies under bench/results/: bench/results.sh [FOLDER [MODEL OPTION...]]
#
# Everything is run on every device there is; PyTorch beside it where MVAD_PYTHON (default python3) has torch and
# MVAD_REFERENCE_DIR (default ../shared) the reference. Takes some fifteen minutes on two cores that have nothing else to do.
# MVAD_BENCH names the program (default build/release/mvad-bench).
set -eu
cd "$(dirname "$0")/.."
bench=${MVAD_BENCH:-build/release/mvad-bench}
python=${MVAD_PYTHON:-python3}
export MVAD_REFERENCE_DIR="${MVAD_REFERENCE_DIR:-../shared}"
out=${1:-bench/results}
[ $# -eq 0 ] || shift
mkdir -p "$out"
devices=$("$(dirname "$bench")/mvad" devices | awk 'NR > 1 { print $1 }')

# run FILE COMMAND...: its Markdown and JSON from one run, each file replaced as a whole.
run() {
    file=$1
    shift
    echo "$file" >&2
    "$bench" "$@" --format markdown --save "$out/$file.json" > "$out/$file.md.new"
    mv "$out/$file.md.new" "$out/$file.md"
}

run scaling scaling --svg "$out" "$@"
run tables tables --dry-run
for device in $devices; do
    name=$(echo "$device" | tr -d :)
    run "step-$name" step --device "$device" --ops --repeats 5 "$@"
    run "train-$name" step --device "$device" --train --batch 1 --ops --repeats 3 "$@"
    run "latency-$name" latency --device "$device" --repeats 20 "$@"
    run "tables-$name" tables --device "$device" --batch 1 --repeats 3 --only II,VI
done
run scaling-time scaling --measure --repeats 3 --only views,threads --limit 110 --svg "$out" "$@"
if "$python" -c 'import torch' 2>/dev/null && [ -e "$MVAD_REFERENCE_DIR/reference/mvad_ref.py" ]; then
    echo torch >&2
    "$python" bench/compare_torch.py --repeats 3 "$@" > "$out/torch.json.new"
    mv "$out/torch.json.new" "$out/torch.json"
    run compare compare --repeats 3 --torch "$out/torch.json" "$@"
else
    run compare compare --repeats 3 "$@"
fi
