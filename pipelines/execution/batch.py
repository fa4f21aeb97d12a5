"""What a `claude_batch` makes of its tasks' results: whether it succeeded, and what it says."""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil

from pydantic import JsonValue

from pipelines.execution.spending import Spending
from pipelines.language import BatchConfig


def fewest_successes(config: BatchConfig, total: int) -> int:
    """How many of `total` tasks must succeed for the step to succeed. None of no tasks."""
    match config.success_policy:
        case "all":
            return total
        case "ratio":
            return ceil(config.success_ratio * total)
        case "none":
            return 0
        case _:
            return min(1, total)


def batch_result(
    ids: tuple[str, ...],
    files: Mapping[str, str],
    results: Mapping[str, JsonValue],
    errors: Mapping[str, dict[str, JsonValue]],
    config: BatchConfig,
) -> dict[str, JsonValue]:
    """The step's result, tasks in their order. `files` are the paths of those that came from files."""
    spent = Spending()
    entries: list[JsonValue] = []
    texts: list[str] = []
    for each in ids:
        entry: dict[str, JsonValue] = {"task_id": each}
        if each in files:
            entry["file"] = files[each]
        if each in results:
            result = results[each]
            spent.add(result)
            text = result.get("text") if isinstance(result, Mapping) else None
            entry |= {"status": "success", "result": result, "text": text}
            texts.append(f"## {each}\n\n{text}")
        else:
            late = errors[each].get("kind") == "timeout" or errors[each].get("code") == "timeout"
            entry |= {"status": "timeout" if late else "error", "error": errors[each]}
        entries.append(entry)
    combined = "\n\n".join(texts) if config.consolidate_results else ""
    outcome = [result.get("result") if isinstance(result := results.get(each), Mapping) else None for each in ids]
    usage: dict[str, JsonValue] = {**spent.usage}
    return {
        "success": True,
        "batch_processed": True,
        "total_tasks": len(ids),
        "successful_tasks": len(results),
        "failed_tasks": len(ids) - len(results),
        "batch_results": entries,
        "results": list[JsonValue](outcome),
        "text": combined,
        "result": combined if config.consolidate_results else list[JsonValue](outcome),
        "usage": usage,
        "cost_usd": spent.cost_usd,
    }


def task_breakdown(entries: JsonValue) -> dict[str, JsonValue]:
    """How many of a result's `batch_results` succeeded, failed, and came too late."""
    listed = entries if isinstance(entries, list) else []
    statuses = [each.get("status") for each in listed if isinstance(each, Mapping)]
    return {
        "successful": statuses.count("success"),
        "failed": statuses.count("error"),
        "timeout": statuses.count("timeout"),
    }
