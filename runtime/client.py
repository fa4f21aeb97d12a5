"""The API's client: HTTP over the node's Unix socket, for the command line and for scripts.

httpx is imported when a client is made, so that `evopipe --help` stays quick.
"""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import quote

if TYPE_CHECKING:
    import httpx

CONNECT_TIMEOUT_S = 5.0


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
    """A blocking client; use it as a context manager. Not for several threads at once."""

    def __init__(self, socket_path: Path, *, timeout_s: float = 60.0) -> None:
        import httpx  # noqa: PLC0415 - see the module

        self._httpx = httpx
        self.socket_path = socket_path
        self._timeout_s = timeout_s
        self._client = httpx.Client(
            transport=httpx.HTTPTransport(uds=str(socket_path)),
            base_url="http://evopipe",
            timeout=httpx.Timeout(timeout_s, connect=CONNECT_TIMEOUT_S),
            trust_env=False,
        )

    def __enter__(self) -> NodeClient:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Gives the connection back."""
        self._client.close()

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
        return self.post("/v1/runs", body)

    def outcome(self, run_id: str, *, wait_s: int = 60) -> dict[str, Any]:
        """A run's outcome, or {"status": "running"} when it is not there within `wait_s` seconds."""
        path = f"/v1/runs/{quote(run_id, safe='')}/outcome"
        return self._json("GET", path, query={"timeout_s": wait_s}, timeout_s=wait_s + 10.0)

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
        httpx = self._httpx
        try:
            with self._client.stream("GET", path, params=_query(query)) as answer:
                if answer.status_code >= 400:
                    answer.read()
                    raise _failure(answer)
                yield from answer.iter_lines()
        except httpx.TransportError as error:
            raise NodeUnreachableError(self.socket_path, _reason(error)) from error

    def chunks(self, path: str) -> Iterator[bytes]:
        """The bytes of a streamed answer as they come. Errors as in `get`, also when it breaks off."""
        httpx = self._httpx
        try:
            with self._client.stream("GET", path) as answer:
                if answer.status_code >= 400:
                    answer.read()
                    raise _failure(answer)
                yield from answer.iter_bytes()
        except httpx.TransportError as error:
            raise NodeUnreachableError(self.socket_path, _reason(error)) from error

    def _json(
        self,
        method: str,
        path: str,
        *,
        body: Mapping[str, object] | None = None,
        query: Mapping[str, object] | None = None,
        timeout_s: float | None = None,
    ) -> Any:
        httpx = self._httpx
        timeout = httpx.Timeout(timeout_s or self._timeout_s, connect=CONNECT_TIMEOUT_S)
        try:
            answer = self._client.request(method, path, json=body, params=_query(query or {}), timeout=timeout)
        except httpx.TransportError as error:
            raise NodeUnreachableError(self.socket_path, _reason(error)) from error
        if answer.status_code >= 400:
            raise _failure(answer)
        return answer.json()


def _query(query: Mapping[str, object]) -> dict[str, str]:
    return {key: str(value) for key, value in query.items()}


def _reason(error: Exception) -> str:
    return str(error) or type(error).__name__


def _failure(answer: httpx.Response) -> RequestFailedError:
    try:
        facts = cast("dict[str, Any]", answer.json()["error"])
        return RequestFailedError(
            answer.status_code,
            str(facts["code"]),
            str(facts["message"]),
            list(facts.get("details") or []),
            float(answer.headers["retry-after"]) if "retry-after" in answer.headers else None,
        )
    except (ValueError, KeyError, TypeError):
        return RequestFailedError(answer.status_code, "http_error", f"{answer.status_code}: {answer.text[:200]}", [])
