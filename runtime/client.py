"""The API's client: HTTP over the node's Unix socket, for the command line and for scripts."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, cast
from urllib.parse import quote, urlencode

from runtime.patience import SHIPPED_REQUEST_S, client_answer_s, client_entry_s
from runtime.unix_http import TRANSPORT_ERRORS, Answer, UnixConnection, blocks_of, lines_of

SILENCE_S = 60.0
_KEPT = "/%?=&:@,;+!$'()*"
"""What a path may hold besides letters and digits; all else is written as `%XX`."""


class ClientError(Exception):
    """Base of what a client raises."""


class NodeUnreachableError(ClientError):
    """Nobody answers on the socket."""

    def __init__(self, socket_path: Path, reason: str) -> None:
        self.socket_path = socket_path
        told = f"no node answers on {socket_path} ({reason}); start one with `evopipe up`."
        if reason.endswith(os.strerror(errno.EACCES)):
            told = f"{socket_path} is not open to you ({reason}); its owner can give you a role (settings: access)."
        super().__init__(told)


class RequestFailedError(ClientError):
    """The node answered with an error: `status`, stable `code`, `message`, `details`; `retry_after_s` where it says
    when to ask again."""

    def __init__(
        self, status: int, code: str, message: str, details: list[Any], retry_after_s: float | None = None
    ) -> None:
        self.retry_after_s = retry_after_s
        self.status = status
        self.code = code
        self.message = message
        self.details = details
        super().__init__(message)


class NodeClient:
    """A blocking client; use it as a context manager. Not for several threads at once.

    It waits longer for an answer than the node needs to say why there is none, which `request_timeout_s` tells (the
    node's `limits.request_timeout_s`); or `timeout_s`. Requests share a connection. A streamed answer has one of its
    own, which is closed when it is no longer read.
    """

    def __init__(
        self, socket_path: Path, *, timeout_s: float | None = None, request_timeout_s: float = SHIPPED_REQUEST_S
    ) -> None:
        self.socket_path = socket_path
        self._timeout_s = timeout_s or client_answer_s(request_timeout_s)
        self._entry_s = timeout_s or client_entry_s(request_timeout_s)
        self._connection = UnixConnection(socket_path)

    def __enter__(self) -> NodeClient:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Gives the connection back."""
        self._connection.close()

    def get(self, path: str, **query: object) -> Any:
        """GET; the decoded JSON answer. Raises `NodeUnreachableError` or `RequestFailedError`."""
        return self._json("GET", path, query=query)

    def post(self, path: str, body: Mapping[str, object], *, timeout_s: float | None = None) -> Any:
        """POST of a JSON object; the decoded JSON answer. Errors as in `get`."""
        return self._json("POST", path, body=body, timeout_s=timeout_s)

    def put(self, path: str, body: Mapping[str, object]) -> Any:
        """PUT of a JSON object; the decoded JSON answer. Errors as in `get`."""
        return self._json("PUT", path, body=body)

    def delete(self, path: str) -> Any:
        """DELETE; the decoded JSON answer. Errors as in `get`."""
        return self._json("DELETE", path)

    def submit(self, body: Mapping[str, object]) -> dict[str, Any]:
        """Submits a run; {"run_id", "pipeline", "workspace"}."""
        return self.enter("/v1/runs", body)

    def enter(self, path: str, body: Mapping[str, object]) -> Any:
        """As `post`, for what makes a run begin or go on."""
        return self.post(path, body, timeout_s=self._entry_s)

    def outcome(self, run_id: str, *, wait_s: int = 60) -> dict[str, Any]:
        """A run's outcome, or {"status": "running"} when it is not there within `wait_s` seconds."""
        path = f"/v1/runs/{quote(run_id, safe='')}/outcome"
        return self._json("GET", path, query={"timeout_s": wait_s}, timeout_s=wait_s + self._timeout_s)

    def events(self, run_id: str) -> Iterator[tuple[str, dict[str, Any]]]:
        """The run's progress as (kind, data), until the stream ends. Errors as in `get`."""
        kind = ""
        for line in self.lines(f"/v1/runs/{quote(run_id, safe='')}/events"):
            if line.startswith("event: "):
                kind = line.removeprefix("event: ")
            elif line.startswith("data: "):
                yield kind, json.loads(line.removeprefix("data: "))

    def lines(self, path: str, **query: object) -> Iterator[str]:
        """The lines of a streamed answer as they come. A silence of 60 s counts as a lost connection."""
        with self._stream(_target(path, query)) as answer:
            yield from lines_of(answer)

    def chunks(self, path: str) -> Iterator[bytes]:
        """The bytes of a streamed answer as they come. Errors as in `get`, also when it breaks off."""
        with self._stream(_target(path, {})) as answer:
            yield from blocks_of(answer)

    @contextmanager
    def _stream(self, target: str) -> Generator[Answer]:
        connection = UnixConnection(self.socket_path)
        try:
            answer = connection.ask("GET", target, None, self._timeout_s)
            if answer.status >= 400:
                raise _failure(answer, answer.read())
            connection.silence(SILENCE_S)
            yield answer
        except TRANSPORT_ERRORS as error:
            raise NodeUnreachableError(self.socket_path, _reason(error)) from error
        finally:
            connection.close()

    def _json(
        self,
        method: str,
        path: str,
        *,
        body: Mapping[str, object] | None = None,
        query: Mapping[str, object] | None = None,
        timeout_s: float | None = None,
    ) -> Any:
        sent = None if body is None else json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
        try:
            answer = self._connection.ask(method, _target(path, query or {}), sent, timeout_s or self._timeout_s)
            received = answer.read()
        except TRANSPORT_ERRORS as error:
            self._connection.close()
            raise NodeUnreachableError(self.socket_path, _reason(error)) from error
        if answer.status >= 400:
            raise _failure(answer, received)
        return json.loads(received)


def _target(path: str, query: Mapping[str, object]) -> str:
    safe = quote(path, safe=_KEPT)
    return f"{safe}?{urlencode({key: str(value) for key, value in query.items()})}" if query else safe


def _reason(error: Exception) -> str:
    return str(error) or type(error).__name__


def _failure(answer: Answer, received: bytes) -> RequestFailedError:
    retry_after = answer.getheader("retry-after")
    try:
        facts = cast("dict[str, Any]", json.loads(received)["error"])
        return RequestFailedError(
            answer.status,
            str(facts["code"]),
            str(facts["message"]),
            list(facts.get("details") or []),
            None if retry_after is None else float(retry_after),
        )
    except (ValueError, KeyError, TypeError):
        text = received.decode("utf-8", "replace")
        return RequestFailedError(answer.status, "http_error", f"{answer.status}: {text[:200]}", [])
