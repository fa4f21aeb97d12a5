"""The settings as frozen pydantic models. Defaults are in config/evopipe.yaml, not here: one place to read them."""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator

RouteName = Literal["auto", "anthropic", "gemini", "offline"]
Seconds = Annotated[float, Field(gt=0, le=86_400)]
Count = Annotated[int, Field(ge=1, le=1_000_000)]


class Frozen(BaseModel):
    """Base of all settings: immutable, no unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, defer_build=True)


class MetricsSettings(Frozen):
    """The Prometheus endpoint; port 0 takes any free port."""

    enabled: bool
    host: str
    port: int = Field(ge=0, le=65_535)

    @field_validator("host")
    @classmethod
    def _loopback_only(cls, host: str) -> str:
        if host == "localhost":
            return host
        try:
            loopback = ipaddress.ip_address(host).is_loopback
        except ValueError:
            loopback = False
        if not loopback:
            raise ValueError("metrics carry no password, so they are served on loopback only")
        return host


class VendorSettings(Frozen):
    """A provider with a key and a URL."""

    api_key_env: Annotated[str, Field(pattern=r"^[A-Z_][A-Z0-9_]*$")] | None
    api_key_file: Path | None
    base_url: str | None
    model: str | None
    timeout_s: Seconds
    connections: int = Field(ge=1, le=256)

    def api_key(self, environ: Mapping[str, str] | None = None) -> SecretStr | None:
        """The key from the variable, else from the file; None when neither holds one.

        A key file that is named but cannot be read gives None as well: the provider then answers "no key" and
        `evopipe status` says which file was looked for.
        """
        env = os.environ if environ is None else environ
        if self.api_key_env and env.get(self.api_key_env, "").strip():
            return SecretStr(env[self.api_key_env].strip())
        if self.api_key_file is not None:
            try:
                text = self.api_key_file.expanduser().read_text(encoding="utf-8").strip()
            except (OSError, UnicodeDecodeError):
                return None
            return SecretStr(text) if text else None
        return None


class OfflineSettings(Frozen):
    """The provider without key or network."""

    connections: int = Field(ge=1, le=256)
    latency_s: float = Field(ge=0, le=600)


class ProvidersSettings(Frozen):
    """All providers."""

    anthropic: VendorSettings
    gemini: VendorSettings
    offline: OfflineSettings

    def keys(self) -> tuple[str, ...]:
        """The vendors' keys as plain text, for those who have to keep them out of what they write."""
        found = (vendor.api_key() for vendor in (self.anthropic, self.gemini))
        return tuple(key.get_secret_value() for key in found if key is not None)


class RoutesSettings(Frozen):
    """Which provider answers which kind of step."""

    claude: RouteName
    gemini: RouteName


class LimitSettings(Frozen):
    """What one node accepts."""

    concurrent_runs: Count
    request_bytes: int = Field(ge=1024, le=1_073_741_824)
    request_timeout_s: Seconds
    answer_bytes: int = Field(ge=65_536, le=1_073_741_824)
    connections: Count
    drain_s: float = Field(ge=0, le=86_400)


class JournalSettings(Frozen):
    """SQLite's `synchronous`, and from which length on values are kept apart."""

    synchronous: Literal["full", "normal"]
    large_bytes: int = Field(ge=1024, le=67_108_864)


class LoggingSettings(Frozen):
    """The node's log file."""

    level: Literal["debug", "info", "warning", "error"]
    max_bytes: int = Field(ge=4096)
    backups: int = Field(ge=1, le=100)


class Settings(Frozen):
    """Everything a node needs to know before it starts. All paths are absolute after `load_settings`."""

    state_dir: Path
    socket_path: Path
    workspace: Path
    metrics: MetricsSettings
    providers: ProvidersSettings
    routes: RoutesSettings
    limits: LimitSettings
    journal: JournalSettings
    logging: LoggingSettings
    config_file: Path | None = None

    @property
    def log_file(self) -> Path:
        """Where the detached node writes its log (JSON lines)."""
        return self.state_dir / "logs" / "evopipe.log"

    def route(self, family: Literal["claude", "gemini"], environ: Mapping[str, str] | None = None) -> str:
        """The provider's name for a step family; "auto" is the vendor when it has a key, else "offline"."""
        named = self.routes.claude if family == "claude" else self.routes.gemini
        if named != "auto":
            return named
        vendor = self.providers.anthropic if family == "claude" else self.providers.gemini
        if vendor.api_key(environ) is None:
            return "offline"
        return "anthropic" if family == "claude" else "gemini"
