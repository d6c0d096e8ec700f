"""Reads a file of answers, as `init --answers` and `policy new --answers` take it."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from sla_core.catalog.files import Fault, Faults, faults_of

M = TypeVar("M", bound=BaseModel)


def read_answers_file(path: Path, shape: type[M]) -> M:
    """The content of a TOML file in this shape. Raises Faults with all that is wrong."""
    try:
        return shape.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        raise Faults([Fault(str(path), "", "there is no such file")]) from None
    except OSError as wrong:
        raise Faults([Fault(str(path), "", f"cannot be read: {wrong.strerror}")]) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as wrong:
        raise Faults([Fault(path.name, "", f"is not valid TOML: {wrong}")]) from None
    except ValidationError as wrong:
        raise Faults([*faults_of(path.name, wrong, shape)]) from None
