"""`data_transform` over many rows: the time against loops written by hand for just these operations, and the memory."""

from __future__ import annotations

import gc
import resource
from collections.abc import Callable
from time import perf_counter
from typing import Any

from pipelines.transform import apply_operations

Rows = list[dict[str, Any]]

CITIES = ("lima", "oslo", "rome", "kyiv", "bern", "doha", "male", "riga")


def rows(count: int) -> Rows:
    """`count` rows of four fields; the scores are spread, not sorted."""
    return [{"id": i, "city": CITIES[i % 8], "score": i * 7919 % 1000, "note": "x"} for i in range(count)]


def _by_hand_filter(data: Rows) -> Any:
    return [row for row in data if row["score"] > 500]


def _by_hand_map(data: Rows) -> Any:
    return [{**row, "city": row["city"].upper()} for row in data]


def _by_hand_sort(data: Rows) -> Any:
    return sorted(data, key=lambda row: row["score"])


def _by_hand_group(data: Rows) -> Any:
    groups: dict[str, list[Any]] = {}
    for row in data:
        groups.setdefault(row["city"], []).append(row)
    return [{"city": city, "total": sum(row["score"] for row in each)} for city, each in groups.items()]


def _by_hand_sum(data: Rows) -> Any:
    return sum(row["score"] for row in data)


OPERATIONS: dict[str, tuple[dict[str, Any], Callable[[Rows], Any]]] = {
    "filter": ({"operation": "filter", "condition": "score > 500"}, _by_hand_filter),
    "map": ({"operation": "map", "field": "city", "expression": "uppercase"}, _by_hand_map),
    "sort": ({"operation": "sort", "field": "score"}, _by_hand_sort),
    "group_by": (
        {"operation": "group_by", "field": "city", "aggregate": {"total": {"function": "sum", "field": "score"}}},
        _by_hand_group,
    ),
    "aggregate": ({"operation": "aggregate", "function": "sum", "field": "score"}, _by_hand_sum),
}


def transform(count: int) -> dict[str, float]:
    """Seconds for each operation over `count` rows, its ratio to the loop by hand, and both over all of them."""
    data: Any = rows(count)
    figures: dict[str, float] = {}
    ours_in_all = theirs_in_all = 0.0
    for name, (operation, by_hand) in OPERATIONS.items():
        ours, found = _seconds(lambda op=operation: apply_operations(data, [op], sources=_nothing))
        theirs, expected = _seconds(lambda hand=by_hand: hand(data))
        if found != expected:
            raise RuntimeError(f"{name} does not give what the loop by hand gives")
        figures |= {f"{name}_s": ours, f"{name}_by_hand_s": theirs, f"{name}_ratio": ours / theirs}
        ours_in_all, theirs_in_all = ours_in_all + ours, theirs_in_all + theirs
    return {**figures, "seconds": ours_in_all, "by_hand_s": theirs_in_all, "ratio": ours_in_all / theirs_in_all}


def memory(count: int) -> dict[str, float]:
    """KB by which the process's peak grew while it filtered, mapped and sorted `count` rows, and for each row."""
    before = _peak_kb()
    data: Any = rows(count)
    operations = [OPERATIONS[name][0] for name in ("filter", "map", "sort")]
    apply_operations(data, operations, sources=_nothing)
    grown = max(_peak_kb() - before, 1)
    return {"rows": count, "peak_kb": grown, "bytes_per_row": grown * 1024 / count}


def _seconds(work: Callable[[], Any]) -> tuple[float, Any]:
    # A collection falls to whoever happens to allocate the seven-hundredth row.
    gc.collect()
    gc.disable()
    started = perf_counter()
    result = work()
    elapsed = perf_counter() - started
    gc.enable()
    return elapsed, result


def _peak_kb() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def _nothing(source: str) -> Any:
    raise KeyError(source)
