"""`codebase_query` in a run: inside the workspace, within its limits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from actors.runs import RunOutcome
from pipelines.language import InvalidPipelineError, load_pipeline
from tests.runs_for_tests import small_node
from tests.support import run

HEAD = "name: p\nsteps:\n  - {name: code, type: codebase_query, on_error: fail, retry: 1, "


def outcome(workspace: Path, rest: str, **more: Any) -> RunOutcome:
    async def main() -> RunOutcome:
        node = await small_node()
        try:
            return await node.run(HEAD + rest + "}\n", workspace=str(workspace), **more)
        finally:
            await node.kernel.shutdown()

    return run(main())


def found(workspace: Path, rest: str, **more: Any) -> dict[str, Any]:
    ended = outcome(workspace, rest, **more)
    assert ended.status == "succeeded", ended.error
    result: Any = ended.results["code"]
    return result


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    for path, text in {
        "shop/stock.py": "import shop.prices\n",
        "shop/prices.py": "X = 1\n",
        "node_modules/other/index.js": "x\n",
        "old/stock.py": "\n",
    }.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text, encoding="utf-8")
    (tmp_path / "link.py").symlink_to("/etc/passwd")
    (tmp_path / "linked").symlink_to("/etc")
    return tmp_path


def paths(result: dict[str, Any], query: str = "all") -> list[str]:
    return [each["path"] for each in result["result"][query]]


def test_queries_are_rendered_and_answered_by_name(shop: Path) -> None:
    query = 'queries: {impact: {analyze_impact: {file: "{{ inputs.file }}"}}}'
    result = found(shop, query, inputs={"file": "shop/prices.py"})
    assert result["result"]["impact"]["directly_affected"] == ["shop/stock.py"]
    assert result["metadata"]["complete"]
    assert result["metadata"]["languages"] == {"python": 3}


def test_links_and_other_peoples_code_are_passed_over(shop: Path) -> None:
    result = found(shop, "queries: {all: {find_files: }}, exclude: [old]")
    assert paths(result) == ["shop/prices.py", "shop/stock.py"]


def test_a_codebase_may_begin_further_in(shop: Path) -> None:
    assert paths(found(shop, "path: old, queries: {all: {find_files: {}}}")) == ["old/stock.py"]


@pytest.mark.parametrize("limit", ["max_files: 1", "max_bytes: 5", "max_seconds: 0.000000001"])
def test_a_limit_that_is_reached_is_said(shop: Path, limit: str) -> None:
    metadata = found(shop, f"queries: {{all: {{find_files: {{}}}}}}, {limit}")["metadata"]
    assert not metadata["complete"]
    assert list(metadata["left_out"]) == [limit.partition(":")[0]]


def test_a_file_that_is_too_large_is_listed_and_not_read(shop: Path) -> None:
    (shop / "large.py").write_text("#" * 1_000_001, encoding="utf-8")
    result = found(shop, "queries: {all: {find_files: {size_min: 1000000}}}")
    assert paths(result) == ["large.py"]
    assert result["metadata"]["left_out"] == {"file_size": "large.py"}


@pytest.mark.parametrize(
    ("rest", "code"),
    [
        ('path: "{{ inputs.file }}", queries: {all: {find_files: {}}}', "outside_workspace"),
        ("queries: {all: {find_dependencies: {for_file: none.py}}}", "codebase_query"),
        ("queries: {all: {find_files: {colour: red}}}", "codebase_query"),
        ("path: linked, queries: {all: {find_files: {}}}", "outside_workspace"),
    ],
)
def test_what_cannot_be_answered_fails_the_step_with_its_reason(shop: Path, rest: str, code: str) -> None:
    inputs = {"file": "../"} if "inputs" in rest else {}
    assert outcome(shop, rest, inputs=inputs).error["code"] == code  # pyright: ignore[reportOptionalSubscript]


@pytest.mark.parametrize(
    ("rest", "told"),
    [
        ("queries: {all: {find_all: {}}}", "needs one key, one of: find_files"),
        ("path: ../other, queries: {all: {find_files: {}}}", "leaves the workspace"),
        ("queries: {}", "queries"),
    ],
)
def test_a_wrong_query_is_found_when_the_file_is_read(rest: str, told: str) -> None:
    with pytest.raises(InvalidPipelineError, match=told):
        load_pipeline(HEAD + rest + "}\n")
