"""A run on disk and among processes: folder, checkpoints, resume, signals, ranks."""
