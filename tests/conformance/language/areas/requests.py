"""`genesis_mock_type`: {request} -> the kind of pipeline that it asks for."""

from __future__ import annotations

from typing import Any

from pipelines.genesis import read_request


def kind_of(given: dict[str, Any]) -> str:
    """The kind's name."""
    return str(read_request(given["request"]).kind)
