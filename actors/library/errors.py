"""What the library answers when it cannot do what it was asked for.

LibraryError                 a stable `code`, the sentence, and the `fix`
├── NoSuchPipelineError      no pipeline of that name, version or hash; or a hash that means several
├── InvalidEntryError        a name or version that a library cannot have
├── VersionTakenError        the version is there with other content; versions never change
├── DamagedEntryError        its file is not what was registered; the other pipelines are usable
├── LibraryFullError         as many pipelines as one library may hold
└── LibraryUnavailableError  the directory cannot be read or written now
"""

from __future__ import annotations

from pipelines.linking import UnresolvedReferenceError


class LibraryError(UnresolvedReferenceError):
    """The base; to a pipeline that refers to an entry it is why the reference cannot be resolved."""

    code = "library"

    def __reduce__(self) -> tuple[object, ...]:
        return (type(self), (str(self), self.fix))


class NoSuchPipelineError(LibraryError):
    """Nothing fits the reference."""

    code = "no_such_pipeline"


class InvalidEntryError(LibraryError):
    """The name or version cannot be used."""

    code = "invalid_entry"


class VersionTakenError(LibraryError):
    """The version is there, with other content."""

    code = "version_taken"


class DamagedEntryError(LibraryError):
    """The entry's file is damaged, edited or no file."""

    code = "damaged_pipeline"


class LibraryFullError(LibraryError):
    """There is no room for another entry."""

    code = "library_full"


class LibraryUnavailableError(LibraryError):
    """The disk does not do it now."""

    code = "library_unavailable"
