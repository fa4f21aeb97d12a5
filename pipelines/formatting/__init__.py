"""Definitions as text that keeps its comments: one layout, and the way from the old dialect to the canonical form.

roundtrip   YAML with comments, in and out
layout      `evopipe fmt`
migrating   `evopipe migrate`; respelling knows the mission's short forms
comments    none is lost on the way
filling     values put into a template
"""

from .filling import put_values
from .layout import format_text
from .migrating import Migration, migrate
from .roundtrip import ChangedMeaningError

__all__ = ["ChangedMeaningError", "Migration", "format_text", "migrate", "put_values"]
