"""Optional parts, chosen by name in a recipe. A reader of the spine may skip this folder."""
