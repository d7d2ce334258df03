#!/bin/sh
# mvad from nothing to a report: installs what is missing, builds, renders a small multi-view data set, trains on it, evaluates,
# judges the test parts.
#   scripts/demo.sh [FOLDER]   FOLDER (default: demo) gets the data, the model, the tables, heat maps and report.html.
# A run that was interrupted goes on where it was. MVAD_DEMO_EPOCHS (default: 10) sets how long it trains.
set -eu
cd "$(dirname "$0")/.."
folder=${1:-demo}
begin=$(date +%s)

step() {
    echo
    echo "== $(($(date +%s) - begin)) s: $*"
}

step "1/7 install what is missing"
scripts/setup.sh

step "2/7 build (about a minute)"
cmake --preset release
cmake --build --preset release --target mvad_cli
mvad=build/release/mvad

step "3/7 render plates, caps, wheels and boards, five photographs each (some 20 seconds)"
mkdir -p "$folder"
$mvad synth --out "$folder/parts" --train 16 --test 10 --size 128

step "4/7 train on the good ones (about four minutes; the line below has an estimate)"
resume=
if [ -e "$folder/run/checkpoint.safetensors" ]; then resume=--resume; fi
$mvad train --data "$folder/parts" --out "$folder/run" --backbone resnet18 --size 128 --batch 2 --epochs "${MVAD_DEMO_EPOCHS:-10}" \
    --teacher-norm data --eval-every 5 $resume

step "5/7 evaluate on the test parts"
$mvad eval --model "$folder/run" --data "$folder/parts" --json "$folder/metrics.json" --csv "$folder/metrics.csv" \
    --markdown "$folder/metrics.md"

step "6/7 judge the test parts, with heat maps"
$mvad predict --model "$folder/run" --data "$folder/parts" --jsonl "$folder/verdicts.jsonl" \
    --heatmaps "$folder/heatmaps"

step "7/7 write the report"
$mvad report --model "$folder/run" --data "$folder/parts" --results "$folder/metrics.json" \
    --log "$folder/run/log.jsonl" --out "$folder/report.html"

step "done"
echo "Look at $folder/report.html; the model is $folder/run/model.safetensors."
