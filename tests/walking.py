"""Walking a scorer through texts by steps, as whoever knows the texts does."""

import numpy as np

from golfctl.scoring.steps.lanes import Lanes, Text

NOTHING = np.zeros(0, np.int64)


def walk(scorer, texts, lanes, after_step=None):
    """The rows [R, V] of each text; a text is the token given with it and its targets.

    `after_step(number of steps, step)` may look at the scorer.
    """
    scorer.reset(NOTHING)
    schedule = Lanes([Text(int(text[0]), len(text) - 1) for text in texts], lanes)
    rows, steps = [[] for _ in texts], 0
    while step := schedule.step():
        rows_KV = scorer.predict(step).numpy()
        text_K, row_K = schedule.reading()
        target_K = np.array([texts[text][row + 1] for text, row in zip(text_K, row_K, strict=True)], np.int64)
        for text, row_V in zip(text_K, rows_KV, strict=True):
            rows[text].append(row_V)
        scorer.observe(step, target_K)
        schedule.reveal(target_K)
        steps += 1
        if after_step:
            after_step(steps, step)
    return [np.array(text_rows) for text_rows in rows]


def plain_walk(model_of_lane, texts, lanes):
    """The same by oracles: `model_of_lane[lane]` has `row()`, `begin(token)` and `see(token)`."""
    rows, waiting, work = [[] for _ in texts], list(range(len(texts))), {}
    while waiting or work:
        for lane in range(lanes):
            if lane not in work and waiting:
                work[lane] = (waiting.pop(0), 1)
                model_of_lane[lane].begin(int(texts[work[lane][0]][0]))
        for lane in sorted(work):
            rows[work[lane][0]].append(model_of_lane[lane].row())
        for lane in sorted(work):
            text, at = work[lane]
            model_of_lane[lane].see(int(texts[text][at]))
            work[lane] = (text, at + 1)
            if at + 1 == len(texts[text]):
                del work[lane]
    return [np.array(text_rows) for text_rows in rows]
