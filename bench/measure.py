"""Fair timing: contenders take turns, round after round, so that other load affects all alike."""

from __future__ import annotations

import gc
import logging
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from statistics import median
from time import perf_counter
from typing import Any

import structlog

ROUNDS = 11
SAMPLE = 0.02
"""The minimum seconds of a sample; fast contenders repeat the work."""

Work = Callable[[], object]
"""One pass over all calls to time."""


def each(function: Callable[..., object], *arguments: Iterable[Any]) -> Work:
    """A pass that calls `function` with the first item of every argument, then the second, and so on."""
    calls = [list(values) for values in arguments]
    return lambda: deque(map(function, *calls), maxlen=0)


class Progress:
    """One line on stderr that says what is being measured; silent if stderr is not a terminal."""

    def say(self, text: str) -> None:
        if sys.stderr.isatty():
            print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)

    def done(self) -> None:
        self.say("")


def interleaved(
    contenders: Mapping[str, Work],
    calls: int,
    progress: Progress,
    title: str,
    rounds: int = ROUNDS,
    clock: Callable[[], float] = perf_counter,
) -> dict[str, float]:
    """The median cost of one call, in microseconds of `clock`, by contender; a pass makes `calls` of them."""
    passes = {name: max(1, round(SAMPLE / _seconds(work, 1, clock))) for name, work in contenders.items()}
    samples: dict[str, list[float]] = {name: [] for name in contenders}
    for number in range(1, rounds + 1):
        for name, work in contenders.items():
            progress.say(f"{title}: round {number} of {rounds}, {name}")
            samples[name].append(_seconds(work, passes[name], clock) / passes[name])
    return {name: median(taken) / calls * 1e6 for name, taken in samples.items()}


def _seconds(work: Work, passes: int, clock: Callable[[], float]) -> float:
    collecting = gc.isenabled()
    gc.disable()
    try:
        begun = clock()
        for _ in range(passes):
            work()
        return clock() - begun
    finally:
        if collecting:
            gc.enable()


@contextmanager
def silence() -> Iterator[None]:
    """Silences the log, since thousands of faults would write thousands of lines."""
    before = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    try:
        yield
    finally:
        structlog.configure(**before)
