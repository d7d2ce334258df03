#!/bin/sh
# Installs what a bare Debian or Ubuntu lacks to build and test mvad.
#   scripts/setup.sh           installs the missing packages, as root or through sudo
#   scripts/setup.sh --check   lists the missing packages and changes nothing; exit code 1 if there are any
#   scripts/setup.sh --all     and what only changing mvad needs: the formatter, clang for the fuzz targets, Pillow
set -eu

# libopenblas-openmp-dev: the OpenMP flavour of OpenBLAS shares one pool of threads with mvad's own OpenMP loops.
# ocl-icd-opencl-dev, libclblast-dev: the OpenCL backend; pocl-opencl-icd: an OpenCL device for the tests on any machine.
# libc6-dev is only recommended by gcc, and recommended packages are not installed.
packages="gcc libc6-dev cmake ninja-build pkg-config
libopenblas-openmp-dev libcjson-dev libstb-dev libpopt-dev
ocl-icd-opencl-dev libclblast-dev pocl-opencl-icd
libcmocka-dev valgrind"
developer_packages="g++ clang-format clang libclang-rt-dev libomp-dev python3 python3-numpy python3-pil"

missing() {
    for package in $packages; do
        # pkg-config is provided by pkgconf on newer systems, where dpkg knows it by that name.
        if [ "$package" = pkg-config ] && command -v pkg-config >/dev/null 2>&1; then continue; fi
        status=$(dpkg-query -W -f '${Status}' "$package" 2>/dev/null || true)
        [ "$status" = "install ok installed" ] || printf '%s ' "$package"
    done
}

case "${1-}" in
'' | --check) ;;
--all) packages="$packages $developer_packages" ;;
*)
    echo "usage: scripts/setup.sh [--check | --all]" >&2
    exit 2
    ;;
esac

if ! command -v dpkg-query >/dev/null 2>&1 || ! command -v apt-get >/dev/null 2>&1; then
    echo "setup: this system has no apt; install the equivalents of: $(echo $packages)" >&2
    exit 1
fi

wanted=$(missing)
if [ -z "$wanted" ]; then
    echo "setup: everything is installed"
    exit 0
fi
if [ "${1-}" = --check ]; then
    echo "setup: missing: $wanted"
    exit 1
fi

as_root=
if [ "$(id -u)" -ne 0 ]; then
    if ! command -v sudo >/dev/null 2>&1; then
        echo "setup: run as root, or install sudo; missing: $wanted" >&2
        exit 1
    fi
    # Without a terminal nobody can type a password: fail instead of waiting for one.
    as_root="sudo"
    [ -t 0 ] || as_root="sudo -n"
fi

echo "setup: installing $wanted"
$as_root apt-get update
$as_root env DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends $wanted </dev/null
echo "setup: done"
