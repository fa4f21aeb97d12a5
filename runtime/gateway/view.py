"""What the gateway needs of the node besides messages to named actors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from actors.audit import AuditBook
from actors.kernel import Kernel, RestartLog
from runtime.settings import Settings
from runtime.shutdown import ShutdownRequest


class NodeView(Protocol):
    """Implemented by `runtime.node.Node`. All of it is used on the loop's thread."""

    @property
    def kernel(self) -> Kernel:
        """The kernel whose registry and event bus the gateway uses."""
        ...

    @property
    def restart_log(self) -> RestartLog:
        """Who was restarted, when and why."""
        ...

    @property
    def audit(self) -> AuditBook:
        """Where decisions are recorded."""
        ...

    @property
    def settings(self) -> Settings:
        """The settings now in force."""
        ...

    @property
    def shutdown(self) -> ShutdownRequest:
        """Where a request to stop the node goes."""
        ...

    async def tree(self) -> Mapping[str, object]:
        """The supervision tree: {name, id, class, status, restarts, mailbox, uptime_s, children}."""
        ...

    def status(self) -> Mapping[str, object]:
        """Facts for `evopipe status`; plain values."""
        ...
