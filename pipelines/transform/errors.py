"""What a transform can refuse."""

from __future__ import annotations


class TransformError(Exception):
    """One operation cannot be applied.

    `index` counts operations from 0, `expected` and `fix` are sentences for people. Nothing was changed: operations
    never touch their input.
    """

    code = "transform"

    def __init__(self, index: int, operation: str, problem: str, expected: str = "", fix: str = "") -> None:
        super().__init__(index, operation, problem, expected, fix)
        self.index = index
        self.operation = operation
        self.problem = problem
        self.expected = expected
        self.fix = fix

    def __str__(self) -> str:
        text = f"operations[{self.index}] ({self.operation}): {self.problem}"
        if self.expected:
            text += f"; expected {self.expected}"
        if self.fix:
            text += f". Fix: {self.fix}"
        return text
