"""The files of a codebase and which of them need which."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from pipelines.codebase.resolution import Resolver
from pipelines.codebase.source import ReadFile


class Codebase:
    """All files by path. `needs` and `needed_by` map a path to paths, `external` to the imports that mean none."""

    def __init__(self, files: Iterable[ReadFile]) -> None:
        self.files: Mapping[str, ReadFile] = {file.path: file for file in sorted(files, key=lambda file: file.path)}
        resolver = Resolver(self.files)
        self.needs: dict[str, list[str]] = {}
        self.needed_by: dict[str, list[str]] = {path: [] for path in self.files}
        self.external: dict[str, list[str]] = {}
        for path, file in self.files.items():
            inside: dict[str, None] = {}
            outside: dict[str, None] = {}
            for name in file.outline.imports:
                found = resolver.resolve(file, name)
                inside.update(dict.fromkeys(found))
                if not found:
                    outside[name.partition(":")[0].removeprefix("mod ")] = None
            self.needs[path] = sorted(inside)
            self.external[path] = sorted(each for each in outside if each)
            for other in inside:
                self.needed_by[other].append(path)

    def reach(self, start: str, edges: Mapping[str, list[str]], depth: int | None = None) -> dict[str, int]:
        """Every file that can be reached from `start`, with how many steps away it is (1: directly)."""
        found: dict[str, int] = {}
        edge, distance = [start], 0
        while edge and (depth is None or distance < depth):
            distance += 1
            following = dict.fromkeys(each for path in edge for each in edges.get(path, ()))
            edge = [each for each in following if each != start and each not in found]
            found.update(dict.fromkeys(edge, distance))
        return found
