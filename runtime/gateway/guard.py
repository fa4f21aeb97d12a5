"""What every request passes before its endpoint: who asks, how often, and whether their role allows it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from starlette.requests import Request

from actors.audit import AuditBook, decisions
from runtime.gateway.access import Access, Peer
from runtime.gateway.problems import ApiError
from runtime.gateway.rates import Rates
from runtime.gateway.roles import CONTENT, UNLIMITED, Role, needed
from runtime.gateway.tokens import Tokens, peer_name

# So many refusals of one peer go into the audit log at once, and one every ten seconds after that.
NOTED_BURST = 10
NOTED_PER_S = 0.1


class Guard:
    """One for each listener. `tokens` is for those whose peers have no user id; `now` gives monotonic seconds,
    `wall` Unix time."""

    def __init__(
        self,
        access: Access,
        requests_per_s: float,
        book: AuditBook,
        *,
        now: Callable[[], float],
        wall: Callable[[], float],
        tokens: Tokens | None = None,
    ) -> None:
        self._access = access
        self._tokens = tokens
        self._book = book
        self._wall = wall
        self._rates = Rates(requests_per_s, requests_per_s, now)
        self._noted = Rates(NOTED_PER_S, NOTED_BURST, now)

    def admit(self, request: Request, method: str, path: str) -> None:
        """Lets the request pass, with its peer in `request.state.peer`. Raises `ApiError` 401, 403 or 429."""
        peer = self._peer(request)
        request.state.peer = peer
        if (method, path) not in UNLIMITED:
            wait_s = self._rates.take(peer.name)
            if wait_s > 0:
                raise ApiError(
                    429, "too_many_requests", "requests come too fast (limits.requests_per_s).", retry_after_s=wait_s
                )
        need = needed(method, path)
        if peer.role is None or peer.role < need:
            self._note(peer, method, path, need)
            mine = peer.role.word if peer.role is not None else "a stranger"
            raise ApiError(
                403,
                "role_needed",
                f"this needs the role {need.word}, and {peer.name} is {mine} here (settings: access).",
            )
        if (method, path) in CONTENT and not peer.sees_content:
            raise ApiError(
                403, "content_withheld", "this is what prompts and answers say; viewers may not see it "
                "(access.viewers_see_content).",
            )  # fmt: skip

    def _peer(self, request: Request) -> Peer:
        peer: Peer = request.state.peer
        if peer.role is None and self._tokens is not None:
            holder = self._tokens.identify(request.headers.get("authorization", ""), peer.name)
            known = self._access.peer(peer_name(holder, peer.name), holder.role)
            return replace(known, account=holder.account, belongs_to=holder.person)
        return peer

    def _note(self, peer: Peer, method: str, path: str, need: Role) -> None:
        if self._noted.take(peer.name) == 0:
            self._book.record(decisions.access_refused(self._wall(), peer.name, f"{method} {path}", need.word))


def peer_of(request: Request) -> Peer:
    """Who asks, in an endpoint."""
    peer: Peer = request.state.peer
    return peer


def who_says(request: Request, claimed: str | None) -> str:
    """The peer's name for the records; a name that it gives itself is told beside it."""
    name = peer_of(request).name
    return name if claimed in (None, "", name) else f"{claimed} (through {name})"
