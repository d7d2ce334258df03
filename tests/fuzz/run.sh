#!/bin/bash
# Runs the fuzz targets one after the other, from their seeds.
#   tests/fuzz/run.sh [SECONDS] [TARGET ...]     20 seconds each by default; all targets by default
# New inputs are kept in build/fuzz/corpus/TARGET, so that a later run goes on from there; what breaks a target is left in
# build/fuzz as crash-TARGET-..., and ends the script with its exit code. The last lines count executions and coverage.
set -euo pipefail
cd "$(dirname "$0")/../.."

seconds=${1:-20}
shift || true
here=$PWD/tests/fuzz
build=$PWD/build/fuzz

# Seeds that other tests have anyway.
declare -A more=([torch]=tests/golden/torch [safetensors]=tests/data)
targets=("$@")
if [ ${#targets[@]} -eq 0 ]; then
    for source in "$here"/fuzz_*.c; do
        name=$(basename "$source" .c)
        [ "$name" = fuzz_files ] || targets+=("${name#fuzz_}")
    done
fi

summary=()
for target in "${targets[@]}"; do
    corpus=$build/corpus/$target
    seeds=()
    for folder in "$here/seeds/$target" "${more[$target]-}"; do
        if [ -d "$folder" ]; then seeds+=("$folder"); fi
    done
    mkdir -p "$corpus"
    log=$build/fuzz-$target.log
    echo "fuzz: $target for $seconds s"
    status=0
    "$build/tests/fuzz/fuzz_$target" -max_total_time="$seconds" -timeout=25 -rss_limit_mb=2048 -max_len=65536 \
        -print_final_stats=1 -artifact_prefix="$build/crash-$target-" "$corpus" "${seeds[@]}" >"$log" 2>&1 || status=$?
    if [ $status -ne 0 ]; then
        tail -n 60 "$log"
        exit $status
    fi
    covered=$(grep -o 'cov: [0-9]* ft: [0-9]*' "$log" | tail -n 1)
    executed=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
    summary+=("$(printf '%-12s %12s executions, %s' "$target" "$executed" "$covered")")
done
printf '%s\n' "${summary[@]}"
