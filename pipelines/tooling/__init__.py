"""What is said about a pipeline before it runs: findings with their line, warnings, and (below) drawings, words, sums.

excerpt      the source line with a caret
suspicions   warnings
models       which model a step asks, and what is known of it
outline      steps in rounds; drawing shows them, wording tells them
questions    what a step asks; repeating how often, sizing how large, spans how sure
estimating   tokens, cost and time, as values of estimates; following says whose part of it waits for a step
json_schema  the schema for editors; key_words has its sentences, spelling_schema the mission's short forms
"""

from .drawing import DRAWINGS, draw_dot, draw_mermaid, draw_text
from .estimates import Estimate, StepEstimate
from .estimating import ASSUMPTIONS, DEFAULT_ANSWER_TOKENS, estimate
from .excerpt import excerpt, source_line
from .following import Following, following
from .json_schema import pipeline_schema
from .models import LoadModels, ModelBook, ModelFacts, Models, Routing
from .spans import ESTIMATE, Span, tokens_of
from .suspicions import never_holds, warnings_for
from .wording import explain

__all__ = [
    "ASSUMPTIONS",
    "DEFAULT_ANSWER_TOKENS",
    "DRAWINGS",
    "ESTIMATE",
    "Estimate",
    "Following",
    "LoadModels",
    "ModelBook",
    "ModelFacts",
    "Models",
    "Routing",
    "Span",
    "StepEstimate",
    "draw_dot",
    "draw_mermaid",
    "draw_text",
    "estimate",
    "excerpt",
    "explain",
    "following",
    "never_holds",
    "pipeline_schema",
    "source_line",
    "tokens_of",
    "warnings_for",
]
