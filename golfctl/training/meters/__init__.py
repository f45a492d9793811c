"""What a run measures of itself and of its machine. A reader of the spine may skip this folder."""
