"""golfctl: byte-budgeted language models from text to a score that anyone can check."""

__version__ = "0.1.0"
