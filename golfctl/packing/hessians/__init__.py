"""Statistics that quantisers round by: where their text comes from and how they are collected."""
