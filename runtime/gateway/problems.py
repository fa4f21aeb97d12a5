"""Errors as they cross the socket: a stable code, one sentence, details. Never a stack trace.

    ApiError(status, code, message, details)

Kernel errors become answers here too, so that no endpoint repeats the mapping.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import cast

import structlog
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from actors.approvals import (
    AnsweredError,
    ApprovalError,
    NoSuchApprovalError,
    NotCountedError,
    NotWaitingError,
    TooManyApprovalsError,
    UnfitAnswerError,
)
from actors.audit import AuditError
from actors.breakers import BreakerUnauditedError
from actors.evolution import (
    EvolutionError,
    EvolutionStillRunningError,
    EvolutionSwitchedOffError,
    InvalidOrderError,
    NoSuchEvolutionError,
    TooManyEvolutionsError,
)
from actors.journal import IdempotencyConflictError, JournalBusyError, JournalError, ResultLostError, RunChangedError
from actors.kernel import ActorDeadError, CallTimeout, KernelError, MailboxFull, MaxChildren
from actors.library import (
    InvalidEntryError,
    LibraryError,
    LibraryFullError,
    LibraryUnavailableError,
    NoSuchPipelineError,
    VersionTakenError,
)
from actors.runs import (
    KillSwitchedError,
    NoSuchRunError,
    RunError,
    RunNotFailedError,
    RunStillRunningError,
    RunSuspendedError,
    TooManyRunsError,
)
from actors.sessions import SessionBusyError, SessionError, UnknownSessionError
from actors.treasury import BudgetUnauditedError, InvalidBudgetError, TreasuryError
from actors.trust import TrustUnsavedError
from pipelines.guardrails import InvalidSwitchError, KillSwitchError
from pipelines.guardrails.breaker_rules import BreakerError
from pipelines.guardrails.trust import TrustError
from pipelines.language import InvalidInputsError
from runtime.gateway.wire import WireResponse, to_wire

_log = structlog.stdlib.get_logger("evopipe.gateway")

RUN_STATUS: dict[type[RunError], int] = {
    KillSwitchedError: 423,
    NoSuchRunError: 404,
    RunNotFailedError: 409,
    RunStillRunningError: 504,
    RunSuspendedError: 503,
    TooManyRunsError: 429,
}
LIBRARY_STATUS: dict[type[LibraryError], int] = {
    NoSuchPipelineError: 404,
    InvalidEntryError: 422,
    VersionTakenError: 409,
    LibraryFullError: 429,
    LibraryUnavailableError: 507,
}
EVOLUTION_STATUS: dict[type[EvolutionError], int] = {
    EvolutionStillRunningError: 504,
    InvalidOrderError: 422,
    NoSuchEvolutionError: 404,
    TooManyEvolutionsError: 429,
    EvolutionSwitchedOffError: 423,
}
APPROVAL_STATUS: dict[type[ApprovalError], int] = {
    AnsweredError: 409,
    NoSuchApprovalError: 404,
    NotCountedError: 409,
    NotWaitingError: 409,
    TooManyApprovalsError: 429,
    UnfitAnswerError: 422,
}
SESSION_STATUS: dict[type[SessionError], int] = {SessionBusyError: 409, UnknownSessionError: 404}

LONGEST_MESSAGE = 2_000
MOST_DETAILS = 200


class ApiError(Exception):
    """An answer that is not a success. What is very long (a client's own megabytes, quoted back) is cut."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        details: Sequence[object] = (),
        *,
        retry_after_s: float | None = None,
    ) -> None:
        self.status = status
        self.retry_after_s = retry_after_s
        self.code = code
        self.message = clipped(message)
        self.details = tuple(clip_texts(each) for each in details[:MOST_DETAILS])
        super().__init__(self.message)

    def response(self) -> Response:
        """The JSON answer {"error": {code, message, details}}."""
        headers: dict[str, str] = {}
        if self.status in (413, 408):
            headers["connection"] = "close"  # the rest of the request has not been read and will not be
        if self.status in (429, 503):
            headers["retry-after"] = str(max(1, math.ceil(self.retry_after_s or 1.0)))
        if self.status == 401:
            headers["www-authenticate"] = "Bearer"
        body = {"error": {"code": self.code, "message": self.message, "details": list(self.details)}}
        return WireResponse(body, status_code=self.status, headers=headers)


def clipped(text: str) -> str:
    """`text`, or its beginning and its end."""
    if len(text) <= LONGEST_MESSAGE:
        return text
    half = LONGEST_MESSAGE // 2 - 10
    return f"{text[:half]} [...] {text[-half:]}"


def clip_texts(detail: object) -> object:
    """A detail with its texts cut."""
    match detail:
        case str():
            return clipped(detail)
        case dict():
            facts = cast("dict[str, object]", detail)
            return {key: clipped(value) if isinstance(value, str) else value for key, value in facts.items()}
        case _:
            return detail


def as_api_error(error: Exception) -> ApiError:
    """The answer that fits `error`; what is not foreseen is logged with its trace and answered as "internal"."""
    match error:
        case ApiError():
            return error
        case HTTPException():
            return ApiError(error.status_code, _http_code(error.status_code), _http_message(error))
        case TooManyRunsError():
            return ApiError(429, error.code, f"{error}.", retry_after_s=error.retry_after_s)
        case RunError():
            return ApiError(RUN_STATUS.get(type(error), 500), error.code, f"{error}.")
        case LibraryError():
            return ApiError(LIBRARY_STATUS.get(type(error), 500), error.code, f"{error}; {error.fix}.")
        case EvolutionError():
            return ApiError(EVOLUTION_STATUS.get(type(error), 500), error.code, f"{error}.")
        case ApprovalError():
            return ApiError(APPROVAL_STATUS.get(type(error), 500), error.code, f"{error}.", _answer_given(error))
        case SessionError():
            return ApiError(SESSION_STATUS.get(type(error), 507), error.code, f"{error}.")
        case InvalidInputsError():
            return ApiError(422, error.code, f"{error}.", error.problems)
        case IdempotencyConflictError():
            return ApiError(409, error.code, str(error))
        case RunChangedError():
            return ApiError(409, error.code, str(error))
        case JournalBusyError():
            return ApiError(503, error.code, str(error))
        case ResultLostError():
            return ApiError(500, error.code, str(error))
        case JournalError():
            # Foreseen, and often a full disk: no trace, which would only fill the log beside it.
            _log.error("journal_failed", problem=str(error))
            return ApiError(507, error.code, f"this could not be recorded: {error}")
        case AuditError() | BudgetUnauditedError() | BreakerUnauditedError():
            _log.error("audit_failed", problem=str(error))
            return ApiError(507, error.code, str(error))
        case InvalidBudgetError():
            return ApiError(422, error.code, f"{error}.")
        case TreasuryError():
            return ApiError(503, error.code, f"{error}.")
        case BreakerError():
            return ApiError(422, error.code, f"{error}.")
        case TrustError():
            return ApiError(507 if isinstance(error, TrustUnsavedError) else 422, error.code, f"{error}.")
        case InvalidSwitchError():
            return ApiError(422, error.code, f"{error}")
        case KillSwitchError():
            code = str(getattr(error, "code", "kill_switch"))
            return ApiError(409, code, f"{error}")
        case ActorDeadError():
            return ApiError(
                503, "unavailable", f"a part of the node is restarting ({error.who}); try again in a moment."
            )
        case MailboxFull() | MaxChildren():
            return ApiError(503, "busy", f"the node has no room for more at the moment: {error}.")
        case CallTimeout() | TimeoutError():
            return ApiError(504, "timeout", "the node did not answer in time; what was begun goes on.")
        case KernelError():
            _log.error("request_failed", exc_info=error)
            return ApiError(500, "internal", f"the node could not do this: {error}.")
        case _:
            _log.error("request_failed", exc_info=error)
            return ApiError(
                500, "internal", f"an error of the node itself ({type(error).__name__}); `evopipe logs` shows it."
            )


def _answer_given(error: ApprovalError) -> tuple[object, ...]:
    return ({**to_wire(error.decision), "text": str(error)},) if isinstance(error, AnsweredError) else ()


async def answer_http_exception(_request: Request, error: Exception) -> Response:
    """Starlette's own errors (no such path, wrong method) in our form."""
    return as_api_error(error).response()


def _http_code(status: int) -> str:
    return {400: "bad_request", 404: "not_found", 405: "method_not_allowed"}.get(status, "http_error")


def _http_message(error: HTTPException) -> str:
    if error.status_code == 404:
        return "there is nothing at this path; GET /openapi.json lists what there is."
    if error.status_code == 405:
        return "this path does not take this method; GET /openapi.json lists what there is."
    return f"{error.detail}."
