#!/bin/sh
# check_artifacts.sh BUDGET FILE...: verify and budget every file; a line for each, and the worst exit code.
set -eu
if [ "$#" -lt 2 ]; then
    echo "usage: check_artifacts.sh BUDGET FILE..." >&2
    exit 2
fi
budget=$1
shift
exec golfctl inspect --verify --quiet --format short --budget "$budget" -- "$@"
