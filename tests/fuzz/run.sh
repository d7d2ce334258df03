#!/bin/bash
# Runs the fuzz targets from their seeds, as many at a time as there are processors.
#   tests/fuzz/run.sh [SECONDS] [TARGET ...]     60 seconds each by default; all targets by default
# New inputs are kept in build/fuzz/corpus/TARGET, so that a later run goes on from there; what breaks a target is left in
# build/fuzz as crash-TARGET-..., and the script ends with 1. The last lines count executions and coverage.
set -euo pipefail
cd "$(dirname "$0")/../.."

seconds=${1:-60}
shift || true
here=$PWD/tests/fuzz
build=$PWD/build/fuzz
processors=$(nproc) # before OMP_NUM_THREADS, which nproc heeds
export OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 # a target has a processor

# Seeds that other tests have anyway.
torch=tests/golden/torch # of all three containers: a target passes over the others'
declare -A more=([torch_zip]=$torch [torch_stream]=$torch [torch_tar]=$torch [safetensors]=tests/data)
targets=("$@")
if [ ${#targets[@]} -eq 0 ]; then
    for source in "$here"/fuzz_*.c; do
        name=$(basename "$source" .c)
        [ "$name" = fuzz_files ] || targets+=("${name#fuzz_}")
    done
fi

# One target; its output goes to a log of its own, and after that its exit code to a file beside it.
run_target() {
    local target=$1 seeds=() folder status=0
    for folder in "$here/seeds/$target" "${more[$target]-}"; do
        if [ -d "$folder" ]; then seeds+=("$folder"); fi
    done
    mkdir -p "$build/corpus/$target"
    "$build/tests/fuzz/fuzz_$target" -max_total_time="$seconds" -timeout=25 -rss_limit_mb=2048 -max_len=65536 \
        -print_final_stats=1 -artifact_prefix="$build/crash-$target-" "$build/corpus/$target" "${seeds[@]}" \
        >"$build/fuzz-$target.log" 2>&1 || status=$?
    echo $status >"$build/fuzz-$target.status"
}

for target in "${targets[@]}"; do
    while [ "$(jobs -pr | wc -l)" -ge "$processors" ]; do wait -n || true; done
    echo "fuzz: $target for $seconds s"
    rm -f "$build/fuzz-$target.status"
    run_target "$target" &
done
wait

failed=0
for target in "${targets[@]}"; do
    log=$build/fuzz-$target.log
    if [ "$(cat "$build/fuzz-$target.status" 2>/dev/null)" != 0 ]; then
        tail -n 60 "$log"
        echo "fuzz: $target failed" >&2
        failed=1
        continue
    fi
    covered=$(grep -o 'cov: [0-9]* ft: [0-9]*' "$log" | tail -n 1)
    executed=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
    printf '%-12s %12s executions, %s\n' "$target" "$executed" "$covered"
done
exit $failed
