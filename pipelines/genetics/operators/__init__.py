"""The mission's five mutation operators. A new one is a module here and a line in `OPERATORS`."""

from collections.abc import Mapping
from typing import Final

from pipelines.genetics.descent import Operator
from pipelines.genetics.operators.feature import FEATURE_INSERTION
from pipelines.genetics.operators.prompt import PROMPT_EVOLUTION
from pipelines.genetics.operators.provider import PROVIDER_OPTIMIZATION
from pipelines.genetics.operators.sequence import SEQUENCE_RESHUFFLING
from pipelines.genetics.operators.step import STEP_MUTATION

OPERATORS: Final[Mapping[str, Operator]] = {
    operator.name: operator
    for operator in (
        STEP_MUTATION,
        PROMPT_EVOLUTION,
        PROVIDER_OPTIMIZATION,
        SEQUENCE_RESHUFFLING,
        FEATURE_INSERTION,
    )
}

__all__ = [
    "FEATURE_INSERTION",
    "OPERATORS",
    "PROMPT_EVOLUTION",
    "PROVIDER_OPTIMIZATION",
    "SEQUENCE_RESHUFFLING",
    "STEP_MUTATION",
]
