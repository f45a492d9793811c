"""The reference submissions' forms that see their targets: never honest, kept to measure the leak."""
