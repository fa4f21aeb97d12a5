"""XML as JSON values and back.

An element is a map: attributes as `@name`, child elements by name (a list where there are several), text as `#text`.
One that holds nothing but text is that text; an empty one is null. Order between children of different names and
namespace prefixes are not kept apart. A document type is refused: entities are how a small text becomes a huge one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final
from xml.parsers import expat
from xml.sax.saxutils import escape, quoteattr

from pydantic import JsonValue

MAX_DEPTH: Final = 200
_NAME: Final = re.compile(r"[A-Za-z_][\w.\-]*(:[A-Za-z_][\w.\-]*)?")
_FORBIDDEN: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")


class ConversionError(ValueError):
    """A text is not of its format, or data cannot be written in one. `format` is its name."""

    code = "conversion"

    def __init__(self, format_name: str, problem: str) -> None:
        self.format = format_name
        self.problem = problem
        super().__init__(f"{format_name}: {problem}")


class _Builder:
    """Builds the value while expat reads; each open element is (name, map, texts)."""

    def __init__(self) -> None:
        self.root: dict[str, JsonValue] = {}
        self._open: list[tuple[str, dict[str, Any], list[str]]] = [("", self.root, [])]

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if len(self._open) > MAX_DEPTH:
            raise ConversionError("XML", f"elements are nested more than {MAX_DEPTH} deep")
        self._open.append((name, {f"@{key}": value for key, value in attributes.items()}, []))

    def text(self, text: str) -> None:
        self._open[-1][2].append(text)

    def end(self, name: str) -> None:
        _, content, texts = self._open.pop()
        text = "".join(texts).strip()
        value: Any = content
        if text and content:
            content["#text"] = text
        elif not content:
            value = text or None
        parent = self._open[-1][1]
        if name not in parent:
            parent[name] = value
        elif isinstance(parent[name], list):
            parent[name].append(value)
        else:
            parent[name] = [parent[name], value]


def read_xml(text: str) -> JsonValue:
    """The document as `{root element's name: its value}`; every value is text. Raises `ConversionError`."""
    builder = _Builder()
    parser = expat.ParserCreate()
    parser.StartElementHandler = builder.start
    parser.EndElementHandler = builder.end
    parser.CharacterDataHandler = builder.text
    parser.StartDoctypeDeclHandler = _refuse_doctype
    try:
        parser.Parse(text.encode(), True)
    except expat.ExpatError as error:
        raise ConversionError("XML", str(error)) from error
    return builder.root


def _refuse_doctype(*_: object) -> None:
    raise ConversionError("XML", "a document type (<!DOCTYPE>) is not read; remove it")


def write_xml(data: JsonValue) -> str:
    """The document: the map's only key is its root element; anything else goes below `<root>`, items as `<item>`."""
    name, value = "root", data
    if isinstance(data, Mapping) and len(data) == 1:
        ((only, inner),) = data.items()
        if _NAME.fullmatch(only) and not isinstance(inner, list):
            name, value = only, inner
    lines = ['<?xml version="1.0" encoding="UTF-8"?>']
    _element(name, {"item": value} if isinstance(value, list) else value, 0, lines)
    return "\n".join(lines) + "\n"


def _element(name: str, value: JsonValue, depth: int, lines: list[str]) -> None:
    if depth > MAX_DEPTH:
        raise ConversionError("XML", f"the data is nested more than {MAX_DEPTH} deep")
    if not _NAME.fullmatch(name):
        raise ConversionError("XML", f"{name[:60]!r} cannot be the name of an element")
    pad = "  " * depth
    if isinstance(value, list):
        for each in value:
            _element(name, {"item": each} if isinstance(each, list) else each, depth, lines)
        return
    if not isinstance(value, Mapping):
        text = _said(value)
        lines.append(f"{pad}<{name}>{text}</{name}>" if text else f"{pad}<{name}/>")
        return
    attributes = "".join(f" {_attribute(key, each)}" for key, each in value.items() if key.startswith("@"))
    children = {key: each for key, each in value.items() if not key.startswith("@") and key != "#text"}
    text = _said(value.get("#text"))
    if not children:
        lines.append(f"{pad}<{name}{attributes}>{text}</{name}>" if text else f"{pad}<{name}{attributes}/>")
        return
    lines.append(f"{pad}<{name}{attributes}>{text}")
    for key, each in children.items():
        _element(key, each, depth + 1, lines)
    lines.append(f"{pad}</{name}>")


def _attribute(key: str, value: JsonValue) -> str:
    if not _NAME.fullmatch(key[1:]) or isinstance(value, list | Mapping):
        raise ConversionError("XML", f"{key[:60]!r} cannot be an attribute")
    return f"{key[1:]}={quoteattr(_plain(value))}"


def _said(value: JsonValue) -> str:
    return escape(_plain(value))


def _plain(value: JsonValue) -> str:
    if value is None:
        return ""
    text = str(value).lower() if isinstance(value, bool) else str(value)
    if _FORBIDDEN.search(text):
        raise ConversionError("XML", "a text holds a control character, which XML cannot")
    return text
