"""Another process that holds something until it is killed."""

import subprocess
import sys
from contextlib import contextmanager

_CODE = """
import sys
from pathlib import Path
from golfctl.core.files import atomic_writer, writing
from golfctl.core.machine.locks import held
path = Path(sys.argv[2])
if sys.argv[1] == "lock":
    hold = held(path, path)
elif sys.argv[1] == "output":
    hold = writing(path)
else:
    hold = atomic_writer(path)
with hold as stream:
    if sys.argv[1] == "write":
        stream.write(b"half")
        stream.flush()
    print(flush=True)
    input()
"""


@contextmanager
def holding(what, path):
    """A process in the middle of a `write` to `path`, or that holds the `output`, or the `lock` file, `path`."""
    command = [sys.executable, "-c", _CODE, what, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout.readline() == b"\n"
            yield process
        finally:
            process.kill()
