"""A plain oracle of a model's lanes: every lane has a cache of its own and is read alone."""

import torch


class PlainLanes:
    """`golfctl.scoring.protocol.Laned` by the one-sequence caches of a model."""

    def __init__(self, model):
        self.model = model
        self.head = model.head

    def start_lane_cache(self, lanes, length, rolling=False):
        start = self.model.start_rolling_cache if rolling else self.model.start_cache
        return PlainCache(lambda: start(1, length), lanes)

    def extend_lanes(self, ids_KT, lane_K, cache):
        alone = zip(ids_KT, lane_K, strict=True)
        return torch.cat([self.model.extend_hidden(ids_T[None], cache.lanes[lane]) for ids_T, lane in alone])


class PlainCache:
    """One cache for each lane."""

    def __init__(self, start, lanes):
        self.start = start
        self.lanes = [start() for _ in range(lanes)]

    def begin(self, lane_K):
        for lane in lane_K:
            self.lanes[lane] = self.start()

    def save(self):
        return {f"{i}.{k}": v for i, lane in enumerate(self.lanes) for k, v in lane.save().items()}
