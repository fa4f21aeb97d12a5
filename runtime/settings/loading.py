"""Layers the shipped defaults, the user's file and the environment into one `Settings`.

Each leaf remembers which layer it came from, so that an error names the file and line, or the variable, to change.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, cast, get_args

import yaml
from pydantic import BaseModel, ValidationError

from runtime.settings.errors import Problem, SettingsError
from runtime.settings.model import Settings
from runtime.settings.places import default_config, default_socket, default_state_dir
from runtime.settings.shipped import shipped_text
from runtime.settings.wording import known_keys, problems_of
from runtime.settings.yaml_places import (
    LARGEST_CONFIG_BYTES,
    KeyPath,
    Place,
    UnreadableYamlError,
    read_yaml,
)

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
PATH_KEYS = ("state_dir", "socket_path", "workspace")


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


def load_settings(path: Path | None = None, environ: Mapping[str, str] | None = None) -> Settings:
    """Reads and checks the settings; raises `SettingsError` with every problem found.

    `path` wins over EVOPIPE_CONFIG. Reads no key of any provider and makes no directory.
    """
    env = os.environ if environ is None else environ
    file = path if path is not None else config_path(env)
    layers = Layers()
    _add_yaml(layers, "config/evopipe.yaml (shipped)", shipped_text("evopipe.yaml"))
    if file is not None:
        _add_yaml(layers, str(file), _read(file))
    problems = _add_environment(layers, env)
    values = _with_paths(layers, env, file)
    try:
        settings = Settings.model_validate(values)
    except ValidationError as error:
        raise SettingsError((*problems, *problems_of(error, layers.source_of))) from error
    if problems:
        raise SettingsError(tuple(problems))
    return settings


def likely_places(environ: Mapping[str, str] | None = None) -> tuple[Path, Path]:
    """Socket and state directory as far as settings that `load_settings` refuses can be read.

    For what has to reach a running node beside a broken file: the kill switch, `down`. Of a file that is no YAML,
    nothing is known; then these are the environment's, or the usual places. Never raises `SettingsError`.
    """
    env = os.environ if environ is None else environ
    layers = Layers()
    file = config_path(env)
    if file is not None:
        with contextlib.suppress(SettingsError):
            _add_yaml(layers, str(file), _read(file))
    _add_environment(layers, env)
    places = {key: layers.values.get(key) for key in PATH_KEYS}
    texts = {key: value for key, value in places.items() if isinstance(value, str) and value}
    for key in list(texts):
        with contextlib.suppress(SettingsError):
            _check_homes(layers, dict.fromkeys(PATH_KEYS) | {key: texts[key]})
            continue
        del texts[key]
    values = _with_paths(Layers(texts, layers.sources), env, file)
    return values["socket_path"], values["state_dir"]


def _read(file: Path) -> str:
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


def _add_yaml(layers: Layers, source: str, text: str) -> None:
    try:
        values, places = read_yaml(text)
    except UnreadableYamlError as error:
        line, column = (error.place.line, error.place.column) if error.place else (None, None)
        problem = Problem(source, line, column, "", f"{error.message}.", "YAML key: value pairs", "correct that line.")
        raise SettingsError((problem,)) from error
    for path, place in places.items():
        layers.sources[path] = (source, place)
    problems = tuple(_no_section(layers, path) for path in _scalars_over_sections(layers.values, values))
    if problems:
        raise SettingsError(problems)
    _merge(layers.values, values)


def _add_environment(layers: Layers, environ: Mapping[str, str]) -> list[Problem]:
    problems: list[Problem] = []
    for name in sorted(environ):
        if not name.startswith(PREFIX) or name in RESERVED:
            continue
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


def _with_paths(layers: Layers, environ: Mapping[str, str], file: Path | None) -> dict[str, Any]:
    values = dict(layers.values)
    if values.get("state_dir") is None:
        values["state_dir"] = default_state_dir(environ)
    if values.get("socket_path") is None:
        values["socket_path"] = default_socket(environ)
    if values.get("workspace") is None:
        values["workspace"] = Path(str(values["state_dir"])) / "workspace"
    _check_homes(layers, values)
    for path in _path_keys():
        section = _section_of(values, path)
        if section is not None:
            section[path[-1]] = _absolute(section[path[-1]], layers.source_of(path)[0], file)
    values["config_file"] = file.absolute() if file is not None else None
    return values


def _check_homes(layers: Layers, values: Mapping[str, Any]) -> None:
    """Raises `SettingsError` for a path that begins with the home (`~name`) of a user that does not exist, and for an
    empty one: that would be the directory of the settings' file."""
    found: list[Problem] = []
    for path in _path_keys():
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


@cache
def _path_keys() -> tuple[KeyPath, ...]:
    """All settings that are paths, but for where the settings came from."""
    return tuple(path for path in _paths_in(Settings, ()) if path != ("config_file",))


def _paths_in(model: type[BaseModel], at: KeyPath) -> Iterator[KeyPath]:
    for name, field_info in model.model_fields.items():
        annotation: Any = field_info.annotation  # pyright: ignore[reportUnknownMemberType] - pydantic's own gap
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            yield from _paths_in(annotation, (*at, name))
        elif Path in (annotation, *get_args(annotation)):
            yield (*at, name)


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
