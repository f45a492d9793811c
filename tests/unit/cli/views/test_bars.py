import os
import subprocess
import sys

from tests.patience import HANG_SECONDS

PROGRAM = """
import sys
from golfctl.cli.views.bars import reporter
progress = reporter()
with progress.task("work", 3, "units") as task:
    sys.stdin.readline()
    progress.say("nobody reads this")
    task.advance(3)
progress.say("nor this")
print("done")
"""


def test_work_goes_on_when_nobody_reads_its_reports():
    reading, writing = os.pipe()
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=writing, text=True
    )
    os.close(writing)
    os.close(reading)
    out, _ = process.communicate("\n", timeout=HANG_SECONDS)
    assert (process.returncode, out) == (0, "done\n")
