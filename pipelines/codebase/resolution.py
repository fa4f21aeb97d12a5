"""Which files of the codebase an import means, by the rules of each language. What means none is external."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from posixpath import dirname, normpath

from pipelines.codebase.source import ReadFile

_GO_MODULE = re.compile(r"^module\s+(\S+)", re.MULTILINE)
_SCRIPT_ENDINGS = ("", ".ts", ".tsx", ".d.ts", ".mts", ".cts", ".js", ".jsx", ".mjs", ".cjs")
_ROOTS = ("src", "lib")


class Resolver:
    """Looks imports up among these files."""

    def __init__(self, files: Mapping[str, ReadFile]) -> None:
        self._files = files
        self._modules: dict[str, list[str]] = {}
        self._go_packages: dict[str, list[str]] = {}
        for path, file in files.items():
            for module in file.outline.defines:
                self._modules.setdefault(module, []).append(path)
        self._index_go()
        self._rules: Mapping[str, Callable[[str, str], Iterable[str]]] = {
            "python": self._python,
            "javascript": self._script,
            "typescript": self._script,
            "go": lambda _, name: self._go_packages.get(name, ()),
            "rust": self._rust,
            "elixir": lambda _, name: self._modules.get(name, ()),
        }

    def resolve(self, file: ReadFile, name: str) -> list[str]:
        """The files that `name` means in `file`, never itself."""
        rule = self._rules.get(file.language or "")
        return [] if rule is None else [path for path in rule(file.path, name) if path != file.path]

    def _first(self, candidates: Iterable[str]) -> list[str]:
        for path in candidates:
            if path in self._files:
                return [path]
        return []

    def _python(self, path: str, name: str) -> list[str]:
        module, _, taken = name.partition(":")
        level = len(module) - len(module.lstrip("."))
        parts = [part for part in module.split(".") if part]
        if level:
            base = dirname(path)
            for _ in range(level - 1):
                base = dirname(base)
            homes = [base]
        else:
            homes = [*_above(dirname(path)), *_ROOTS]
        for home in homes:
            whole = "/".join(part for part in (home, *parts) if part)
            deeper = f"{whole}/{taken}" if whole and taken else taken
            found = self._first(_python_files(deeper)) if taken and taken != "*" else []
            found = found or self._first(_python_files(whole))
            if found:
                return found
        return []

    def _script(self, path: str, name: str) -> list[str]:
        if not name.startswith("."):
            return []
        target = normpath(f"{dirname(path)}/{name}" if dirname(path) else name)
        # TypeScript's own way of writing an import names the file that will be compiled.
        bare = re.sub(r"\.(m|c)?jsx?$", "", target)
        stems = dict.fromkeys((target, bare, f"{target}/index"))
        return self._first(stem + ending for stem in stems for ending in _SCRIPT_ENDINGS)

    def _rust(self, path: str, name: str) -> list[str]:
        home, stem = dirname(path), path.rsplit("/", 1)[-1].removesuffix(".rs")
        own = home if stem in {"mod", "lib", "main"} else f"{home}/{stem}"
        if name.startswith("mod "):
            return self._first(_rust_files(own, [name[4:]]))
        parts = [part.strip() for part in re.split(r"::|[{,]", name) if part.strip()]
        head = parts[0] if parts else ""
        if head == "crate":
            base = home[: home.index("src") + 3] if "src" in home.split("/") else home
        elif head == "self":
            base = own
        elif head == "super":
            base = dirname(own)
        else:
            return []
        inner = [part.rstrip("}").split(" as ")[0] for part in parts[1:]]
        return self._first(path for length in range(len(inner), 0, -1) for path in _rust_files(base, inner[:length]))

    def _index_go(self) -> None:
        modules = {
            dirname(path): found[1]
            for path, file in self._files.items()
            if path.rsplit("/", 1)[-1] == "go.mod" and (found := _GO_MODULE.search(file.text or ""))
        }
        for path, file in self._files.items():
            if file.language != "go" or path.endswith("_test.go"):
                continue
            home = dirname(path)
            root = next((each for each in reversed(_above(home)) if each in modules), None)
            if root is not None:
                rest = home[len(root) :].strip("/")
                self._go_packages.setdefault("/".join(part for part in (modules[root], rest) if part), []).append(path)


def _above(directory: str) -> list[str]:
    """The directory and those above it, the outermost ("") first."""
    parts = directory.split("/") if directory else []
    return ["/".join(parts[:length]) for length in range(len(parts) + 1)]


def _python_files(stem: str) -> list[str]:
    return [f"{stem}.py", f"{stem}/__init__.py", f"{stem}.pyi"] if stem else ["__init__.py"]


def _rust_files(base: str, parts: list[str]) -> list[str]:
    stem = "/".join(part for part in (base, *parts) if part)
    return [f"{stem}.rs", f"{stem}/mod.rs"]
