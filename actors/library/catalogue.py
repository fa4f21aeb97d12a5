"""Registered and shipped pipelines by name, version and hash. Blocking. Reading needs no node, writing is for it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Final

from actors.library.entry_file import EntryFile, Kept
from actors.library.errors import DamagedEntryError, InvalidEntryError, NoSuchPipelineError, VersionTakenError
from actors.library.messages import EntryFacts, Listing, Registered, RegisterPipeline, facts_of
from actors.library.shelf import Shelf
from actors.library.shipped import shipped_pipelines
from pipelines.language import (
    NAME_RULE,
    SHORTEST_HASH,
    VERSION_RULE,
    InvalidPipelineError,
    Pipeline,
    PipelineReference,
    check_document,
    is_library_name,
    is_version,
    load_pipeline,
    nearest,
    parse_reference,
    read_yaml,
)
from pipelines.linking import Entry, has_references, link

_HEX: Final = frozenset("0123456789abcdef")


class Catalogue:
    """What is registered goes before what is shipped under the same name. Raises `LibraryError`s."""

    def __init__(self, directory: Path) -> None:
        self._shelf = Shelf(directory)

    @property
    def is_there(self) -> bool:
        """Whether a node has ever kept a library here."""
        return self._shelf.directory.is_dir()

    # ---- reading -------------------------------------------------------------------------------------------

    def find(self, reference: str) -> Entry:
        """The pipeline of a reference: the newest version, the one named, or the one whose hash begins so."""
        try:
            asked = parse_reference(reference)
        except ValueError as error:
            raise InvalidEntryError(str(error), "write name, name@version, or name@ and a hash") from error
        files = [file for file in self._shelf.files()[0] if file.name == asked.name]
        shipped = shipped_pipelines().get(asked.name)
        if not files and shipped is None:
            raise self._no_such_name(asked)
        if asked.version is None:
            return self._shelf.read(files[0]).entry if files else _of(shipped)
        named = [file for file in files if file.version == asked.version]
        if named:
            return self._shelf.read(named[0]).entry
        if shipped is not None and shipped[0].version == asked.version:
            return shipped[0]
        return self._by_hash(asked, files, shipped)

    def facts(self, entry: Entry) -> EntryFacts:
        """An entry that was found, as a listing shows it."""
        for facts in self.listing(entry.name).pipelines:
            if facts.version == entry.version:
                return facts
        raise NoSuchPipelineError(f"the pipeline {entry.label} has just been removed", "look again")

    def listing(self, name: str | None = None) -> Listing:
        """All of them, or the versions of one; damaged ones with their problem."""
        files, foreign = self._shelf.files()
        known: set[str] = set()
        listed: list[EntryFacts] = []
        for file in files:
            if name is None or file.name == name:
                listed.append(self._look(file, newest=file.name not in known))
                known.add(file.name)
        for entry, pipeline in shipped_pipelines().values():
            if name is None or entry.name == name:
                listed.append(facts_of(entry, pipeline, "shipped", None, entry.name not in known))
        # A stable sort: within a name the latest stays first.
        return Listing(
            tuple(sorted(listed, key=lambda each: each.name)),
            tuple(f"{each!r} in {self._shelf.directory} is no pipeline of the library" for each in foreign),
        )

    def _look(self, file: EntryFile, *, newest: bool) -> EntryFacts:
        try:
            kept = self._shelf.read(file)
            pipeline = load_pipeline(kept.entry.text, source=f"<library {file.label}>")
        except DamagedEntryError as error:
            return EntryFacts(file.name, file.version, "registered", "", newest=newest, problem=str(error))
        except InvalidPipelineError as error:
            problem = f"this version of evopipe does not take it: {error.diagnostics[0].message}"
            return EntryFacts(file.name, file.version, "registered", "", newest=newest, problem=problem)
        return facts_of(kept.entry, pipeline, "registered", kept.registered_at, newest)

    def _by_hash(
        self, asked: PipelineReference, files: Iterable[EntryFile], shipped: tuple[Entry, Pipeline] | None
    ) -> Entry:
        prefix = asked.version or ""
        versions = [file.version for file in files] + ([] if shipped is None else [shipped[0].version])
        if len(prefix) >= SHORTEST_HASH and _HEX.issuperset(prefix):
            usable = {entry.content_hash: entry for entry in self._readable(files)}
            if shipped is not None:
                usable.setdefault(shipped[0].content_hash, shipped[0])
            fitting = [entry for content, entry in usable.items() if content.startswith(prefix)]
            if len(fitting) == 1:
                return fitting[0]
            if fitting:
                named = ", ".join(f"{entry.version} ({entry.content_hash[:16]})" for entry in fitting)
                raise NoSuchPipelineError(f"'{asked}' means several pipelines: {named}", "write more of the hash")
        match = nearest(prefix, versions)
        fix = f"write '{asked.name}@{match}'" if match else f"there are: {', '.join(versions[:12])}"
        raise NoSuchPipelineError(f"the library has no '{asked}'", fix)

    def _readable(self, files: Iterable[EntryFile]) -> Iterable[Entry]:
        for file in files:
            try:
                yield self._shelf.read(file).entry
            except DamagedEntryError:
                continue  # who asks for it by its version is told

    def _no_such_name(self, asked: PipelineReference) -> NoSuchPipelineError:
        names = {file.name for file in self._shelf.files()[0]} | set(shipped_pipelines())
        match = nearest(asked.name, names)
        fix = f"write '{match}'" if match else "register it with `evopipe register FILE`; `evopipe pipelines` lists all"
        return NoSuchPipelineError(f"the library has no pipeline '{asked.name}'", fix)

    # ---- writing -------------------------------------------------------------------------------------------

    def register(self, asked: RegisterPipeline, at: float) -> Registered:
        """See `RegisterPipeline`; `at` is Unix time."""
        pipeline = load_pipeline(asked.definition, source=asked.source)
        name = asked.name or pipeline.name
        if not is_library_name(name):
            raise InvalidEntryError(f"{name[:100]!r} cannot be a name in the library", f"give one of {NAME_RULE}")
        files = [file for file in self._shelf.files()[0] if file.name == name]
        version = asked.version or pipeline.version or self._free_number(files, pipeline)
        if not is_version(version) or len(version) > 40:
            raise InvalidEntryError(f"{version[:100]!r} cannot be a version", f"give one of {VERSION_RULE}")
        entry = Entry(name, version, pipeline.content_hash, asked.definition)
        warnings = tuple(self._warnings(asked, pipeline, name))
        for file in files:
            if file.version == version:
                return self._there_already(file, entry, warnings)
        self._shelf.add(Kept(entry, at, asked.source))
        return Registered(entry, True, warnings)

    def unregister(self, name: str, version: str) -> str:
        """See `UnregisterPipeline`."""
        found = [file for file in self._shelf.files()[0] if (file.name, file.version) == (name, version)]
        if not found:
            shipped = shipped_pipelines().get(name)
            if shipped is not None and shipped[0].version == version:
                raise NoSuchPipelineError(f"{name}@{version} comes with evopipe and cannot be removed", "leave it")
            versions = [file.version for file in self._shelf.files()[0] if file.name == name]
            there = f"registered are: {', '.join(versions[:12])}" if versions else "`evopipe pipelines` lists all"
            raise NoSuchPipelineError(f"no pipeline '{name}@{version}' is registered", there)
        for file in found:
            self._shelf.remove(file)
        return f"{name}@{version}"

    def _free_number(self, files: list[EntryFile], pipeline: Pipeline) -> str:
        """For a definition that names no version: that of the newest if it is the same, else the next number."""
        if files:
            newest = next(iter(self._readable(files[:1])), None)
            if newest is not None and newest.content_hash == pipeline.content_hash:
                return newest.version
        numbers = [int(file.version) for file in files if file.version.isascii() and file.version.isdigit()]
        return str(max(numbers, default=0) + 1)

    def _there_already(self, file: EntryFile, entry: Entry, warnings: tuple[str, ...]) -> Registered:
        known = self._shelf.read(file).entry
        if known.content_hash != entry.content_hash:
            raise VersionTakenError(
                f"{entry.label} is registered with other content ({known.content_hash[:12]}, this is "
                f"{entry.content_hash[:12]}), and a version never changes",
                "give another one with --version, or change `version:` in the file",
            )
        return Registered(known, False, warnings)

    def _warnings(self, asked: RegisterPipeline, pipeline: Pipeline, name: str) -> Iterable[str]:
        if pipeline.name != name:
            yield f"it calls itself '{pipeline.name}', and kill switches go by that name"
        if name in shipped_pipelines():
            yield f"a pipeline '{name}' comes with evopipe; the name alone now means this one"
        if has_references(pipeline):
            document = read_yaml(asked.definition, asked.source)
            try:
                link(document, check_document(document), self.find)
            except InvalidPipelineError as error:
                yield from (str(each) for each in error.diagnostics[:10])


def _of(shipped: tuple[Entry, Pipeline] | None) -> Entry:
    assert shipped is not None
    return shipped[0]
