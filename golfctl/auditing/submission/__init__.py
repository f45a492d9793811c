"""Record folders of the challenge's form: what they claim, what their logs and files show, and where the two part."""
