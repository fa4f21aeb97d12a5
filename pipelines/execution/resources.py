"""Memory and time of a nested pipeline compared with what it may have, in the reference's words."""

from __future__ import annotations

from typing import Final

_MEGABYTE: Final = 1_048_576


def resource_breach(
    *,
    memory_bytes: float = 0,
    memory_limit_mb: float | None = None,
    elapsed_s: float = 0,
    timeout_s: float | None = None,
) -> str | None:
    """What is exceeded, memory first; None when nothing is. A limit itself may be reached. Megabytes of 2^20 bytes."""
    used_mb = memory_bytes / _MEGABYTE
    if memory_limit_mb is not None and used_mb > memory_limit_mb:
        return f"Memory limit exceeded: {used_mb:.1f} MB > {memory_limit_mb:g} MB"
    if timeout_s is not None and elapsed_s > timeout_s:
        return f"Execution timeout exceeded: {elapsed_s:.1f}s > {timeout_s:g}s"
    return None
