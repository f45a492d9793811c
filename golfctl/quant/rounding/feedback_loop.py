"""The inner loop of two-sided feedback, compiled. R rows, S columns of one span.

Compiled without fast-math: every sum runs in the order written, so the codes do not depend on the machine's vectors.
"""

import numpy as np

from golfctl.core.machine.compiled import compiled


@compiled
def round_columns(
    target_SR: np.ndarray,
    weight_SR: np.ndarray,
    step_R: np.ndarray,
    step_S: np.ndarray,
    carry_RR: np.ndarray,
    carry_SS: np.ndarray,
    codes_SR: np.ndarray,
    errors_SR: np.ndarray,
) -> None:
    """Round a span column by column, each column row by row.

    `target` is the weight less the feedback of all earlier spans. `carry_RR[k, i]` (k < i) says how much of the error
    of row k row i takes up, `carry_SS[l, j]` (l < j) the same for columns; a `carry_RR` of shape [0, 0] has none.
    Written: `codes`, and `errors`, each column's error with what its own rows pass on, which later columns take up.
    """
    span, rows = target_SR.shape
    coupled = carry_RR.shape[0] > 0
    passed_R = np.zeros(rows, np.float32)
    for j in range(span):
        for earlier in range(j):
            weight = carry_SS[earlier, j]
            for i in range(rows):
                target_SR[j, i] -= errors_SR[earlier, i] * weight
        passed_R[:] = 0
        for i in range(rows):
            step = step_R[i] * step_S[j]
            code = np.rint((target_SR[j, i] - passed_R[i]) / step)
            error = code * step - weight_SR[j, i]
            codes_SR[j, i] = code
            errors_SR[j, i] = error
            if coupled:
                for later in range(i + 1, rows):
                    passed_R[later] += carry_RR[i, later] * error
        for i in range(rows):
            errors_SR[j, i] += passed_R[i]
