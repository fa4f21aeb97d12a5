"""`estimate`: tokens, cost and time before anything runs."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runtime.cli import exits
from runtime.cli.session import UsageProblem, parse_inputs, print_json
from runtime.cli.tooling_commands import load_valid

if TYPE_CHECKING:
    from pipelines.tooling import Estimate, Span, StepEstimate


def print_estimate(
    file: Path, given: list[str], *, input_file: Path | None, workspace: Path | None, as_json: bool
) -> int:
    """Needs no node; looks at sizes of files in the workspace, reads none."""
    from pipelines.language import nearest
    from pipelines.tooling import ASSUMPTIONS, estimate
    from runtime.known_models import load_models, today

    pipeline = load_valid(file)
    inputs = parse_inputs(given, input_file)
    known = {*pipeline.inputs, *pipeline.implied_inputs}
    for name in inputs:
        if name not in known:
            match = nearest(name, known)
            hint = f"did you mean '{match}'?" if match else f"there are: {', '.join(sorted(known)) or 'none'}."
            raise UsageProblem(f"--input {name}: '{pipeline.name}' has no such input; {hint}")
    root = workspace or Path(pipeline.workspace_dir or "workspace")
    found = estimate(pipeline, inputs, load_models(), today(), lambda path: _size(root, path))
    if as_json:
        print_json(_facts(found, ASSUMPTIONS))
    else:
        _print(found, ASSUMPTIONS)
    return exits.OK


def _size(root: Path, path: str) -> int | None:
    """Bytes, taken for characters; None for what is not there or not inside the workspace."""
    try:
        file = (root / path).resolve()
        return file.stat().st_size if file.is_relative_to(root.resolve()) and file.is_file() else None
    except (OSError, ValueError):
        return None


def _print(found: Estimate, assumptions: tuple[str, ...]) -> None:
    rows = [("step", "asks", "calls", "input tokens", "output tokens", "US$", "seconds")]
    rows += [_row(each) for each in found.steps]
    total = _money(found.cost_usd) + (" + unknown" if found.unpriced else "")
    rows.append(
        ("total", "", "", _span(found.input_tokens), _span(found.output_tokens), total, _seconds(found.seconds))
    )
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        print("  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip())
    if found.unpriced:
        print(f"\nNo price is known for: {', '.join(found.unpriced)}")
    for title, lines in (
        ("Not certain", [f"{each.step}: {note}" for each in found.steps for note in each.notes]),
        (f"Assumed, with the prices of {found.day}", list(assumptions)),
    ):
        if lines:
            print(f"\n{title}:")
            print("\n".join(f"  - {line}" for line in lines))


def _row(each: StepEstimate) -> tuple[str, ...]:
    asks = " ".join(part for part in (each.provider, each.model) if part) or each.kind
    cost = "unknown" if each.cost_usd is None else _money(each.cost_usd)
    return (
        each.step,
        asks,
        _span(each.calls),
        _span(each.input_tokens),
        _span(each.output_tokens),
        cost,
        _seconds(each.seconds),
    )


def _span(span: Span) -> str:
    low, high = f"{span.low:,.4g}" if span.low < 10 else f"{span.low:,.0f}", f"{span.high:,.0f}"
    if span.high < 10:
        high = f"{span.high:,.4g}"
    return low if low == high else f"{low} - {high}"


def _seconds(span: Span) -> str:
    low, high = f"{span.low:,.1f}", f"{span.high:,.1f}"
    return low if low == high else f"{low} - {high}"


def _money(cost: tuple[Decimal, Decimal]) -> str:
    low, high = (_rounded(each) for each in cost)
    return low if low == high else f"{low} - {high}"


def _rounded(cost: Decimal) -> str:
    """At least two decimals, and two figures of what is smaller than a cent."""
    if cost == 0:
        return "0.00"
    places = max(2, 1 - cost.adjusted())
    return f"{cost:.{places}f}"


def _facts(found: Estimate, assumptions: tuple[str, ...]) -> dict[str, Any]:
    steps = [
        {
            "step": each.step,
            "type": each.kind,
            "provider": each.provider,
            "model": each.model,
            "calls": _pair(each.calls),
            "input_tokens": _pair(each.input_tokens),
            "output_tokens": _pair(each.output_tokens),
            "cost_usd": None if each.cost_usd is None else _exact(each.cost_usd),
            "seconds": _pair(each.seconds),
            "notes": list(each.notes),
        }
        for each in found.steps
    ]
    return {
        "prices_of": found.day.isoformat(),
        "steps": steps,
        "total": {
            "input_tokens": _pair(found.input_tokens),
            "output_tokens": _pair(found.output_tokens),
            "cost_usd": _exact(found.cost_usd),
            "unpriced": list(found.unpriced),
            "seconds": _pair(found.seconds),
        },
        "assumptions": list(assumptions),
    }


def _pair(span: Span) -> dict[str, float]:
    return {"low": round(span.low, 3), "high": round(span.high, 3)}


def _exact(cost: tuple[Decimal, Decimal]) -> dict[str, str]:
    return {"low": f"{cost[0]:f}", "high": f"{cost[1]:f}"}
