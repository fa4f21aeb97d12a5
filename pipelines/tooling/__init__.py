"""What is said about a pipeline before it runs: findings with their line, warnings, and (below) drawings, words, sums.

excerpt      the source line with a caret
suspicions   warnings
models       which model a step asks, and what is known of it
outline      steps in rounds; drawing shows them, wording tells them
estimating   tokens, cost and time
json_schema  the schema for editors; key_words has its sentences
"""

from .drawing import DRAWINGS, draw_dot, draw_mermaid, draw_text
from .estimating import ASSUMPTIONS, DEFAULT_ANSWER_TOKENS, Estimate, Span, StepEstimate, estimate
from .excerpt import excerpt, source_line
from .json_schema import pipeline_schema
from .models import ESTIMATE, LoadModels, ModelBook, ModelFacts, Models, Routing, count_tokens
from .suspicions import never_holds, warnings_for
from .wording import explain

__all__ = [
    "ASSUMPTIONS",
    "DEFAULT_ANSWER_TOKENS",
    "DRAWINGS",
    "ESTIMATE",
    "Estimate",
    "LoadModels",
    "ModelBook",
    "ModelFacts",
    "Models",
    "Routing",
    "Span",
    "StepEstimate",
    "count_tokens",
    "draw_dot",
    "draw_mermaid",
    "draw_text",
    "estimate",
    "excerpt",
    "explain",
    "never_holds",
    "pipeline_schema",
    "source_line",
    "warnings_for",
]
