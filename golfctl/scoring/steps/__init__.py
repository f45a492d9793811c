"""The step protocol: lanes of text side by side, one token each at a time (docs/protocol.md)."""

PROTOCOL = "step/1"
