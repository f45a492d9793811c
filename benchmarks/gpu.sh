#!/usr/bin/env bash
# Everything that wants a GPU, in one command: parity with the CPU, speed beside the program of PR #549, several ranks.
#
#   benchmarks/gpu.sh [--peer FOLDER] [--parity DIR] [--data DIR] [--out DIR] [--part N|NAME]... [--again] [--dry]
#
#   --peer FOLDER   the record's folder, which holds its train_gpt.py; without it the parts beside it are left out
#   --parity DIR    numbers of the reference programs (default: tests/fixtures/parity)
#   --data DIR      dataset with a 1,024-token tokenizer (default: the embedded corpus, built at first use)
#   --out DIR       where results go (default: benchmarks/results/gpu; --dry: a new temporary folder)
#   --part N|NAME   only this part; may be repeated; `--list` names them
#   --again         run parts again whose result is there
#   --dry           the same code on the CPU with small models, in a minute or two
#
# First it says what the machine lacks and the line to type. Every part has nine minutes at most and leaves one JSON file;
# a part that passed with the same code, device and arguments is not run again, so a broken day is continued by typing
# the same line. At the end: summary.md. Exit code: 0 passed (what is not here is named), 1 a part broke or ran out of
# time, 2 usage, 3 something is missing, 6 a comparison failed, 130 interrupted.
set -euo pipefail
case " $* " in
*" --help "* | *" -h "*)
    sed -n '2,/^set -e/{/^set -e/!s/^#\( \|$\)//p}' "${BASH_SOURCE[0]}"
    exit 0
    ;;
esac
here=$PWD
cd "$(dirname "${BASH_SOURCE[0]}")/.."
python=
for candidate in python python3 .venv/bin/python; do # the first that has torch, else the first that is new enough
    "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || continue
    python=${python:-$candidate}
    "$candidate" -c 'import sys; from importlib.util import find_spec; sys.exit(not find_spec("torch"))' || continue
    python=$candidate
    break
done
if [ -z "$python" ]; then
    echo "gpu.sh: needs Python 3.11 or newer: install it, or activate the environment that has it" >&2
    exit 3
fi
GPU_SH_FROM=$here exec "$python" -m benchmarks.gpu "$@"
