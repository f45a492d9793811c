"""`python -m golfctl` and the `golfctl` command."""

from golfctl.cli.main import run

if __name__ == "__main__":
    run()
