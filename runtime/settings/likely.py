"""Where a node is likely to be, from as little of the settings as possible: for `kill`, `arm` and `down`.

These must work beside a settings file that `load_settings` refuses, and must not wait until all of it is checked.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from runtime.settings.errors import SettingsError
from runtime.settings.layers import Layers, add_environment, add_yaml, check_homes, config_path, read_file, with_paths

_KEYS = ("state_dir", "socket_path", "workspace")
_PATHS = tuple((key,) for key in _KEYS)


class LikelyPlaces(NamedTuple):
    """`certain`: `load_settings` finds the same, unless it refuses the settings for other keys."""

    socket_path: Path
    state_dir: Path
    certain: bool


def likely_places(environ: Mapping[str, str] | None = None) -> LikelyPlaces:
    """Socket and state directory as far as the settings can be read. Never raises `SettingsError`.

    Of a file that is no YAML, nothing is known; then these are the environment's, or the usual places, and not certain.
    """
    env = os.environ if environ is None else environ
    layers = Layers()
    certain = True
    file = config_path(env)
    if file is not None:
        try:
            add_yaml(layers, str(file), read_file(file))
        except SettingsError:
            certain = False
    if add_environment(layers, env):
        certain = False
    places: dict[str, object] = {}
    for key in _KEYS:
        value = layers.values.get(key)
        if value is None:
            continue
        if isinstance(value, str):
            with suppress(SettingsError):
                check_homes(layers, dict.fromkeys(_KEYS) | {key: value}, _PATHS)
                places[key] = value
                continue
        certain = False
    values = with_paths(Layers(places, layers.sources), env, file, _PATHS)
    return LikelyPlaces(values["socket_path"], values["state_dir"], certain)
