"""`{{ ... }}`: compiled once, rendered against a `Scope`.

A value that is exactly one expression keeps its type; a structure inside text becomes JSON; an unresolved name is an
error. Text without `{{` or `{%` costs a substring search. Templates of plain paths never enter Jinja2's runtime.
"""

from .compiling import CompiledTemplate, compile_template, has_template, is_template, quoted_files, readable_paths
from .rendering import describe_missing, render, render_text
from .syntax import quote_hyphens

__all__ = [
    "CompiledTemplate",
    "compile_template",
    "describe_missing",
    "has_template",
    "is_template",
    "quote_hyphens",
    "quoted_files",
    "readable_paths",
    "render",
    "render_text",
]
