"""`validate`: checks pipeline files in this process."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from runtime.cli import exits
from runtime.cli.session import print_json, read_bounded

if TYPE_CHECKING:
    from pipelines.language import Diagnostic
    from pipelines.tooling import Models


def validate_files(files: list[Path], *, as_json: bool, strict: bool = False) -> int:
    """Checks each file; 0 when all are valid, else 2. With `strict` a warning counts as a mistake."""
    reports = [_report(file) for file in files]
    if as_json:
        print_json(reports)
    else:
        for report in reports:
            _print(report)
    failed = any(not report["valid"] or (strict and report["diagnostics"]) for report in reports)
    return exits.INVALID if failed else exits.OK


def _print(report: dict[str, Any]) -> None:
    found: list[dict[str, Any]] = report["diagnostics"]
    if report["valid"]:
        count = f", {len(found)} warning{'s' if len(found) > 1 else ''}" if found else ""
        print(f"{report['file']}: valid ({report['name']}, {report['steps']} steps{count})")
    for each in found:
        print(each["text"])
        if each.get("excerpt"):
            print(each["excerpt"])


def _report(file: Path) -> dict[str, Any]:
    from pipelines.language import MAX_BYTES, InvalidPipelineError, check_document, decode_text, read_yaml
    from pipelines.linking import has_references
    from pipelines.tooling import warnings_for
    from runtime.cli.local_library import link_locally
    from runtime.settings.model import ProvidersSettings

    report: dict[str, Any] = {"file": str(file), "valid": False, "name": None, "steps": 0, "diagnostics": []}
    text = ""
    try:
        text = decode_text(read_bounded(file, MAX_BYTES), str(file))
        document = read_yaml(text, str(file))
        pipeline = check_document(document, known_providers=ProvidersSettings.model_fields)
        if has_references(pipeline):
            link_locally(document, pipeline)
    except InvalidPipelineError as error:
        report["diagnostics"] = [_facts(item, text) for item in error.diagnostics]
        return report
    except OSError as error:
        sentence = f"{file}: cannot be read: {error.strerror}. Expected a readable file. Fix: check the path."
        report["diagnostics"] = [{"severity": "error", "code": "unreadable", "file": str(file), "text": sentence}]
        return report
    warnings = warnings_for(pipeline, document, _models, _today())
    report.update(
        valid=True,
        name=pipeline.name,
        steps=len(pipeline.steps),
        diagnostics=[_facts(item, text) for item in warnings],
    )
    return report


def _models() -> Models:
    from runtime.known_models import load_models

    return load_models()


def _today() -> Any:
    from datetime import UTC, datetime

    return datetime.now(UTC).date()


def _facts(diagnostic: Diagnostic, text: str) -> dict[str, Any]:
    from pipelines.tooling import excerpt, source_line

    names = ("severity", "code", "message", "file", "line", "column", "key_path", "expected", "fix")
    return {
        **{name: getattr(diagnostic, name) for name in names},
        "text": str(diagnostic),
        "source_line": source_line(text, diagnostic.line),
        "excerpt": excerpt(text, diagnostic.line, diagnostic.column),
    }
