"""What starting costs: a command and a node load what they need, and nothing that is needed later or never."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
#: For terminals. httpx brings all of them along where click is installed.
DRAWING = {"click", "pygments", "rich"}
SDKS = {"anthropic", "google.genai", "httpx"}
STORES = {"psycopg", "sqlalchemy"}
#: What no command loads that only asks a node, or looks at a file.
NODE = {"actors.kernel", "asyncio", "pykka", "runtime.daemon.process", "starlette", "structlog", "uvicorn", "uvloop"}
COMMAND = "from runtime.cli import main\nmain()"
SMALL = """
name: small
steps:
  - {name: a, type: claude, prompt: Say hello}
"""


def loaded(heavy: set[str], code: str, *words: str, home: Path) -> tuple[str, set[str]]:
    """Runs `code` with `words` as its arguments: what it wrote, and what of `heavy` it had loaded at its end."""
    program = (
        f"import sys\nsys.argv[1:] = {words!r}\ntry:\n    exec({code!r})\nexcept SystemExit as end:\n"
        f"    print('code', end.code)\nprint(*({heavy!r} & set(sys.modules)))\n"
    )
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("EVOPIPE_", "XDG_"))}
    (home / "run").mkdir(mode=0o700, exist_ok=True)
    env = {**kept, "HOME": str(home), "XDG_RUNTIME_DIR": str(home / "run"), "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False, cwd=home, env=env
    )
    assert "Traceback" not in done.stderr, done.stderr
    return done.stdout + done.stderr, set(done.stdout.splitlines()[-1].split())


def test_a_kill_by_file_loads_neither_the_settings_models_nor_an_http_library(tmp_path: Path) -> None:
    heavy = {*DRAWING, *SDKS, *STORES, *NODE, "jinja2", "runtime.settings.model", "yaml"}
    told, found = loaded(heavy, COMMAND, "kill", "node", "--reason", "test", home=tmp_path)
    assert "code 0" in told
    assert (tmp_path / ".local/state/evopipe/kill/node").read_text(encoding="utf-8") == "test\n"
    assert found == set()


@pytest.mark.parametrize("words", [("ps",), ("audit",), ("run", "small.yaml", "--detach")])
def test_a_command_that_asks_a_node_loads_no_node(tmp_path: Path, words: tuple[str, ...]) -> None:
    (tmp_path / "small.yaml").write_text(SMALL, encoding="utf-8")
    heavy = {*DRAWING, *SDKS, *STORES, *NODE - {"actors.kernel", "asyncio", "pykka"}, "actors.runs", "jinja2"}
    told, found = loaded(heavy, COMMAND, *words, home=tmp_path)
    assert "code 3" in told or words == ("audit",)  # no node answers; the audit log is then read from its files
    assert found == set()


def test_validate_loads_no_node_and_no_schema_library(tmp_path: Path) -> None:
    (tmp_path / "small.yaml").write_text(SMALL, encoding="utf-8")
    heavy = {*DRAWING, *SDKS, *STORES, *NODE, "actors.runs", "jsonschema"}
    told, found = loaded(heavy, COMMAND, "validate", "small.yaml", home=tmp_path)
    assert "small.yaml: valid" in told
    assert found <= {"asyncio"}  # jinja2's


def test_a_node_starts_without_sdks_and_what_only_some_runs_need(tmp_path: Path) -> None:
    heavy = {*SDKS, *STORES, "jsonschema", "ruamel.yaml", "tree_sitter", "typer"}
    _, found = loaded(heavy, "import runtime.daemon.__main__, runtime.daemon.process, runtime.node", home=tmp_path)
    assert found == set()
