"""`python -m golfctl` and the `golfctl` command."""

import sys


def run() -> None:
    """Run golfctl and exit; Ctrl-C while the command line is still being imported ends as cleanly as later."""
    try:
        from golfctl.cli.main import exit_code_of

        code = exit_code_of()
    except KeyboardInterrupt:
        sys.stderr.write("golfctl: interrupted\n")
        code = 130
    sys.exit(code)


if __name__ == "__main__":
    run()
