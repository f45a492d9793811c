"""What reading a foreign file may cost at most. `docs/import.md` says the same figures.

Each is far above what a byte-budgeted model needs, and low enough that a hostile file of any size is refused within
seconds and within 512 MB over its own size.
"""

FILE_BYTES = 1 << 34

COMPRESSED_BYTES = 1 << 27  # of a compressed file; a larger one is unpacked by its owner first
UNPACKED_EXTRA_BYTES = 192 << 20  # all layers together unpack to at most twice the file and this much
DECODER_BYTES = 130 << 20  # window or dictionary of a decompressor: 128 MiB is the most that presets use
LAYERS = 4

PICKLE_BYTES = 1 << 25  # no instruction reads a byte twice, so this bounds all text
PICKLE_INSTRUCTIONS = 200_000  # each makes at most one object and works in proportion to what it takes off the stack
NAME_BYTES = 256  # of a module or class that a pickle asks for

NODES = 100_000  # values in containers, counted again wherever a container is repeated
DEPTH = 64  # containers within containers

TENSORS = 4096
DIMENSIONS = 8
ITEMS = 1 << 40  # of one tensor, and of any size, stride or offset
REPEATED = 4  # times the file that tensors may come to, since one storage can be named many times
BANK_LAYERS = 256  # as many as a model spec may have

ZIP_ENTRIES = 32_768
ZIP_NAME_BYTES = 1024
