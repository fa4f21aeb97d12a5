"""The formats and post-processing steps of `claude_extract` (pipeline_ex's spec, section 7). Pure text work."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from typing import Final, Literal

Format = Literal["text", "json", "structured", "summary", "markdown"]

_CODE: Final = re.compile(r"```.*?```", re.DOTALL)
_LINK: Final = re.compile(r"https?://[^\s)\]>\"']+")
# Blanks but no line ends: a pattern that may cross lines would try every line of a long gap against every other.
_POINT: Final = re.compile(r"^[^\S\n]*(?:[-*]|\d+[.)])[^\S\n]+\S.*$", re.MULTILINE)
_MARKER: Final = re.compile(r"^[^\S\n]*(?:[-*]|\d+[.)])[^\S\n]+", re.MULTILINE)
_SENTENCE: Final = re.compile(r"\S[^\n]*?[.!?](?=\s|$)")
_SUMMARY_CHARACTERS: Final = 200
_SUMMARY_LOOKS_AT: Final = 2_000


def shape(text: str, form: Format, max_summary_length: int = 500) -> str:
    """`text` in the asked format; text that has it already stays as it is."""
    match form:
        case "text":
            return text
        case "json":
            return text if _is_json(text) else json.dumps({"content": text, "format": "text"}, ensure_ascii=False)
        case "structured":
            return text if "##" in text else f"## Extracted Content\n\n{text}"
        case "summary":
            return text if len(text) <= max_summary_length else text[: max_summary_length - 3] + "..."
        case "markdown":
            return text if "#" in text else f"# Extracted Content\n\n{text}"


def post_process(text: str, names: Sequence[str]) -> tuple[str, tuple[str, ...]]:
    """`text` with a section for each known name that finds something (`format_markdown` shapes the whole), and the
    names that are not known.
    """
    out = text
    unknown: list[str] = []
    for name in names:
        if name == "format_markdown":
            out = shape(out, "markdown")
            continue
        step = POST_PROCESSING.get(name)
        if step is None:
            unknown.append(name)
            continue
        title, find = step
        found = find(text)
        if found:
            out += f"\n\n## {title}\n" + "\n".join(found)
    return out, tuple(unknown)


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _lines_with(*words: str) -> Callable[[str], list[str]]:
    return lambda text: [line.strip() for line in text.splitlines() if any(w in line.lower() for w in words)]


def _unique_links(text: str) -> list[str]:
    found = (link.rstrip(".,;:!?") for link in _LINK.findall(text))
    return [f"- {link}" for link in dict.fromkeys(found)]


def _summary(text: str) -> list[str]:
    sentences = [s.strip() for s in _SENTENCE.findall(_MARKER.sub("", text[:_SUMMARY_LOOKS_AT]))][:3]
    return [" ".join(sentences)[:_SUMMARY_CHARACTERS]] if sentences else []


POST_PROCESSING: Final[dict[str, tuple[str, Callable[[str], list[str]]]]] = {
    "extract_code_blocks": ("Code Blocks", _CODE.findall),
    "extract_recommendations": ("Recommendations", _lines_with("recommend", "suggest")),
    "extract_links": ("Links", _unique_links),
    "extract_key_points": ("Key Points", lambda text: [p.strip() for p in _POINT.findall(text)]),
    "generate_summary": ("Summary", _summary),
}
