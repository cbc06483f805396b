"""Counts of the past: how often something had happened before a moment, without looking at or beyond it."""

import bisect

import numpy as np


class TrailingCounts:
    """How often each id had occurred before each moment, in all and within windows; for all users at once.

    Questions come bucket by bucket in order of time, and with each bucket the events that its questions may see, or
    later ones. A question at time t sees events with
    time < t - delay: `delay` is how long a log takes to reach the place where features are made. Only the events of
    the longest window are kept, so memory is that of one window, and of two counters an id.
    """

    def __init__(self, windows: tuple[int, ...], delay: int = 0):
        self.windows, self.delay, self.reach = windows, delay, max(windows, default=0) + delay
        self.ids = self.times = np.empty(0, np.int64)
        self.older = np.zeros(1, np.int32)
        self.first = np.full(1, np.iinfo(np.int64).max)

    def step(self, event_ids, event_times, ids, times) -> dict:
        """Adds a bucket's events and answers its questions, whose times are at or after all earlier questions'.

        Returns `total`, one array for each window in seconds, and `first`, the time of the first event or -1.
        """
        ids, times = ids.astype(np.int64), times.astype(np.int64)
        self.grow(max(int(ids.max(initial=0)), int(event_ids.max(initial=0))) + 1)
        self.ids = np.r_[self.ids, event_ids.astype(np.int64)]
        self.times = np.r_[self.times, event_times.astype(np.int64)]
        np.minimum.at(self.first, event_ids, event_times)
        if not len(times):
            return {"total": np.zeros(0, np.int64), "first": np.zeros(0, np.int64),
                    **{w: np.zeros(0, np.int64) for w in self.windows}}
        self.forget(int(times.min()) - self.reach)

        base = int(min(self.times.min(initial=times.min()), times.min() - self.reach))
        span = int(max(self.times.max(initial=0), times.max())) - base + 2
        keys = np.sort(self.ids * span + (self.times - base))
        end = np.searchsorted(keys, ids * span + np.maximum(times - self.delay - base, 0))
        begin = np.searchsorted(keys, ids * span)
        first = self.first[ids]
        answer = {"total": self.older[ids] + end - begin, "first": np.where(first < times - self.delay, first, -1)}
        for window in self.windows:
            answer[window] = end - np.searchsorted(keys, ids * span + np.maximum(times - self.delay - window - base, 0))
        return answer

    def forget(self, before: int) -> None:
        """Counts events that no window reaches any more, and drops them."""
        old = self.times < before
        np.add.at(self.older, self.ids[old], 1)
        self.ids, self.times = self.ids[~old], self.times[~old]

    def grow(self, size: int) -> None:
        if size > len(self.older):
            size = max(size, 2 * len(self.older))
            self.older = np.r_[self.older, np.zeros(size - len(self.older), np.int32)]
            self.first = np.r_[self.first, np.full(size - len(self.first), np.iinfo(np.int64).max)]


class Times:
    """The times of one thing that one user did, in order."""

    __slots__ = ("times",)

    def __init__(self):
        self.times: list[int] = []

    def add(self, time: int) -> None:
        self.times.append(time)

    def total(self) -> int:
        return len(self.times)

    def within(self, time: int, window: int) -> int:
        """How many lie in [time - window, time): everything in the list is before `time`."""
        return len(self.times) - bisect.bisect_left(self.times, time - window)

    def since(self, time: int) -> int:
        """How long ago the last was, or -1."""
        return time - self.times[-1] if self.times else -1


def smoothed(hits, shows, prior_hits: float = 1, prior_shows: float = 20):
    """A rate that does not swing with the first few shows."""
    return (hits + prior_hits) / (shows + prior_shows)
