"""The node's settings: one frozen value read from YAML and the environment, with errors that name file and line."""

from runtime.settings.changes import changed_keys
from runtime.settings.errors import Problem, SettingsError
from runtime.settings.guarding import ProviderRates
from runtime.settings.loading import config_path, likely_places, load_settings
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
from runtime.settings.places import make_private
from runtime.settings.shipped import shipped_text

__all__ = [
    "AccessSettings",
    "AuditSettings",
    "JournalSettings",
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
]
