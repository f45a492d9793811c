"""The small random model and stream that scorers and the runner are tested on."""

from tests.tiny_stream import tiny_model, tokens_N

__all__ = ["tiny_model", "tokens_N"]
