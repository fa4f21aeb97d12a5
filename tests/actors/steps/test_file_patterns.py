"""What `pattern` of a file listing means: a shell pattern or a regular expression, never both."""

from __future__ import annotations

import pytest

from actors.steps.errors import WorkspaceFileError
from actors.steps.file_ops import fits
from actors.steps.jail import Entry

NAMES = ["harbour.txt", "incident.txt", "harbour.md", "data.csv", "data_2024.csv", "notes"]


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("*.txt", ["harbour.txt", "incident.txt"]),
        ("h*.txt", ["harbour.txt"]),
        ("*.*", ["harbour.txt", "incident.txt", "harbour.md", "data.csv", "data_2024.csv"]),
        ("????", []),
        ("?otes", ["notes"]),
        ("[hi]*.txt", ["harbour.txt", "incident.txt"]),
        (r"\.csv$", ["data.csv", "data_2024.csv"]),
        ("^data", ["data.csv", "data_2024.csv"]),
        (r"_\d+", ["data_2024.csv"]),
        ("(md|csv)$", ["harbour.md", "data.csv", "data_2024.csv"]),
        ("dat.*csv", ["data.csv", "data_2024.csv"]),
        ("harbour", ["harbour.txt", "harbour.md"]),
        ("nothing", []),
    ],
)
def test_a_pattern_finds(pattern: str, found: list[str]) -> None:
    assert [name for name in NAMES if fits(Entry(name, name, 1), pattern)] == found


def test_a_pattern_that_is_neither_is_refused() -> None:
    with pytest.raises(WorkspaceFileError, match="neither"):
        fits(Entry("a", "a", 1), "(unclosed")
