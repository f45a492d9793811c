"""The decoding loops of `rans/1` and `rans-lp/1`: compiled where numba is installed, else plain; the same codes."""

from golfctl.core.machine.libraries import installed

if installed("numba"):
    from golfctl.coding.rans.compiled_loops import take_matrix, take_vector
    from golfctl.coding.rans.lp_compiled_loops import take_predicted
else:
    from golfctl.coding.rans.lp_plain_loops import take_predicted
    from golfctl.coding.rans.plain_loops import take_matrix, take_vector

__all__ = ["take_matrix", "take_predicted", "take_vector"]
