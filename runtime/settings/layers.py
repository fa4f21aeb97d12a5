"""The layers that settings come from (a file, the environment) and where each key was last set.

Nothing heavy is imported before it is needed, neither pydantic's models nor PyYAML: `evopipe kill` asks for two paths.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from runtime.settings.errors import Problem, SettingsError
from runtime.settings.places import default_config, default_socket, default_state_dir

KeyPath = tuple[str, ...]
LARGEST_CONFIG_BYTES = 1_000_000
PREFIX = "EVOPIPE_"
# The settings' own file, the daemon's loop, and what the project's tests read: these start nodes with the environment
# that they have.
RESERVED = frozenset(
    {
        "EVOPIPE_CONFIG",
        "EVOPIPE_LOOP",
        "EVOPIPE_SHARED",
        "EVOPIPE_NODE_STARTS",
        "EVOPIPE_FUZZ_EXAMPLES",
        "EVOPIPE_FUZZ_SEED",
    }
)


@dataclass(frozen=True, slots=True)
class Place:
    """A position in a text, counted from 1."""

    line: int
    column: int


@dataclass(slots=True)
class Layers:
    """The merged values and where each key was last set."""

    values: dict[str, Any] = field(default_factory=dict[str, Any])
    sources: dict[KeyPath, tuple[str, Place | None]] = field(default_factory=dict[KeyPath, tuple[str, Place | None]])

    def source_of(self, path: KeyPath) -> tuple[str, Place | None]:
        """The source of the key, of the nearest key above it, or else of one below it (a section nobody knows)."""
        for length in range(len(path), 0, -1):
            if path[:length] in self.sources:
                return self.sources[path[:length]]
        below = (source for known, source in self.sources.items() if known[: len(path)] == path)
        return next(below, ("settings", None))


def config_path(environ: Mapping[str, str] | None = None) -> Path | None:
    """The user's settings file: EVOPIPE_CONFIG (which must exist when named), else the XDG place if there is one."""
    env = os.environ if environ is None else environ
    named = env.get("EVOPIPE_CONFIG", "")
    if named:
        return Path(named).expanduser()
    usual = default_config(env)
    return usual if usual.exists() else None


def read_file(file: Path) -> str:
    """The text of a settings file; raises `SettingsError`."""
    try:
        if file.stat().st_size > LARGEST_CONFIG_BYTES:
            raise SettingsError((_whole_file(file, "the file is too large for settings", "at most 1 MB"),))
        return file.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise SettingsError((_whole_file(file, f"byte {error.start} is not UTF-8", "UTF-8 text"),)) from error
    except OSError as error:
        reason = error.strerror or str(error)
        raise SettingsError((_whole_file(file, f"cannot be read: {reason}", "a readable file"),)) from error


def _whole_file(file: Path, message: str, expected: str) -> Problem:
    return Problem(
        str(file), None, None, "", f"{message}.", expected, "correct the file, or the path in EVOPIPE_CONFIG."
    )


def add_yaml(layers: Layers, source: str, text: str) -> None:
    """Lays the keys of a YAML text over what is there; raises `SettingsError` where that cannot be."""
    from runtime.settings.yaml_places import UnreadableYamlError, read_yaml  # noqa: PLC0415 - see the module

    try:
        values, places = read_yaml(text)
    except UnreadableYamlError as error:
        line, column = (error.place.line, error.place.column) if error.place else (None, None)
        problem = Problem(source, line, column, "", f"{error.message}.", "YAML key: value pairs", "correct that line.")
        raise SettingsError((problem,)) from error
    _lay_over(layers, source, values, places)


def add_own_yaml(layers: Layers, source: str, text: str) -> None:
    """As `add_yaml`, of a file that is shipped with evopipe and right."""
    from runtime.settings.yaml_places import read_own_yaml  # noqa: PLC0415 - see the module

    _lay_over(layers, source, *read_own_yaml(text))


def _lay_over(layers: Layers, source: str, values: dict[str, Any], places: Mapping[KeyPath, Place]) -> None:
    for path, place in places.items():
        layers.sources[path] = (source, place)
    problems = tuple(_no_section(layers, path) for path in _scalars_over_sections(layers.values, values))
    if problems:
        raise SettingsError(problems)
    _merge(layers.values, values)


def add_environment(layers: Layers, environ: Mapping[str, str]) -> list[Problem]:
    """Lays the variables over what is there; the problems found, whose variables are left out."""
    problems: list[Problem] = []
    for name in sorted(environ):
        if not name.startswith(PREFIX) or name in RESERVED:
            continue
        import yaml  # noqa: PLC0415 - see the module

        path = tuple(part.lower() for part in name.removeprefix(PREFIX).split("__"))
        try:
            value: Any = yaml.safe_load(environ[name])
        except (yaml.YAMLError, ValueError):  # ValueError: a number or date that Python has no value for
            value = environ[name]
        if isinstance(value, (dict, list)):
            problems.append(
                Problem(name, None, None, ".".join(path), "holds a structure.", "one value", f"set {name}__<KEY>.")
            )
            continue
        nested: Any = value
        for part in reversed(path):
            nested = {part: nested}
        _merge(layers.values, nested)
        for length in range(2, len(path) + 1):
            # Above the leaf, too: a variable may name a key below one that has no keys.
            layers.sources[path[:length]] = (f"variable {name}", None)
        layers.sources[path] = (f"variable {name}", None)
    return problems


def with_paths(
    layers: Layers, environ: Mapping[str, str], file: Path | None, keys: tuple[KeyPath, ...]
) -> dict[str, Any]:
    """The values with the usual places where none are named, and the paths among them (`keys`) absolute.

    Raises `SettingsError` for paths that lead nowhere.
    """
    values = dict(layers.values)
    if values.get("state_dir") is None:
        values["state_dir"] = default_state_dir(environ)
    if values.get("socket_path") is None:
        values["socket_path"] = default_socket(environ)
    if values.get("workspace") is None:
        values["workspace"] = Path(str(values["state_dir"])) / "workspace"
    check_homes(layers, values, keys)
    for path in keys:
        section = _section_of(values, path)
        if section is not None:
            section[path[-1]] = _absolute(section[path[-1]], layers.source_of(path)[0], file)
    values["config_file"] = file.absolute() if file is not None else None
    return values


def check_homes(layers: Layers, values: Mapping[str, Any], keys: tuple[KeyPath, ...]) -> None:
    """Raises `SettingsError` for a path that begins with the home (`~name`) of a user that does not exist, and for an
    empty one: that would be the directory of the settings' file."""
    found: list[Problem] = []
    for path in keys:
        section = _section_of(values, path)
        value = section[path[-1]] if section is not None else None
        if not isinstance(value, str):
            continue
        try:
            Path(value).expanduser()
        except RuntimeError:
            message = "begins with ~ and the name of a user that has no home."
            found.append(_bad_path(layers, path, message, "write the path out from /."))
        if not value.strip():
            found.append(_bad_path(layers, path, "is empty.", "name one, or write null for the usual one."))
    if found:
        raise SettingsError(tuple(found))


def _bad_path(layers: Layers, path: KeyPath, message: str, fix: str) -> Problem:
    source, place = layers.source_of(path)
    line, column = (place.line, place.column) if place else (None, None)
    return Problem(source, line, column, ".".join(path), message, "a path", fix)


def _section_of(values: Mapping[str, Any], path: KeyPath) -> dict[str, Any] | None:
    """The map that holds a key, if there is one."""
    section: Any = values
    for part in path[:-1]:
        section = section.get(part) if isinstance(section, dict) else None  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
    return cast("dict[str, Any]", section) if isinstance(section, dict) and path[-1] in section else None


def _absolute(value: Any, source: str, file: Path | None) -> Any:
    """A path in the file is relative to the file; one from the environment, to the caller's directory."""
    if not isinstance(value, (str, Path)):
        return value
    place = Path(value).expanduser()
    if place.is_absolute():
        return place  # also where the working directory is gone
    base = file.absolute().parent if file is not None and source == str(file) else Path.cwd()
    return base / place


def _scalars_over_sections(present: Mapping[str, Any], new: Mapping[str, Any], at: KeyPath = ()) -> Iterator[KeyPath]:
    for key, value in new.items():
        here: Any = present.get(key)
        if isinstance(here, dict) and isinstance(value, dict):
            yield from _scalars_over_sections(here, value, (*at, key))  # pyright: ignore[reportUnknownArgumentType]
        elif isinstance(here, dict) and value is not None:
            yield (*at, key)


def _no_section(layers: Layers, path: KeyPath) -> Problem:
    from runtime.settings.wording import known_keys  # noqa: PLC0415 - see the module

    source, place = layers.source_of(path)
    line, column = (place.line, place.column) if place else (None, None)
    keys = ", ".join(known_keys(path)) or "names of your own, each with its value"
    return Problem(
        source, line, column, ".".join(path), "is no section.", f"keys below it: {keys}", "put each on its own line."
    )


def _merge(into: dict[str, Any], new: Mapping[str, Any]) -> None:
    for key, value in new.items():
        present = into.get(key)
        if isinstance(present, dict) and isinstance(value, dict):
            _merge(present, value)  # pyright: ignore[reportUnknownArgumentType]
        elif isinstance(present, dict) and value is None:
            continue  # an empty section ("metrics:") changes nothing
        else:
            into[key] = value
