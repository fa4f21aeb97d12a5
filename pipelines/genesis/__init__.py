"""From a request in words to a first pipeline, without a language model: by keyword to one of six fixed templates.

request_kind  what a request asks for, and what else its words tell
drafting      the template of that kind, filled in

The templates are pipelines, `pipelines/templates/<kind>.yaml`. Whoever drafts reads the file: nothing here does I/O.
"""

from .drafting import LONGEST_REQUEST, Draft, RequestTooLongError, draft, name_of
from .request_kind import Kind, Reading, read_request, traits_of

__all__ = [
    "LONGEST_REQUEST",
    "Draft",
    "Kind",
    "Reading",
    "RequestTooLongError",
    "draft",
    "name_of",
    "read_request",
    "traits_of",
]
