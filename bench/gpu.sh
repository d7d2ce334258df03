#!/bin/sh
# Tests, checks and measures mvad on a machine with a GPU; no network, ten minutes at most.
#   bench/gpu.sh [OPTION...]               with build/release of this folder, which is built first where it can be
#   bench/gpu.sh --pack FILE.tar.xz [--build DIR]   makes FILE of build/release or DIR: programs, tests, golden files and the
#                                          libraries they need, for a machine that has nothing but the driver, the toolkit and
#                                          Python; a build for that machine's architecture alone makes it a quarter as large
#   bench/gpu.sh --use FILE.tar.xz [OPTION...]   runs from such a file
#
# Options:
#   --device ID       default cuda:0
#   --out FOLDER      default gpu-results; logs, a JSON file of every measurement, table.md and gpu.json
#   --reference DIR   with reference/mvad_ref.py, golden/ and data/photos, default ../shared, else shared
#   --limit SECONDS   for everything, default 560; what no longer fits is reported as not run
#   --parts LIST      of tests,quality,speed,sanitizer,torch, default all
#   --small           a model of a few seconds on a processor, to rehearse this script
#
# Tests, trainings for quality and torch.compile's compilation run side by side; measurements have the machine for themselves.
#
# MVAD_PYTHON names a Python with torch (default python3); without torch, mvad is measured alone. An OpenCL driver of NVIDIA
# that no ICD file points to is found by itself.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
build=$root/build/release
device=cuda:0 out=gpu-results reference='' limit=560 pack='' use='' model=''
parts=tests,quality,speed,sanitizer,torch
while [ $# -gt 0 ]; do
    case $1 in
    --device) device=$2; shift ;;
    --out) out=$2; shift ;;
    --reference) reference=$2; shift ;;
    --limit) limit=$2; shift ;;
    --parts) parts=$2; shift ;;
    --pack) pack=$2; shift ;;
    --build) build=$2; shift ;;
    --use) use=$2; shift ;;
    --small) model='--backbone resnet18 --size 64 --views 2 --windows 4,4,2 --topk 4,4,2' ;;
    *) echo "gpu.sh: $1: no such option; see the head of this file" >&2; exit 2 ;;
    esac
    shift
done
tests='test_ops test_overlap test_golden test_reference'

# Everything but the C library itself, which belongs to the machine.
libraries() {
    ldd "$@" | awk '$3 ~ /^\// { print $3 }' | sort -u | grep -Ev '/(libc|libm|libdl|libpthread|librt)\.so' || true
}

if [ -n "$pack" ]; then
    staging=$(mktemp -d)
    trap 'rm -rf "$staging"' EXIT
    mkdir "$staging/bin" "$staging/lib"
    cp "$build/mvad" "$build/mvad-bench" "$staging/bin"
    for test in $tests; do cp "$build/tests/$test" "$staging/bin"; done
    # shellcheck disable=SC2046 # a list of paths without spaces
    cp -L $(libraries "$build/mvad-bench" "$build/tests/test_ops") "$staging/lib"
    strip --strip-debug "$staging"/bin/* "$staging"/lib/*
    cp -r "$root/tests/golden" "$staging/golden"
    # Tests hold the library each: with a dictionary of their size they take no more room than one.
    tar -C "$staging" -cf - . | xz -T1 --lzma2=dict=128MiB > "$pack"
    ls -l "$pack"
    exit 0
fi

started=$(date +%s)
mkdir -p "$out"
out=$(cd "$out" && pwd)
: > "$out/steps.txt"
left() { echo $((limit - $(date +%s) + started)); }

# step NAME SECONDS COMMAND...: its output to NAME.log; its end, "passed", "failed" or why it was not run, to steps.txt.
step() {
    name=$1 seconds=$2
    shift 2
    [ "$(left)" -ge "$seconds" ] || seconds=$(left)
    if [ "$seconds" -lt 5 ]; then
        echo "$name not run: the time is up" | tee -a "$out/steps.txt"
        return 0
    fi
    begun=$(date +%s)
    if timeout "$seconds" "$@" > "$out/$name.log" 2>&1; then result=passed; else result="failed ($?)"; fi
    # A test that skips everything has shown nothing.
    if [ "$result" = passed ] && grep -q '\[  PASSED  \] 0 test' "$out/$name.log"; then result='skipped: see its log'; fi
    echo "$name $result, $(($(date +%s) - begun)) s" | tee -a "$out/steps.txt"
}

if [ -n "$use" ]; then
    bin=$out/pack/bin
    mkdir -p "$out/pack"
    tar -C "$out/pack" -xJf "$use"
    golden=$out/pack/golden
    export LD_LIBRARY_PATH="$out/pack/lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
else
    if command -v cmake >/dev/null && command -v ninja >/dev/null; then
        (cd "$root" && cmake --preset release && cmake --build --preset release) > "$out/build.log" 2>&1 ||
            { echo "gpu.sh: the build failed, see $out/build.log" >&2; exit 1; }
    fi
    bin=$out/bin
    mkdir -p "$bin"
    for program in "$build/mvad" "$build/mvad-bench"; do ln -sf "$program" "$bin"; done
    for test in $tests; do ln -sf "$build/tests/$test" "$bin"; done
    golden=$root/tests/golden
    started=$(date +%s)
fi
if [ -z "$reference" ]; then
    for folder in "$root/../shared" "$root/shared"; do [ ! -d "$folder/reference" ] || reference=$folder; done
fi

# cuBLAS of the toolkit, or of PyTorch's wheels, where the loader does not find one.
python=${MVAD_PYTHON:-python3}
if [ -z "${MVAD_CUBLAS-}" ]; then
    for folder in /usr/local/cuda/lib64 /usr/local/cuda/targets/*/lib \
        $("$python" -c 'import sysconfig; print(sysconfig.get_paths()["purelib"])' 2>/dev/null)/nvidia/*/lib; do
        [ ! -e "$folder/libcublas.so.13" ] && [ ! -e "$folder/libcublas.so.12" ] ||
            LD_LIBRARY_PATH="${LD_LIBRARY_PATH:+$LD_LIBRARY_PATH:}$folder"
    done
    export LD_LIBRARY_PATH
fi
# NVIDIA's OpenCL driver, where no ICD file points to it.
if [ -z "${OCL_ICD_VENDORS-}" ] && ! grep -qs nvidia /etc/OpenCL/vendors/*.icd; then
    driver=$({ ldconfig -p || /sbin/ldconfig -p; } 2>/dev/null | awk '/libnvidia-opencl.so.1/ { print $NF; exit }')
    [ -n "$driver" ] || driver=$(ls /usr/local/nvidia/lib*/libnvidia-opencl.so.1 2>/dev/null | head -n 1)
    if [ -n "$driver" ]; then
        mkdir -p "$out/icd"
        echo "$driver" > "$out/icd/nvidia.icd"
        export OCL_ICD_VENDORS="$out/icd"
    fi
fi

"$bin/mvad" devices > "$out/devices.txt" 2>&1 || true
cat "$out/devices.txt"
"$bin/mvad" info --device "$device" > /dev/null || exit $?
! command -v nvidia-smi >/dev/null || nvidia-smi > "$out/nvidia-smi.txt" 2>&1 || true

part() { case ,$parts, in *,$1,*) ;; *) return 1 ;; esac; }
opencl=$(awk '/^opencl:/ && /NVIDIA|nvidia/ { print $1; exit }' "$out/devices.txt")
has_torch=''
[ -z "$reference" ] || ! "$python" -c 'import torch' 2>/dev/null || has_torch=1
torch_device=$(echo "$device" | sed 's/^\(opencl\|cpu\).*/cpu/')
# torch NAME SECONDS MODE BATCH REPEATS WARMUP
torch() {
    # shellcheck disable=SC2086 # options of a model
    step "$1" "$2" "$python" "$root/bench/compare_torch.py" --reference "$reference" --mode "$3" --device "$torch_device" \
        --batch "$4" --repeats "$5" --warmup "$6" --save "$out/$1.json" $model
}

# ---- tests, and what else is not measured, side by side ----

if part torch && [ "$has_torch" ]; then
    for batch in 1 8; do torch "compile-$batch" 130 bf16-compile "$batch" 1 1 & done
fi
if part tests; then
    for precision in f32 tf32 f16 bf16; do
        step "selftest-$precision" 90 "$bin/mvad" selftest --device "$device" --precision "$precision" &
    done
    step ops 130 env MVAD_TEST_DEVICE="$device" "$bin/test_ops" &
    step overlap 60 env MVAD_TEST_DEVICE="$device" "$bin/test_overlap" &
    step golden 90 env MVAD_TEST_DEVICE="$device" MVAD_GOLDEN_DIR="$golden" "$bin/test_golden" &
    [ -z "$reference" ] || [ "$model" ] ||
        step reference 90 env MVAD_TEST_DEVICE="$device" MVAD_GOLDEN_DIR="$reference/golden" "$bin/test_reference" &
    [ -z "$opencl" ] || step opencl 90 "$bin/mvad" selftest --device "$opencl" &
fi
if part sanitizer; then # a small training and its evaluation: three steps, so that two are a captured graph
    sanitizer=$(command -v compute-sanitizer || ls /usr/local/cuda/bin/compute-sanitizer 2>/dev/null || true)
    # sanitize TOOL PRECISION: fails on what is found in a kernel of ours. cuBLAS's own kernels synchronise by means that
    # racecheck does not know. The driver's answers are checked by the program, which also asks for one parameter more
    # than a kernel has, to learn how many there are.
    sanitize() {
        timeout 120 "$sanitizer" --tool "$1" --report-api-errors no --print-limit 100000 "$bin/mvad" train --data "$out/parts" \
            --backbone resnet18 --size 32 --windows 2,2,1 --topk 2,2,1 --batch 1 --epochs 1 --eval-every 1 --device "$device" \
            --precision "$2" --out "$out/$1-$2" > "$out/$1-$2.txt" 2>&1 || { tail -n 2 "$out/$1-$2.txt"; return 1; }
        grep 'SUMMARY' "$out/$1-$2.txt" || return 1
        ! grep -E '(access|Invalid|Error|Warning).* (at|of) ' "$out/$1-$2.txt" | grep -Ev 'nvjet|gemm|cutlass|SUMMARY'
    }
    [ -d "$out/parts" ] || "$bin/mvad" synth --out "$out/parts" --classes 1 --train 3 --test 2 --size 64 > "$out/synth.log" 2>&1
    for tool in memcheck racecheck; do
        for precision in f32 f16; do
            if [ -z "$sanitizer" ]; then
                echo "$tool-$precision not run: there is no compute-sanitizer" | tee -a "$out/steps.txt"
                continue
            fi
            {
                begun=$(date +%s)
                if sanitize "$tool" "$precision" > "$out/$tool-$precision.log" 2>&1; then result=passed; else result=failed; fi
                echo "$tool-$precision $result, $(($(date +%s) - begun)) s" | tee -a "$out/steps.txt"
            } &
        done
    done
fi
photos=$reference/data/photos/realiad_256
if part quality && [ -n "$reference" ] && [ -d "$photos" ]; then # some 200 steps of each precision on photographs
    for seed in 1 2 3; do
        for precision in f32 tf32 f16 bf16; do
            epochs=10
            [ -z "$model" ] || epochs=1
            step "train-$precision-$seed" 150 "$bin/mvad" train --data "$reference/data/photos" --backbone resnet18 --size 128 \
                --batch 2 --epochs "$epochs" --seed "$seed" --precision "$precision" --device "$device" \
                --out "$out/train-$precision-$seed" &
        done
    done
fi
wait

# ---- measurements ----

# measure PROGRAM DEVICE WORK BATCH PRECISION
measure() {
    train='' repeats=20
    [ "$3" = forward ] || train=--train repeats=10
    [ -z "$model" ] || repeats=2
    # shellcheck disable=SC2086 # options of a model
    step "$1-$3-$4-$5" 40 "$bin/mvad-bench" step --device "$2" --precision "$5" --ops --batch "$4" --repeats "$repeats" \
        --warmup 3 $train --save "$out/$1-$3-$4-$5.json" $model
}
if part speed; then
    for batch in 1 8; do
        for work in forward training; do
            for precision in f32 tf32 f16 bf16; do measure mvad "$device" "$work" "$batch" "$precision"; done
        done
    done
fi
if part torch && [ "$has_torch" ]; then
    for mode in bf16 bf16-compile tf32 f32; do # the likely fastest first
        for batch in 8 1; do torch "torch-$batch-$mode" 60 "$mode" "$batch" 10 3; done
    done
elif part torch; then
    echo 'torch not run: no Python with torch, or no reference' | tee -a "$out/steps.txt"
fi
if part speed && [ -n "$opencl" ]; then
    for batch in 1 8; do
        for precision in f32 f16; do measure opencl "$opencl" forward "$batch" "$precision"; done
    done
fi
"$python" "$root/bench/gpu_table.py" "$out"
! grep -q failed "$out/steps.txt"
