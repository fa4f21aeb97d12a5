"""The registered pipelines: a directory of entry files. Blocking; one writer, any number of readers."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Final

from actors.library.entry_file import UNFINISHED, EntryFile, Kept, parse_name, read, sync_directory, unavailable, write
from actors.library.errors import LibraryFullError

DIRECTORY: Final = "library"
MOST_ENTRIES: Final = 2_000
_MOST_FILES: Final = 10_000


class Shelf:
    """The files of one directory. What is on the disk is looked at each time, so that nothing is believed that is not
    there any more; a directory that is missing is an empty shelf. Raises `LibraryUnavailableError`."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def files(self) -> tuple[list[EntryFile], list[str]]:
        """The entry files, latest first, and the names of what else is there."""
        found: list[EntryFile] = []
        foreign: list[str] = []
        try:
            with os.scandir(self.directory) as listed:
                for seen, each in enumerate(listed):
                    if seen >= _MOST_FILES:
                        foreign.append(f"and more: only {_MOST_FILES} files are looked at")
                        break
                    file = parse_name(Path(each.path))
                    if file is not None:
                        found.append(file)
                    elif not each.name.startswith(UNFINISHED):
                        foreign.append(each.name)
        except FileNotFoundError:
            return [], []
        except OSError as error:
            raise unavailable(self.directory, error) from error
        return sorted(found, key=lambda file: -file.number), sorted(foreign)

    def read(self, file: EntryFile) -> Kept:
        """Raises `DamagedEntryError`."""
        return read(file)

    def add(self, kept: Kept) -> EntryFile:
        """Keeps an entry whose name and version are free. Raises `LibraryFullError` as well."""
        self._make()
        files, _ = self.files()
        if len(files) >= MOST_ENTRIES:
            raise LibraryFullError(
                f"the library holds {len(files)} pipelines, which is the limit", "unregister versions nobody needs"
            )
        return write(self.directory, files[0].number + 1 if files else 1, kept)

    def remove(self, file: EntryFile) -> None:
        """Takes an entry away, damaged or not."""
        try:
            with contextlib.suppress(FileNotFoundError):
                file.path.unlink()
            sync_directory(self.directory)
        except OSError as error:
            raise unavailable(self.directory, error) from error

    def _make(self) -> None:
        """The directory, for the owner only, without what a crash left unfinished."""
        try:
            self.directory.mkdir(mode=0o700, exist_ok=True)
            for each in self.directory.glob(f"{UNFINISHED}*"):
                each.unlink(missing_ok=True)
        except OSError as error:
            raise unavailable(self.directory, error) from error
