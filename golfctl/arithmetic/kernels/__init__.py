"""The kernels of portable arithmetic, in a folder of their own, for machine code is kept by folder."""
