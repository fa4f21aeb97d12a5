"""A definition's bytes as text, and where in a text something stands, by YAML's own idea of a line."""

from __future__ import annotations

import re
from typing import Final

from pipelines.language.diagnostics import Diagnostic, InvalidPipelineError

from .document import Position
from .limits import MAX_BYTES, limit

_LINE_END: Final = re.compile("\r\n|[\n\r\x85\u2028\u2029]")
_OTHER_ENCODINGS: Final = ((b"\xff\xfe", "UTF-16"), (b"\xfe\xff", "UTF-16"))


def decode_text(text: str | bytes, file: str) -> str:
    """The text of a definition's bytes, without a byte order mark.

    Raises `InvalidPipelineError` when they are too many, not UTF-8, or (of text) hold half a character.
    """
    if len(text) > MAX_BYTES:  # of a text too: no character takes less than a byte
        raise InvalidPipelineError([limit(file, 0, 0, f"the text is larger than {MAX_BYTES} bytes")])
    data = _encoded(text, file) if isinstance(text, str) else text
    try:
        decoded = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _not_utf8(data, error, file) from error
    if len(data) > MAX_BYTES:
        raise InvalidPipelineError([limit(file, 0, 0, f"the text is larger than {MAX_BYTES} bytes")])
    return decoded


def _encoded(text: str, file: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        message = f"the character U+{ord(text[error.start]):04X} is half of one"
        raise _encoding(message, place_of(text, error.start), file) from error


def _not_utf8(data: bytes, error: UnicodeDecodeError, file: str) -> InvalidPipelineError:
    name = next((name for mark, name in _OTHER_ENCODINGS if data.startswith(mark)), None)
    if name is not None:
        return _encoding(f"the file is {name}", Position(1, 1), file)
    good = data[: error.start].decode("utf-8-sig", "replace")
    return _encoding(f"the byte 0x{data[error.start]:02x} is not UTF-8", place_of(good, len(good)), file)


def _encoding(message: str, at: Position, file: str) -> InvalidPipelineError:
    return InvalidPipelineError(
        [Diagnostic("error", "encoding", message, file, at.line, at.column, fix="save the file as UTF-8")]
    )


def place_of(source: str, offset: int) -> Position:
    """Line and column of the character at `offset`."""
    lines = lines_of(source[:offset])
    return Position(len(lines), len(lines[-1]) + 1)


def place_within(source: str, line: int, column: int) -> Position:
    """The place, or the end of the text where it lies behind that (as the end of a file without a line end does)."""
    lines = lines_of(source)
    if line > len(lines):
        return Position(len(lines), len(lines[-1]) + 1)
    return Position(line, min(column, len(lines[line - 1]) + 1))


def lines_of(source: str) -> list[str]:
    """The lines of a text without their ends; at least one."""
    return _LINE_END.split(source)
