"""YAML text as JSON values with the position of every key, within limits."""

from .decoding import decode_text
from .document import Document, Position
from .limits import MAX_BYTES
from .nodes import EXPONENT
from .yaml_source import read_yaml

__all__ = ["EXPONENT", "MAX_BYTES", "Document", "Position", "decode_text", "read_yaml"]
