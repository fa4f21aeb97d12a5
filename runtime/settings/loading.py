"""Layers the shipped defaults, the user's file and the environment into one `Settings`.

Each leaf remembers which layer it came from, so that an error names the file and line, or the variable, to change.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from runtime.settings.errors import SettingsError
from runtime.settings.layers import (
    KeyPath,
    Layers,
    add_environment,
    add_own_yaml,
    add_yaml,
    config_path,
    read_file,
    with_paths,
)
from runtime.settings.model import Settings
from runtime.settings.shipped import shipped_text
from runtime.settings.wording import problems_of


def load_settings(path: Path | None = None, environ: Mapping[str, str] | None = None) -> Settings:
    """What `runtime.settings.load_settings` says."""
    env = os.environ if environ is None else environ
    file = path if path is not None else config_path(env)
    layers = Layers()
    add_own_yaml(layers, "config/evopipe.yaml (shipped)", shipped_text("evopipe.yaml"))
    if file is not None:
        add_yaml(layers, str(file), read_file(file))
    problems = add_environment(layers, env)
    values = with_paths(layers, env, file, _path_keys())
    try:
        settings = Settings.model_validate(values)
    except ValidationError as error:
        raise SettingsError((*problems, *problems_of(error, layers.source_of))) from error
    if problems:
        raise SettingsError(tuple(problems))
    return settings


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
