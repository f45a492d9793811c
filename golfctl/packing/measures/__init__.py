"""Figures about a packing: losses, sizes, forecasts. A reader of the spine may skip this folder."""
