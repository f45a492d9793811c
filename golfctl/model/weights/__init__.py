"""Names, shapes and initial values of weights, and the banks they are stacked in."""
