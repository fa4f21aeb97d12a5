"""What `claude_extract` does with an answer: find the JSON, check it against the schema, shape the text. Pure.

schema    the free form as JSON Schema
misfits   data checked against JSON Schema
answers   JSON in a model's answer
shaping   formats and post-processing
"""

from pipelines.extraction.answers import NoJsonError, parse_json_answer
from pipelines.extraction.misfits import Misfit, checks_prepared, find_misfits, prepare_checks
from pipelines.extraction.schema import is_json_schema, normalise_parameters, normalise_schema, validate_against
from pipelines.extraction.shaping import POST_PROCESSING, Format, post_process, shape

__all__ = [
    "POST_PROCESSING",
    "Format",
    "Misfit",
    "NoJsonError",
    "checks_prepared",
    "find_misfits",
    "is_json_schema",
    "normalise_parameters",
    "normalise_schema",
    "parse_json_answer",
    "post_process",
    "prepare_checks",
    "shape",
    "validate_against",
]
