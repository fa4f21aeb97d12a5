"""The pipelines about pipelines on one real node, offline: as they are shipped, and as the documents write them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import pipelines
from pipelines.language import load_pipeline
from runtime.cli import exits
from tests.node_for_tests import ROOT, Command, node_home

pytestmark = pytest.mark.daemon
META = Path(pipelines.__file__).parent / "meta"
SHIPPED = sorted(META.glob("*.yaml"))
DOCUMENTS = sorted((ROOT / "tests/pipelines/meta/documents").glob("*.yaml"))
# How a document's own text ends where it does not end well: nothing deploys yet, and no plain text has such a field.
ENDINGS = {
    "ab_testing_framework": ("winner_deployment", "not_available"),
    "innovation_engine": ("prototype_development", "template_error"),
}

every_pipeline = pytest.mark.parametrize("file", SHIPPED, ids=lambda file: file.stem)


@pytest.fixture(scope="module")
def node() -> Iterator[Command]:
    with node_home() as command:
        files = command.home / "workspace"
        files.mkdir()
        (files / "shop.py").write_text("PRICES = {}\n\ndef price(name):\n    return PRICES[name]\n", encoding="utf-8")
        (files / "prices.py").write_text("def load(path):\n    return open(path).read()\n", encoding="utf-8")
        assert command("up").returncode == exits.OK
        yield command
        assert command("down").returncode == exits.OK


def sample(stem: str) -> dict[str, Any]:
    return json.loads((META / "samples" / f"{stem}.json").read_bytes())


def ended(node: Command, file: Path, inputs: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    given = node.home / f"{file.stem}.json"
    given.write_text(json.dumps(inputs), encoding="utf-8")
    done = node("run", str(file), "--input-file", str(given), "--json")
    return done.returncode, json.loads(done.stdout)


@every_pipeline
def test_a_shipped_meta_pipeline_runs_to_its_end_with_its_sample(node: Command, file: Path) -> None:
    code, outcome = ended(node, file, sample(file.stem))
    assert (code, outcome["status"]) == (exits.OK, "succeeded"), outcome
    pipeline = load_pipeline(file.read_bytes())
    assert outcome["results"].keys() == {step.name for step in pipeline.steps}
    empty = [name for name, value in outcome["outputs"].items() if value in ("", None, [], {})]
    assert empty == []
    assert outcome["outputs"].get("degraded", False) is False
    assert outcome["outputs"].get("deployed", False) is False


def test_a_variant_that_won_is_not_deployed_and_the_answer_says_so(node: Command) -> None:
    _, outcome = ended(node, META / "ab_testing_framework.yaml", sample("ab_testing_framework"))
    deployment = outcome["results"]["winner_deployment"]
    assert (deployment["success"], deployment["error"]["code"]) == (False, "not_available")
    assert "Nothing was deployed" in deployment["error"]["message"]


def test_an_improvement_that_is_none_is_not_even_tried_to_deploy(node: Command) -> None:
    _, outcome = ended(node, META / "self_improvement_loop.yaml", sample("self_improvement_loop"))
    assert outcome["outputs"]["fitness"] == 0.0
    assert outcome["results"]["deploy_if_better"]["skipped"] is True


def test_an_improvement_that_beats_the_present_version_is_refused_honestly(node: Command) -> None:
    inputs = {**sample("self_improvement_loop"), "current_fitness": -1}
    code, outcome = ended(node, META / "self_improvement_loop.yaml", inputs)
    assert (code, outcome["outputs"]["deployed"]) == (exits.OK, False)
    assert outcome["results"]["deploy_if_better"]["error"]["code"] == "not_available"


@pytest.mark.parametrize("file", DOCUMENTS, ids=lambda file: file.stem)
def test_what_the_documents_write_runs_as_far_as_its_own_words_lead(node: Command, file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    if text.startswith("- "):
        file = node.home / file.name
        file.write_text(f"name: {file.stem}\nsteps:\n{text}", encoding="utf-8")
    needed = load_pipeline(file.read_bytes()).required_inputs
    inputs = {name: value for name, value in sample(file.stem).items() if name in needed}
    code, outcome = ended(node, file, {**dict.fromkeys(needed, "nothing yet"), **inputs})
    if file.stem not in ENDINGS:
        assert (code, outcome["status"]) == (exits.OK, "succeeded"), outcome
        return
    assert code == exits.FAILED
    assert (outcome["error"]["step"], outcome["error"]["code"]) == ENDINGS[file.stem]
