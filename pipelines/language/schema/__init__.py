"""What pydantic says of a definition, told where it stands in the text and in its reader's words.

errors      every mistake once
keys        the keys there may be, and the way from the schema's places to the text's
sentences   what was found, what was expected, the fix
"""

from pipelines.language.schema.errors import NO_STEPS, report_schema_errors
from pipelines.language.schema.keys import allowed_keys, canonical_path, text_path

__all__ = ["NO_STEPS", "allowed_keys", "canonical_path", "report_schema_errors", "text_path"]
