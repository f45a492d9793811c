"""The tiny run that this room is tested on."""

from tests.tiny_run import dataset, loud_run, run, shards, spec, tokenizer

__all__ = ["dataset", "loud_run", "run", "shards", "spec", "tokenizer"]
