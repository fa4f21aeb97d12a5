"""The formats that texts are converted between. A new one is a reader, a writer and a line in each table."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Mapping
from itertools import permutations
from typing import Final, cast

from pydantic import JsonValue

from pipelines.conversion.xml_text import ConversionError, read_xml, write_xml
from pipelines.language import InvalidPipelineError, data_to_yaml, parse_json, read_yaml

FORMATS: Final = ("csv", "json", "yaml", "xml")
CONVERSIONS: Final = tuple(f"{source}_to_{target}" for source, target in permutations(FORMATS, 2))


def convert(text: str, conversion: str) -> str:
    """`text` in the other format; `conversion` is one of `CONVERSIONS`, such as `csv_to_json`.

    Rows of CSV are maps of texts; data that is to become CSV must be a map or a list of maps. Raises `ConversionError`
    with what is wrong with the text or the data.
    """
    source, _, target = conversion.partition("_to_")
    return _WRITERS[target](_READERS[source](text))


def read_csv(text: str) -> list[JsonValue]:
    """Rows by their column names, every value as text (null where the row ends early)."""
    try:
        rows = list(csv.DictReader(io.StringIO(text, newline=""), strict=True))
    except csv.Error as error:
        raise ConversionError("CSV", str(error)) from error
    # DictReader keeps what goes beyond the header under None.
    return [{str(name): value for name, value in row.items() if name is not None} for row in rows]


def csv_text(data: JsonValue) -> str:
    """Rows as CSV: the columns in the order of their first appearance, structures in cells as JSON."""
    rows = [data] if isinstance(data, Mapping) else data
    if not isinstance(rows, list) or not all(isinstance(row, Mapping) for row in rows):
        raise ConversionError("CSV", "only a list of maps can become rows")
    maps = cast("list[Mapping[str, JsonValue]]", rows)
    names = list(dict.fromkeys(name for row in maps for name in row))
    target = io.StringIO(newline="")
    writer = csv.DictWriter(target, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: _cell(value) for name, value in row.items()} for row in maps)
    return target.getvalue()


def _cell(value: JsonValue) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _read_json(text: str) -> JsonValue:
    try:
        return parse_json(text)
    except ValueError as error:
        raise ConversionError("JSON", str(error)) from error


def _read_yaml(text: str) -> JsonValue:
    # The language's reader: it refuses alias bombs, foreign tags and duplicate keys.
    try:
        document = read_yaml(text, "text")
    except InvalidPipelineError as error:
        raise ConversionError("YAML", error.diagnostics[0].message) from error
    if document.findings:
        first = document.findings[0]
        raise ConversionError("YAML", f"line {first.line}: {first.message}")
    return document.value


def _write_json(data: JsonValue) -> str:
    return json.dumps(data, indent=2, ensure_ascii=False) + "\n"


_READERS: Final[dict[str, Callable[[str], JsonValue]]] = {
    "csv": read_csv,
    "json": _read_json,
    "yaml": _read_yaml,
    "xml": read_xml,
}
_WRITERS: Final[dict[str, Callable[[JsonValue], str]]] = {
    "csv": csv_text,
    "json": _write_json,
    "yaml": data_to_yaml,
    "xml": write_xml,
}
