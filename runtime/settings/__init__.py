"""The node's settings: one frozen value read from YAML and the environment, with errors that name file and line.

What needs the models (pydantic, a tenth of a second) is imported when it is first asked for: `evopipe kill` does not.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from runtime.settings.changes import changed_keys, taken_over
from runtime.settings.errors import Problem, SettingsError
from runtime.settings.layers import config_path
from runtime.settings.likely import LikelyPlaces, likely_places
from runtime.settings.places import make_private
from runtime.settings.shipped import shipped_text

if TYPE_CHECKING:
    from runtime.settings.guarding import ProviderRates
    from runtime.settings.model import (
        AccessSettings,
        AuditSettings,
        JournalSettings,
        LimitSettings,
        LoggingSettings,
        MetricsSettings,
        OfflineSettings,
        ProvidersSettings,
        RouteName,
        RoutesSettings,
        Settings,
        TcpSettings,
        VendorSettings,
    )


def load_settings(path: Path | None = None, environ: Mapping[str, str] | None = None) -> Settings:
    """Reads and checks the settings; raises `SettingsError` with every problem found.

    `path` wins over EVOPIPE_CONFIG. Reads no key of any provider and makes no directory.
    """
    from runtime.settings import loading  # noqa: PLC0415 - see above

    return loading.load_settings(path, environ)


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = import_module(f"{__name__}.{'guarding' if name == 'ProviderRates' else 'model'}")
    found: object = getattr(module, name)
    globals()[name] = found
    return found


__all__ = [
    "AccessSettings",
    "AuditSettings",
    "JournalSettings",
    "LikelyPlaces",
    "LimitSettings",
    "LoggingSettings",
    "MetricsSettings",
    "OfflineSettings",
    "Problem",
    "ProviderRates",
    "ProvidersSettings",
    "RouteName",
    "RoutesSettings",
    "Settings",
    "SettingsError",
    "TcpSettings",
    "VendorSettings",
    "changed_keys",
    "config_path",
    "likely_places",
    "load_settings",
    "make_private",
    "shipped_text",
    "taken_over",
]
