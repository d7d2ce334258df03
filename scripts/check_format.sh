#!/bin/sh
# Says which C files clang-format would change; exit code 1 if there are any. `--fix` changes them.
# Versions of clang-format differ in details: version 14, Debian 12's, is the one that counts.
set -eu
cd "$(dirname "$0")/.."

mode="--dry-run --Werror"
case "${1-}" in
'') ;;
--fix) mode=-i ;;
*)
    echo "usage: scripts/check_format.sh [--fix]" >&2
    exit 2
    ;;
esac

find include core backends cli bench examples tests -name '*.[ch]' -print0 | xargs -0 clang-format --style=file $mode
