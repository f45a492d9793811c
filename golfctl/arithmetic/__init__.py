"""Arithmetic with the same bits on every machine: kernels of a fixed order, and the guard that nothing else is used.

It lies below `model` and `scoring`, which both compute in it.
"""
