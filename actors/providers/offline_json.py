"""Fills a JSON schema from a text by rule. Pure.

Each field takes, in this order: the value of a line that is labelled with its name, what its name asks for (summary,
keywords, names, ...), or the plainest value of its type. Bounds and formats of the schema are then kept.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any, cast

from actors.providers import offline_text as rules

_DEEPEST = 24
_MOST_VALUES = 5_000
_LONGEST_TEXT = 100_000
_PLAIN_FORMATS = {
    "date": "1970-01-01",
    "date-time": "1970-01-01T00:00:00Z",
    "time": "00:00:00Z",
    "email": "nobody@example.invalid",
    "uri": "https://example.invalid/",
    "uuid": "00000000-0000-4000-8000-000000000000",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "hostname": "example.invalid",
}
_SUMMARY = ("summary", "description", "abstract", "overview", "text", "content", "analysis", "answer", "result")
_TITLE = ("title", "headline", "subject", "topic", "heading")
_KEYWORDS = ("keyword", "tag", "topic", "theme", "categor", "concept", "term")
_POINTS = ("point", "finding", "insight", "recommendation", "issue", "item", "fact", "step", "sentence", "section")
_NAMES = ("name", "entit", "person", "people", "author", "organi", "place", "location", "company")


class SchemaTooDeepError(ValueError):
    """The schema nests deeper or asks for more than any answer would, or refers to itself without end."""


class _Filler:
    def __init__(self, text: str, root: Mapping[str, Any]) -> None:
        self.text = text
        self.root = root
        self.labels = rules.labels(text)
        self.entities = rules.entities(text)
        self.sentences = rules.summarise(text, 5)
        self.made = 0

    # ---- by kind of schema ---------------------------------------------------------------------------------

    def value(self, schema: Any, name: str, depth: int) -> Any:
        self.made += 1
        if self.made > _MOST_VALUES:
            raise SchemaTooDeepError(f"the schema asks for more than {_MOST_VALUES} values, at {name!r}")
        if depth > _DEEPEST:
            raise SchemaTooDeepError(f"the schema nests deeper than {_DEEPEST} levels at {name!r}")
        if not isinstance(schema, Mapping):
            return self._string({}, name)
        plain = self._resolved(cast("Mapping[str, Any]", schema))
        if "const" in plain:
            return plain["const"]
        if plain.get("enum"):
            return self._choice(plain["enum"], name)
        for variants in ("anyOf", "oneOf"):
            if plain.get(variants):
                return self.value(self._variant(plain, plain[variants]), name, depth + 1)
        match _kind(plain):
            case "object":
                return self._object(plain, depth)
            case "array":
                return self._array(plain, name, depth)
            case "integer":
                return int(self._number(plain, name, whole=True))
            case "number":
                return self._number(plain, name, whole=False)
            case "boolean":
                return self._flag(name)
            case "null":
                return None
            case _:
                return self._string(plain, name)

    def _object(self, schema: Mapping[str, Any], depth: int) -> dict[str, Any]:
        properties: Mapping[str, Any] = schema.get("properties", {})
        required: list[str] = schema.get("required", [])
        # Deep down only what must be there: an optional field that refers to its own type would never end.
        wanted = list(dict.fromkeys([*properties, *required])) if depth < _DEEPEST // 3 else required
        return {name: self.value(properties.get(name, {}), name, depth + 1) for name in wanted}

    def _array(self, schema: Mapping[str, Any], name: str, depth: int) -> list[Any]:
        least, most = int(schema.get("minItems", 0)), int(schema.get("maxItems", 8))
        items = _mapping(schema.get("items"))
        is_plain = _kind(self._resolved(items)) == "string" and not (
            {"enum", "const", "anyOf", "oneOf", "format"} & set(items)
        )
        if is_plain:
            texts = [_fitted(each, items) for each in self._texts(name)]
        else:
            texts = [] if most == 0 else [self.value(items, name, depth + 1)]
        made: list[Any] = list(dict.fromkeys(texts)) if is_plain else texts
        while len(made) < least:
            extra = self.value(items, name, depth + 1)
            # Numbered, so that the entries of a plain list differ.
            made.append(_fitted(f"{len(made) + 1} {extra}", items) if is_plain else extra)
        return made[: max(most, least)]

    def _number(self, schema: Mapping[str, Any], name: str, *, whole: bool) -> float:
        labelled = rules.first_number(self.labels.get(rules.fold(name), ""))
        found = self._counted(name) if labelled is None else labelled
        low = _bound(schema, "minimum", "exclusiveMinimum", 1, whole=whole)
        high = _bound(schema, "maximum", "exclusiveMaximum", -1, whole=whole)
        value = max(found, low) if low is not None else found
        value = min(value, high) if high is not None else value
        step = schema.get("multipleOf")
        if step:
            value = math.floor(value / step) * step
            value = value + step if low is not None and value < low else value
        return math.floor(value) if whole and not step else value

    def _string(self, schema: Mapping[str, Any], name: str) -> str:
        labelled = self.labels.get(rules.fold(name))
        if labelled is not None:
            return _fitted(labelled, schema)
        form = schema.get("format")
        if form in _PLAIN_FORMATS:
            return self._formatted(str(form))
        texts = self._texts(name)
        joined = " ".join(texts) if _asks(name, _SUMMARY) else (texts or [""])[0]
        return _fitted(joined or name, schema)

    # ---- by name -------------------------------------------------------------------------------------------

    def _texts(self, name: str) -> list[str]:
        if _asks(name, _NAMES):
            return list(self.entities.names) or list(self.entities.all())
        if "date" in rules.fold(name):
            return list(self.entities.dates)
        if _asks(name, _TITLE):
            return [rules.title(self.text)]
        if _asks(name, _KEYWORDS):
            return rules.keywords(self.text)
        if _asks(name, _SUMMARY):
            return rules.summarise(self.text, 3)
        if _asks(name, _POINTS):
            return self.sentences
        return self.sentences[:3]

    def _counted(self, name: str) -> float:
        folded = rules.fold(name)
        if "word" in folded:
            return float(len(self.text.split()))
        if "sentence" in folded:
            return float(len(rules.sentences(self.text)))
        if "confidence" in folded or "score" in folded or "probab" in folded:
            return 0.5
        return rules.first_number(self.text) or 0.0

    def _flag(self, name: str) -> bool:
        labelled = self.labels.get(rules.fold(name), "").lower()
        if labelled:
            return labelled.startswith(("y", "t", "1", "on"))
        stem = rules.fold(name).removeprefix("is_").removeprefix("has_").replace("_", " ")
        return stem in self.text.lower()

    def _choice(self, values: list[Any], name: str) -> Any:
        labelled = self.labels.get(rules.fold(name), "").lower()
        lower = self.text.lower()
        for value in values:
            if labelled and str(value).lower() == labelled:
                return value
        return max(values, key=lambda value: lower.count(str(value).lower()) if str(value) else 0)

    def _formatted(self, form: str) -> str:
        found = {
            "email": self.entities.emails,
            "uri": self.entities.urls,
            "date": tuple(day for day in self.entities.dates if re.fullmatch(r"\d{4}-\d{2}-\d{2}", day)),
        }.get(form, ())
        return found[0] if found else _PLAIN_FORMATS[form]

    # ---- references and variants ---------------------------------------------------------------------------

    def _resolved(self, schema: Mapping[str, Any]) -> Mapping[str, Any]:
        for _ in range(_DEEPEST):
            ref = schema.get("$ref")
            if not isinstance(ref, str):
                return _merged(schema)
            schema = {**self._target(ref), **{key: part for key, part in schema.items() if key != "$ref"}}
        raise SchemaTooDeepError("a $ref of the schema refers to itself")

    def _target(self, ref: str) -> Mapping[str, Any]:
        at = self.root
        for part in ref.removeprefix("#").strip("/").split("/") if ref != "#" else ():
            at = _mapping(at.get(part.replace("~1", "/").replace("~0", "~")))
        return at

    def _variant(self, schema: Mapping[str, Any], variants: list[Any]) -> Mapping[str, Any]:
        rest = {key: part for key, part in schema.items() if key not in ("anyOf", "oneOf")}
        solid = [each for each in map(_mapping, variants) if each and each.get("type") != "null"]
        return {**rest, **(solid[0] if solid else _mapping(variants[0]))}


def fill(schema: Mapping[str, Any], text: str) -> Any:
    """Data for `schema` out of `text`. Raises `SchemaTooDeepError`.

    Conforms for the keywords read here (types, properties, required, items, enum, const, variants, references, bounds,
    lengths, formats); the caller checks, because others (pattern, not, if) may still be broken.
    """
    return _Filler(text, schema).value(schema, "answer", 0)


def _mapping(value: object) -> Mapping[str, Any]:
    return cast("Mapping[str, Any]", value) if isinstance(value, Mapping) else {}


def _merged(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    merged = {key: part for key, part in schema.items() if key != "allOf"}
    for part in schema.get("allOf", ()):
        for key, value in part.items():
            if key == "properties":
                merged[key] = {**merged.get(key, {}), **value}
            elif key == "required":
                merged[key] = [*merged.get(key, []), *value]
            else:
                merged.setdefault(key, value)
    return merged


def _kind(schema: Mapping[str, Any]) -> str:
    named: Any = schema.get("type")
    if isinstance(named, list):
        named = next((each for each in cast("list[str]", named) if each != "null"), "null")
    if named:
        return str(named)
    return "object" if "properties" in schema else "array" if "items" in schema else "string"


def _asks(name: str, stems: tuple[str, ...]) -> bool:
    folded = rules.fold(name)
    return any(stem in folded for stem in stems)


def _bound(schema: Mapping[str, Any], closed: str, strict: str, inward: int, *, whole: bool) -> float | None:
    limits = [float(schema[closed])] if closed in schema else []
    if strict in schema:
        limits.append(float(schema[strict]) + inward * (1.0 if whole else 1e-6))
    if not limits:
        return None
    limit = max(limits) if inward > 0 else min(limits)
    return (math.ceil(limit) if inward > 0 else math.floor(limit)) if whole else limit


def _fitted(text: str, schema: Mapping[str, Any]) -> str:
    most = schema.get("maxLength")
    text = text if most is None else text[: int(most)]
    least = int(schema.get("minLength", 0))
    if least > _LONGEST_TEXT:
        raise SchemaTooDeepError(f"the schema asks for a text of {least} characters; at most {_LONGEST_TEXT} are made")
    return text.ljust(least, ".")
