"""Faster ways to compute what the blocks say. A reader of the spine may skip this folder."""
