"""Orders in which training reads its shards; each is a plug-in behind `batches.py`."""
