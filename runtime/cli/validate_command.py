"""`validate`: checks pipeline files in this process."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from runtime.cli import exits
from runtime.cli.session import print_json, read_bounded


def validate_files(files: list[Path], *, as_json: bool) -> int:
    """Checks each file; 0 when all are valid, else 2."""
    reports = [_report(file) for file in files]
    if as_json:
        print_json(reports)
    else:
        for report in reports:
            if report["valid"]:
                print(f"{report['file']}: valid ({report['name']}, {report['steps']} steps)")
            for diagnostic in report["diagnostics"]:
                print(diagnostic["text"])
    return exits.OK if all(report["valid"] for report in reports) else exits.INVALID


def _report(file: Path) -> dict[str, Any]:
    from pipelines.language import MAX_BYTES, InvalidPipelineError, load_pipeline
    from runtime.settings.model import ProvidersSettings

    report: dict[str, Any] = {"file": str(file), "valid": False, "name": None, "steps": 0, "diagnostics": []}
    try:
        pipeline = load_pipeline(
            read_bounded(file, MAX_BYTES), source=str(file), known_providers=ProvidersSettings.model_fields
        )
    except InvalidPipelineError as error:
        report["diagnostics"] = [{**_facts(item), "text": str(item)} for item in error.diagnostics]
        return report
    except OSError as error:
        sentence = f"{file}: cannot be read: {error.strerror}. Expected a readable file. Fix: check the path."
        report["diagnostics"] = [{"code": "unreadable", "text": sentence}]
        return report
    report.update(valid=True, name=pipeline.name, steps=len(pipeline.steps))
    return report


def _facts(diagnostic: object) -> dict[str, Any]:
    names = ("severity", "code", "message", "file", "line", "column", "key_path", "expected", "fix")
    return {name: _plain(getattr(diagnostic, name, None)) for name in names}


def _plain(value: object) -> Any:
    return value if isinstance(value, (str, int, float, type(None))) else str(value)
