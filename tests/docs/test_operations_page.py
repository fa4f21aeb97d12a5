"""The settings that the operations page shows can be used."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from actors.audit import decisions
from runtime.settings import load_settings

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/operations.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```yaml\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("number", range(len(BLOCKS)))
def test_the_settings_on_the_page_load(number: int, tmp_path: Path) -> None:
    file = tmp_path / "evopipe.yaml"
    file.write_text(BLOCKS[number], encoding="utf-8")
    assert load_settings(file, {"HOME": str(tmp_path)}).config_file == file


def test_the_page_names_every_action_of_the_audit_log_that_the_node_makes() -> None:
    source = Path(decisions.__file__).read_text(encoding="utf-8")
    made = set(re.findall(r'_decision\([^"]*"([a-z_]+\.[a-z_]+)"', source))
    later = {"promotion.decided"}
    named = set(re.findall(r"`(\.?[a-z_.]+)`", PAGE))
    missing = {action for action in made - later if not {action, "." + action.partition(".")[2]} & named}
    assert (len(made) > 12, missing) == (True, set())
