"""The step protocol: lanes of text side by side, one token each at a time."""
