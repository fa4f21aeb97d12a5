"""What a tree of source files holds and how its files hang together. Pure: the caller reads the files.

languages                        what a path says: language, kind, role
source, python_source, grammars  functions, modules and imports of one file
resolution, graph                which file an import means; dependencies and impact
criteria, queries                what can be asked, and the answers
"""

from pipelines.codebase.criteria import CriteriaError, Question, read_question
from pipelines.codebase.graph import Codebase
from pipelines.codebase.languages import LANGUAGES, is_read, language_of
from pipelines.codebase.queries import answer_question
from pipelines.codebase.source import Function, ReadFile, read_source

__all__ = [
    "LANGUAGES",
    "Codebase",
    "CriteriaError",
    "Function",
    "Question",
    "ReadFile",
    "answer_question",
    "is_read",
    "language_of",
    "read_question",
    "read_source",
]
