"""`python -m golfctl` and the `golfctl` command."""

import signal
import sys
from types import FrameType


def run() -> None:
    """Run golfctl and exit; Ctrl-C while libraries are still being imported ends as cleanly as later.

    A library interrupted in its own initialisation may turn KeyboardInterrupt into an error of its own: whatever
    escapes after Ctrl-C is the interruption.
    """
    stopped: list[int] = []

    def stop(number: int, frame: FrameType | None) -> None:
        stopped.append(number)
        raise KeyboardInterrupt

    signal.signal(signal.SIGINT, stop)
    try:
        from golfctl.cli.main import exit_code_of

        code = exit_code_of()
    except BaseException:
        if not stopped:
            raise
        sys.stderr.write("golfctl: interrupted\n")
        code = 130
    sys.exit(code)


if __name__ == "__main__":
    run()
