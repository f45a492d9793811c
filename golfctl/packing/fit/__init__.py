"""Searching for the settings that spend a byte budget best. A reader of the spine may skip this folder."""
