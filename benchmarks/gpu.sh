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
cd_root() { cd "$(dirname "${BASH_SOURCE[0]}")/.."; }
case " $* " in
*" --help "* | *" -h "*)
    sed -n '2,/^set -e/{/^set -e/!s/^#\( \|$\)//p}' "${BASH_SOURCE[0]}"
    exit 0
    ;;
esac
python=python
command -v python >/dev/null || python=python3
if ! command -v "$python" >/dev/null || ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
    echo "gpu.sh: needs Python 3.11 or newer: install it, or activate the environment that has it" >&2
    exit 3
fi
here=$PWD
cd_root
GPU_SH_FROM=$here exec "$python" -m benchmarks.gpu "$@"
