#!/bin/sh
# check_artifacts.sh BUDGET FILE...: verify and budget every file; the worst exit code of golfctl inspect is ours.
set -u
budget=$1
shift
worst=0
for file in "$@"; do
    golfctl inspect "$file" --verify --quiet --budget "$budget" > /dev/null
    code=$?
    if [ "$code" -gt "$worst" ]; then worst=$code; fi
done
exit "$worst"
