"""The two dialects and people's many spellings, read as the one canonical form that the schema checks.

normalise          a whole definition; the rest is its parts
spellings          keys that mean the same; source_spellings: where data is taken from
claude_steps, executor_steps, waiting_steps   what is particular to these kinds of steps
wrapped            values that only a `workflow:` file may hold
tolerance          keys that pipeline_ex never looked at
"""

from pipelines.language.dialects.normalise import canonical_pipeline, unwrap_workflow
from pipelines.language.dialects.tolerance import is_slip, without
from pipelines.language.dialects.wrapped import read_wrapped

__all__ = ["canonical_pipeline", "is_slip", "read_wrapped", "unwrap_workflow", "without"]
