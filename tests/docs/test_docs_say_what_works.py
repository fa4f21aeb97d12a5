"""The documentation's code is run, and its links lead somewhere."""

from __future__ import annotations

import re
import sys
import types
from pathlib import Path
from typing import Any, cast

import pytest
import typer

from actors.kernel import Kernel
from actors.providers import ProviderOptions, Request
from pipelines.language import STEP_CLASSES, load_pipeline
from runtime.cli.app import app
from runtime.settings import load_settings
from supervisors import Supervisor
from tests.support import run

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])


def blocks(page: str, language: str) -> list[str]:
    """The fenced code of one language in a page."""
    text = (ROOT / page).read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_between_pages_lead_to_files(page: Path) -> None:
    targets = re.findall(r"\]\((?!https?:)([^)#]+)\)", page.read_text(encoding="utf-8"))
    missing = [target for target in targets if not (page.parent / target).exists()]
    assert missing == []


def test_the_pipeline_of_the_tour_is_valid_and_runs_two_steps_side_by_side() -> None:
    (text,) = blocks("README.md", "yaml")
    pipeline = load_pipeline(text, source="letters.yaml")
    assert [step.name for step in pipeline.steps] == ["gist", "facts", "answer"]


@pytest.mark.parametrize(("number", "text"), list(enumerate(blocks("docs/pipelines.md", "yaml"))))
def test_the_pipelines_of_the_format_guide_are_valid(number: int, text: str) -> None:
    assert load_pipeline(text, source=f"docs/pipelines.md#{number}").steps


def test_the_format_guide_names_every_step_type_and_each_key_of_its_own() -> None:
    text = (ROOT / "docs/pipelines.md").read_text(encoding="utf-8")
    words = set(re.findall(r"\w+", text))
    # Read for the sake of pipeline_ex; the guide need not invite anybody to use them.
    foreign = {"async_streaming", "stream_handler", "stream_buffer_size", "claude_options", "environment_aware"}
    foreign |= {"token_budget", "functions", "tools", "scope", "lazy", "batch_size", "prompt_parts", "output_schema"}
    rows = "".join(line.split("|")[1] for line in text.splitlines() if line.startswith("| `"))
    assert STEP_CLASSES.keys() <= set(re.findall(r"\w+", rows))
    for name, step in STEP_CLASSES.items():
        missing = step.model_fields.keys() - words - foreign - {"description"}
        assert missing == set(), name


def test_every_command_in_the_docs_exists() -> None:
    known = set(cast("Any", typer.main.get_command(app)).commands)
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        used = set(re.findall(r"(?:^    |`|\$\()evopipe ([a-z-]+)", text, re.MULTILINE))
        assert used <= known, page.name
    assert "kill-actor" in known


def test_what_the_tour_sets_in_the_environment_is_a_setting() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    given = dict(re.findall(r"(EVOPIPE_\w+)=(\S+)", text))
    assert given
    load_settings(environ={"HOME": "/nowhere", **given})


@pytest.mark.parametrize(("number", "text"), list(enumerate(blocks("docs/operations.md", "yaml"))))
def test_every_settings_example_is_valid(number: int, text: str, tmp_path: Path) -> None:
    file = tmp_path / f"example{number}.yaml"
    file.write_text(text, encoding="utf-8")
    load_settings(file, environ={"HOME": "/nowhere"})


def test_every_make_target_that_is_named_exists() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    known = set(re.findall(r"^([a-z]+):", makefile, re.MULTILINE))
    named = {word for page in PAGES for word in re.findall(r"make ([a-z]+)\b(?=[`\s]*(?:#|`|$))", page.read_text())}
    assert named <= known | {"PYTHON"}


def test_the_provider_of_the_extension_guide_answers() -> None:
    names: dict[str, Any] = {}
    exec(blocks("docs/extending.md", "python")[0], names)
    provider = names["ShoutingProvider"](ProviderOptions())
    assert run(provider.complete(Request("hi"))).text == "HI"


def test_the_actor_of_the_extension_guide_counts_and_is_reached_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    (source,) = [block for block in blocks("docs/extending.md", "python") if "class Tally" in block]
    tally = types.ModuleType("tally")
    monkeypatch.setitem(sys.modules, "tally", tally)  # dataclasses look their own module up
    names = vars(tally)
    exec(source, names)

    async def main() -> int:
        kernel = Kernel()
        await kernel.spawn(Supervisor, [names["tally_spec"]()])
        first = await kernel.ref("tally").call(names["Add"](2), timeout_s=1.0)
        second = await kernel.ref("tally").call(names["Add"](3), timeout_s=1.0)
        await kernel.shutdown()
        return first + second

    assert run(main()) == 7
