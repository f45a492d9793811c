"""Layer 6: record folders of the challenge's form: what they claim, what their logs and files show."""
