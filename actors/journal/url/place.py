"""Where a journal is that a URL names. SQLAlchemy and the driver are an extra, so nothing here imports them early."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from actors.journal.checking import Finding, Judge
from actors.journal.errors import JournalUnavailableError
from actors.journal.large import LARGE_BYTES

if TYPE_CHECKING:
    from actors.journal.url.store import UrlStore

_INSTALL = "install the extra: pip install 'evopipe[postgres]'"


@dataclass(frozen=True, slots=True)
class Copied:
    """What was copied: runs, recorded steps, large values."""

    runs: int
    steps: int
    values: int


@dataclass(frozen=True, slots=True)
class UrlPlace:
    """A `JournalPlace`: an SQLAlchemy URL such as `postgresql+psycopg://user@host/database`. It may hold a password and
    is not part of its `repr`. Values whose JSON is longer than `large_bytes` are kept apart."""

    url: str = field(repr=False)
    large_bytes: int = LARGE_BYTES

    @property
    def blocking(self) -> bool:
        return True

    def open(self) -> UrlStore:
        """Opens the database, waiting 5 s at most for another node to let go of it. Raises `JournalError`."""
        try:
            from actors.journal.url.store import UrlStore  # noqa: PLC0415 - an extra

            return UrlStore(self.url, self.large_bytes)
        except ImportError as error:
            raise _not_installed(error) from error


def check_url(url: str, shown: str, judge: Judge) -> Iterator[Finding]:
    """Everything that is wrong in the journal there, named `shown` in what is found. A node may use it meanwhile."""
    try:
        from actors.journal.url.checking import check  # noqa: PLC0415 - an extra
    except ImportError as error:
        yield Finding("error", shown, f"it cannot be looked at ({error})", _INSTALL)
        return
    yield from check(url, shown, judge)


def copy_journal(source: Path, url: str) -> Copied:
    """Copies the SQLite journal at `source` into the database there, which must hold no runs. Raises `JournalError`;
    then nothing was copied."""
    try:
        from actors.journal.url.copying import copy  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise _not_installed(error) from error
    return copy(source, url)


def _not_installed(error: ImportError) -> JournalUnavailableError:
    return JournalUnavailableError(f"the journal's database needs a library that is missing ({error})", fix=_INSTALL)
