"""Writes several files together: all of them or none, with a copy of what was there before."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from bot.faults import OperatorFault

OPEN_TO_ALL, OWNER_ONLY = 0o644, 0o600


@dataclass(frozen=True, slots=True)
class NewFile:
    path: Path
    text: str
    mode: int = OPEN_TO_ALL


def write_together(files: Sequence[NewFile], check: Callable[[Path], object]) -> list[Path]:
    """Writes the files, after `check` has read the first one at its temporary place.

    Returns the copies of those that were there before. After an error or Ctrl-C everything is as it was.
    Raises OperatorFault if a file cannot be written, and what `check` raises.
    """
    staged: list[tuple[NewFile, Path]] = []
    done: list[tuple[Path, Path | None]] = []
    try:
        for file in files:
            new = file.path.with_name(f".{file.path.name}.new")
            staged.append((file, new))
            _write(new, file)
        check(staged[0][1])
        for file, new in staged:
            copy = _copy_of(file.path)
            done.append((file.path, copy))
            new.replace(file.path)
    except BaseException as error:
        for path, copy in reversed(done):
            with suppress(OSError):
                copy.replace(path) if copy else path.unlink(missing_ok=True)
        if isinstance(error, OSError):
            where = error.filename or files[0].path
            raise OperatorFault(
                f"{where}: cannot be written: {error.strerror}; nothing was changed. Make the folder "
                "writable, or set FRONTLINE_CONFIG to a file elsewhere"
            ) from None
        raise
    finally:
        for _, new in staged:
            with suppress(OSError):
                new.unlink(missing_ok=True)
    return [copy for _, copy in done if copy]


def _write(new: Path, file: NewFile) -> None:
    new.unlink(missing_ok=True)
    descriptor = os.open(new, os.O_CREAT | os.O_EXCL | os.O_WRONLY, file.mode)
    with os.fdopen(descriptor, "w", encoding="utf-8", newline="\n") as stream:
        stream.write(file.text)


def _copy_of(path: Path) -> Path | None:
    """Copies the file beside itself, with its permissions. None if there is none, or nothing to lose."""
    if not path.exists():
        return None
    names = (path.with_name(f"{path.name}.bak{number or ''}") for number in range(1000))
    copy = next(name for name in names if not name.exists())
    shutil.copy2(path, copy)
    return copy
