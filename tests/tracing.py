"""Which of our files a stretch of a test runs through."""

from __future__ import annotations

import inspect
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

REPOSITORY = Path(__file__).resolve().parent.parent


@dataclass
class FileTrace:
    """Collects the files of the functions that are called while `recording` is true.

    Functions count, imports do not: neither a module's own statements nor the body of a class is a call.
    """

    folders: tuple[str, ...]
    recording: bool = False
    files: set[str] = field(default_factory=set)
    """Relative to the repository, with slashes."""
    _prefixes: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        self._prefixes = tuple(f"{REPOSITORY}/{folder}/" for folder in self.folders)

    @contextmanager
    def installed(self) -> Iterator[None]:
        """Watches this thread, and those that start inside."""
        before = sys.getprofile(), threading.getprofile()
        sys.setprofile(self._on_event)
        threading.setprofile(self._on_event)
        try:
            yield
        finally:
            sys.setprofile(before[0])
            threading.setprofile(before[1])

    @contextmanager
    def record(self) -> Iterator[None]:
        self.recording = True
        try:
            yield
        finally:
            self.recording = False

    def _on_event(self, frame: FrameType, event: str, _: object) -> None:
        if not self.recording or event != "call":
            return
        code = frame.f_code
        if code.co_flags & inspect.CO_OPTIMIZED and code.co_filename.startswith(self._prefixes):
            self.files.add(Path(code.co_filename).relative_to(REPOSITORY).as_posix())
