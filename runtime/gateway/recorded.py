"""Questions that the journal answers, itself or through the runs: when no answer comes, it is named."""

from __future__ import annotations

from typing import Any

import structlog

from actors.journal import JournalUnavailableError
from actors.kernel import CallTimeout, Kernel, find, inspect
from runtime.gateway.endpoint import Desk
from runtime.gateway.problems import ApiError

_log = structlog.stdlib.get_logger("evopipe.gateway")


async def recorded(desk: Desk, actor: str, message: object) -> Any:
    """What "journal" answers, or "runs" once it has asked that.

    Raises `ApiError` "journal_unavailable" where the journal cannot be read (507), or does not answer within the
    desk's deadline (504); else as `Desk.call` does.
    """
    try:
        return await desk.call(actor, message)
    except CallTimeout as late:
        if actor != "journal" and not _only_waits(desk.view.kernel, actor):
            raise
        _log.error("journal_silent", waited_s=late.timeout_s)
        raise ApiError(
            504,
            JournalUnavailableError.code,
            f"the journal does not answer (not within {late.timeout_s:g} s); see the node's log. What runs goes on.",
        ) from None
    except JournalUnavailableError as error:
        _log.error("journal_failed", problem=str(error))
        raise ApiError(507, error.code, f"this could not be read: {error}") from None


def _only_waits(kernel: Kernel, actor: str) -> bool:
    """Whether the actor does nothing itself and has taken all its messages: then it is the journal that keeps it."""
    ref = find(kernel, actor)
    if ref is None:
        return False
    report = inspect(ref)
    if report.suspended:
        return False
    return report.activity.calling == "journal" or (report.activity.what == "idle" and not report.mailbox)
