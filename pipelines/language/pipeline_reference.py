"""How a pipeline of a library is named: `name`, `name@version`, or `name@` and the beginning of its content's hash."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

SHORTEST_HASH: Final = 8
NAME_RULE: Final = "1 to 80 letters, digits, '_', '-' or '.', the first a letter, a digit or '_'"
VERSION_RULE: Final = "1 to 40 letters, digits, '_', '-', '.' or '+', the first a letter, a digit or '_'"
_NAME: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.\-]{0,79}")
_VERSION: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+\-]{0,39}|[0-9a-f]{8,64}")


@dataclass(frozen=True, slots=True)
class PipelineReference:
    """A name, and a version or the beginning of a hash; without one, the newest version is meant."""

    name: str
    version: str | None = None

    def __str__(self) -> str:
        return self.name if self.version is None else f"{self.name}@{self.version}"


def is_library_name(text: str) -> bool:
    """Whether a library may have a pipeline of this name."""
    return _NAME.fullmatch(text) is not None


def is_version(text: str) -> bool:
    """Whether a pipeline of a library may have this version (or a hash begin so)."""
    return _VERSION.fullmatch(text) is not None


def parse_reference(text: str) -> PipelineReference:
    """Raises `ValueError` with what was expected."""
    name, mark, version = text.partition("@")
    if not is_library_name(name):
        raise ValueError(f"{text[:100]!r} does not begin with the name of a pipeline ({NAME_RULE})")
    if mark and not is_version(version):
        raise ValueError(f"{text[:100]!r} has no version or hash behind its '@' ({VERSION_RULE})")
    return PipelineReference(name, version if mark else None)
