"""The settings as frozen pydantic models. Defaults are in config/evopipe.yaml, not here: one place to read them."""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, SecretStr, field_validator, model_validator

from runtime.settings.approving import ApprovalSettings
from runtime.settings.budgeting import BudgetSettings, GuardrailSettings
from runtime.settings.guarding import BreakersSettings, RateSettings
from runtime.settings.section import Section

RouteName = Literal["auto", "anthropic", "gemini", "offline"]
Seconds = Annotated[float, Field(gt=0, le=86_400)]
Name = Annotated[str, Field(min_length=1, max_length=100, pattern=r"^\S+$")]
Count = Annotated[int, Field(ge=1, le=1_000_000)]


def is_loopback(host: str) -> bool:
    """Whether an address leads to this machine only."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class MetricsSettings(Section):
    """The Prometheus endpoint; port 0 takes any free port."""

    enabled: bool
    host: str
    port: int = Field(ge=0, le=65_535)

    @field_validator("host")
    @classmethod
    def _loopback_only(cls, host: str) -> str:
        if not is_loopback(host):
            raise ValueError("metrics carry no password, so they are served on loopback only")
        return host


class VendorSettings(Section):
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


class OfflineSettings(Section):
    """The provider without key or network."""

    connections: int = Field(ge=1, le=256)
    latency_s: float = Field(ge=0, le=600)


class ProvidersSettings(Section):
    """All providers."""

    anthropic: VendorSettings
    gemini: VendorSettings
    offline: OfflineSettings

    def keys(self) -> tuple[str, ...]:
        """The vendors' keys as plain text, for those who have to keep them out of what they write."""
        found = (vendor.api_key() for vendor in (self.anthropic, self.gemini))
        return tuple(key.get_secret_value() for key in found if key is not None)


class RoutesSettings(Section):
    """Which provider answers which kind of step."""

    claude: RouteName
    gemini: RouteName


class LimitSettings(Section):
    """What one node accepts."""

    concurrent_runs: Count
    concurrent_runs_per_tenant: Count | None
    request_bytes: int = Field(ge=1024, le=1_073_741_824)
    request_timeout_s: Seconds
    answer_bytes: int = Field(ge=65_536, le=1_073_741_824)
    connections: Count
    requests_per_s: int = Field(ge=1, le=10_000_000)
    drain_s: float = Field(ge=0, le=86_400)


class JournalSettings(Section):
    """The database (null: SQLite in the state directory), SQLite's `synchronous`, and from which length on values are
    kept apart."""

    url: SecretStr | None
    synchronous: Literal["full", "normal"]
    large_bytes: int = Field(ge=1024, le=67_108_864)

    @field_validator("url")
    @classmethod
    def _names_postgresql(cls, url: SecretStr | None) -> SecretStr | None:
        if url is not None and not url.get_secret_value().startswith("postgresql+psycopg://"):
            raise ValueError("write it as postgresql+psycopg://USER@HOST/DATABASE, or null for the embedded SQLite")
        return url

    @property
    def shown_url(self) -> str:
        """The URL without what may be a secret: user, password and options."""
        if self.url is None:
            return ""
        scheme, _, rest = self.url.get_secret_value().partition("://")
        return f"{scheme}://{rest.rpartition('@')[2].partition('?')[0]}"


class RetentionSettings(Section):
    """For how many days after its end a run is kept, and its content (prompts, answers), after its last turn a
    conversation, and what its calls have cost; null: for ever."""

    runs_days: float | None = Field(gt=0, le=36_500)
    content_days: float | None = Field(gt=0, le=36_500)
    sessions_days: float | None = Field(gt=0, le=36_500)
    charges_days: float | None = Field(gt=0, le=36_500)


class AuditSettings(Section):
    """The audit log. `heads_file` None: beside the log's directory."""

    segment_bytes: int = Field(ge=4096, le=1_073_741_824)
    heads_file: Path | None


class AccessSettings(Section):
    """Who else may use the socket: users by name or number, groups as `group:NAME`."""

    operators: tuple[Name, ...]
    viewers: tuple[Name, ...]
    viewers_see_content: bool
    socket_group: Name | None


class TcpSettings(Section):
    """A second listener, for clients with a token."""

    enabled: bool
    host: str
    port: int = Field(ge=0, le=65_535)
    cert_file: Path | None
    key_file: Path | None
    token_file: Path | None

    @model_validator(mode="after")
    def _is_safe(self) -> TcpSettings:
        if (self.cert_file is None) != (self.key_file is None):
            raise ValueError("cert_file and key_file belong together: name both or neither")
        if self.enabled and self.token_file is None:
            raise ValueError("the listener needs a token_file: whoever reaches the port must show who they are")
        if self.enabled and self.cert_file is None and not is_loopback(self.host):
            raise ValueError(
                f"on {self.host} tokens and answers would cross the network readable: name cert_file and key_file, or "
                "use a loopback address"
            )
        return self


class HostSettings(Section):
    """What the node does about the machine it runs on."""

    share_core: Literal["auto", "never"]


class LoggingSettings(Section):
    """The node's log file."""

    level: Literal["debug", "info", "warning", "error"]
    max_bytes: int = Field(ge=4096, le=1_099_511_627_776)
    backups: int = Field(ge=1, le=100)


class Settings(Section):
    """Everything a node needs to know before it starts. All paths are absolute after `load_settings`."""

    state_dir: Path
    socket_path: Path
    workspace: Path
    metrics: MetricsSettings
    providers: ProvidersSettings
    routes: RoutesSettings
    limits: LimitSettings
    rate_limits: RateSettings
    breakers: BreakersSettings
    budgets: BudgetSettings
    guardrails: GuardrailSettings
    approvals: ApprovalSettings
    journal: JournalSettings
    retention: RetentionSettings
    audit: AuditSettings
    access: AccessSettings
    tcp: TcpSettings
    host: HostSettings
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
