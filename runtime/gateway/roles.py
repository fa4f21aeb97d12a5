"""Who may do what on the socket: three roles, and the role that each endpoint needs, in one table.

A new endpoint gets a line in `NEEDED`. One that was forgotten is the owner's alone, and fails a test.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from types import MappingProxyType
from typing import Final


class Role(IntEnum):
    """Each may what those before it may."""

    VIEWER = 1
    OPERATOR = 2
    OWNER = 3

    @property
    def word(self) -> str:
        """Its name as settings and messages write it."""
        return self.name.lower()


NEEDED: Final[Mapping[tuple[str, str], Role]] = MappingProxyType(
    {
        ("POST", "/v1/runs"): Role.OPERATOR,
        ("GET", "/v1/runs"): Role.VIEWER,
        ("GET", "/v1/runs/{run_id}"): Role.VIEWER,
        ("GET", "/v1/runs/{run_id}/events"): Role.VIEWER,
        ("GET", "/v1/runs/{run_id}/outcome"): Role.VIEWER,
        ("POST", "/v1/runs/{run_id}/cancel"): Role.OPERATOR,
        ("GET", "/v1/runs/{run_id}/results/{step:path}"): Role.VIEWER,
        ("GET", "/v1/runs/{run_id}/outputs"): Role.VIEWER,
        # Which steps there were, when, at what cost; no content.
        ("GET", "/v1/runs/{run_id}/history"): Role.VIEWER,
        ("POST", "/v1/runs/{run_id}/replay"): Role.OPERATOR,
        ("POST", "/v1/runs/{run_id}/resume"): Role.OPERATOR,
        ("POST", "/v1/journal/vacuum"): Role.OWNER,
        ("POST", "/v1/validate"): Role.VIEWER,
        ("GET", "/v1/pipelines"): Role.VIEWER,
        ("GET", "/v1/pipelines/{name}"): Role.VIEWER,
        ("GET", "/v1/pipelines/{name}/{version}"): Role.VIEWER,
        # What is in the library is run by others with their rights.
        ("PUT", "/v1/pipelines/{name}"): Role.OWNER,
        ("PUT", "/v1/pipelines/{name}/{version}"): Role.OWNER,
        ("DELETE", "/v1/pipelines/{name}/{version}"): Role.OWNER,
        # Without what was asked and answered, unless viewers see content.
        ("GET", "/v1/approvals"): Role.VIEWER,
        ("GET", "/v1/approvals/{approval_id:path}"): Role.VIEWER,
        ("POST", "/v1/approvals/{approval_id:path}"): Role.OPERATOR,
        ("GET", "/v1/trust"): Role.VIEWER,
        # What is approved without asking anybody.
        ("POST", "/v1/trust"): Role.OWNER,
        ("GET", "/v1/status"): Role.VIEWER,
        ("GET", "/v1/tree"): Role.VIEWER,
        ("GET", "/v1/ps"): Role.VIEWER,
        ("GET", "/v1/logs"): Role.OPERATOR,
        ("GET", "/v1/audit"): Role.VIEWER,
        ("GET", "/v1/kill-switches"): Role.VIEWER,
        ("POST", "/v1/kill-switches"): Role.OPERATOR,
        ("POST", "/v1/kill-switches/arm"): Role.OPERATOR,
        # Changes nothing.
        ("POST", "/v1/kill-switches/dry-run"): Role.VIEWER,
        ("GET", "/v1/breakers"): Role.VIEWER,
        ("POST", "/v1/breakers/{order}"): Role.OPERATOR,
        ("GET", "/v1/budgets"): Role.VIEWER,
        ("GET", "/v1/budgets/report"): Role.VIEWER,
        # What the owner pays at most.
        ("POST", "/v1/budgets"): Role.OWNER,
        ("POST", "/v1/evolutions"): Role.OPERATOR,
        ("GET", "/v1/evolutions/{evolution_id}"): Role.VIEWER,
        ("GET", "/v1/sessions"): Role.VIEWER,
        ("GET", "/v1/sessions/{name:path}"): Role.VIEWER,
        ("DELETE", "/v1/sessions/{name:path}"): Role.OWNER,
        ("GET", "/v1/actors/{name:path}"): Role.VIEWER,
        ("POST", "/v1/actors/{name:path}/suspend"): Role.OWNER,
        ("POST", "/v1/actors/{name:path}/resume"): Role.OWNER,
        ("POST", "/v1/actors/{name:path}/trace"): Role.OWNER,
        ("POST", "/v1/actors/{name:path}/kill"): Role.OWNER,
        ("POST", "/v1/shutdown"): Role.OWNER,
        ("GET", "/openapi.json"): Role.VIEWER,
    }
)

#: Their answers are what prompts and answers say: not for a viewer, unless `access.viewers_see_content`.
CONTENT: Final = frozenset(
    {
        ("GET", "/v1/evolutions/{evolution_id}"),
        ("GET", "/v1/pipelines/{name}/{version}"),
        ("GET", "/v1/runs/{run_id}/outputs"),
        ("GET", "/v1/runs/{run_id}/results/{step:path}"),
        ("GET", "/v1/sessions/{name:path}"),
    }
)

#: Never made to wait: stopping must work also while somebody floods the node.
UNLIMITED: Final = frozenset({("POST", "/v1/kill-switches")})


def needed(method: str, path: str) -> Role:
    """The role that a route needs."""
    return NEEDED.get((method, path), Role.OWNER)
