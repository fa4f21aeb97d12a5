"""A template and a request as a pipeline of its own."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import Final

from pydantic import JsonValue

from pipelines.formatting import put_values
from pipelines.language import Pipeline, load_pipeline

from .request_kind import Reading, read_request, traits_of

LONGEST_REQUEST: Final = 10_000
"""Characters. The request is a prompt's first line, not a document; those are given as material."""

_NAMELESS: Final = "generated_pipeline"
_LONGEST_NAME: Final = 200
_SHOWN: Final = 200


class RequestTooLongError(ValueError):
    """The request has more than `LONGEST_REQUEST` characters."""

    def __init__(self, length: int) -> None:
        super().__init__(f"the request has {length:,} characters; at most {LONGEST_REQUEST:,} are read")


@dataclass(frozen=True, slots=True)
class Draft:
    """The pipeline, its text, and how the template was chosen."""

    pipeline: Pipeline
    text: str
    reading: Reading
    traits: tuple[str, ...]


def draft(request: str, template: str) -> Draft:
    """The template of the request's kind with a name, a description, and the request as the default of its input.

    The request is data: braces in it are no template. Control characters become blanks. The text is canonical and keeps
    the template's comments. Raises `RequestTooLongError`; `InvalidPipelineError` and `ChangedMeaningError` for a
    template that cannot be used.
    """
    if len(request) > LONGEST_REQUEST:
        raise RequestTooLongError(len(request))
    asked, reading, traits = _printable(request), read_request(request), traits_of(request)
    metadata: JsonValue = {
        "template": str(reading.kind),
        "keyword": reading.keyword,
        "traits": list[JsonValue](traits),
        "language_model": False,
    }
    shown = asked if len(asked) <= _SHOWN else asked[:_SHOWN] + "..."
    text = put_values(
        template,
        {
            ("name",): name_of(request),
            ("description",): f"From the template '{reading.kind}', for: {shown}",
            ("metadata",): metadata,
            ("inputs", "request", "default"): asked,
        },
        f"the template '{reading.kind}'",
    )
    return Draft(load_pipeline(text, source=f"a draft from '{reading.kind}'"), text, reading, traits)


def name_of(request: str) -> str:
    """The first three words in small ASCII letters and digits; `generated_pipeline` where nothing is left of them."""
    words = re.sub(r"[^a-z0-9\s]", "", request.lower(), flags=re.ASCII).split()[:3]
    return "_".join(words)[:_LONGEST_NAME] or _NAMELESS


def _printable(request: str) -> str:
    """Without control characters and halves of characters, which no YAML file holds as they are."""
    kept = (" " if unicodedata.category(each) in {"Cc", "Cs"} and each not in "\n\t" else each for each in request)
    return "".join(kept).strip()
