"""Every shipped pipeline loads, runs to its end offline, and says what is true of its input."""

from __future__ import annotations

import csv
import shutil
from collections import defaultdict
from pathlib import Path
from typing import Any, cast

import pytest

import pipelines
from actors.approvals import AnswerApproval, ApprovalDesk
from actors.kernel import ChildSpec
from actors.providers import ProviderOptions, provider_children
from actors.providers.offline import NOTICE
from actors.runs import RunOutcome
from pipelines.execution import Reply
from pipelines.language import Pipeline, load_pipeline, to_yaml
from tests.actors_for_tests import add, until
from tests.runs_for_tests import small_node
from tests.support import run

SHIPPED = Path(pipelines.__file__).parent
FILES = sorted([*SHIPPED.glob("examples/*.yaml"), *SHIPPED.glob("meta/*.yaml")])
DATA = SHIPPED / "examples" / "data"


def read(name: str) -> Pipeline:
    return load_pipeline((SHIPPED / name).read_bytes(), source=name)


def carried_out(name: str, workspace: Path, **inputs: Any) -> RunOutcome:
    async def main() -> RunOutcome:
        node = await small_node(routes={"claude": "offline", "gemini": "offline"})
        try:
            for spec in provider_children("offline", ProviderOptions(), 2):
                await add(node.top, spec)
            text = (SHIPPED / name).read_text(encoding="utf-8")
            return await node.run(text, workspace=str(workspace), inputs=inputs)
        finally:
            await node.kernel.shutdown()

    outcome = run(main(), timeout_s=30)
    assert outcome.status == "succeeded", outcome.error
    return outcome


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    return Path(shutil.copytree(DATA, tmp_path / "workspace"))


def table(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def section(report: str, title: str) -> list[str]:
    """The list items below one heading."""
    body = report.split(f"## {title}\n")[1].split("\n## ", maxsplit=1)[0]
    return [line.removeprefix("- ") for line in body.splitlines() if line.startswith("- ")]


def text_of(outcome: RunOutcome, step: str) -> str:
    return cast("dict[str, str]", outcome.results[step])["text"]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_a_shipped_pipeline_loads_and_can_be_written_and_read_again(file: Path) -> None:
    pipeline = load_pipeline(file.read_bytes(), source=file.name)
    assert load_pipeline(to_yaml(pipeline)).content_hash == pipeline.content_hash
    # The names of those in meta are the documents' (tests/pipelines/meta).
    assert pipeline.name == file.stem or file.parent.name == "meta"
    assert pipeline.description


def test_there_is_a_run_below_for_every_shipped_pipeline() -> None:
    # Those in meta have theirs in tests/runtime/test_meta_pipelines.py.
    assert {file.stem for file in FILES if file.parent.name == "examples"} == {
        "approved_reply",
        "csv_quality_check",
        "document_digest",
        "steady_context",
        "two_provider_review",
    }


def is_number(cell: str | None) -> bool:
    try:
        float(cell or "")
    except ValueError:
        return False
    return True


class Expected:
    """What is true of a folder with orders.csv and customers.csv, worked out here without data_transform."""

    def __init__(self, folder: Path) -> None:
        self.orders = table(folder / "orders.csv")
        self.customers = {row["customer_id"]: row for row in table(folder / "customers.csv")}
        self.unpriced = [row for row in self.orders if not is_number(row["amount"])]
        priced = [row for row in self.orders if is_number(row["amount"])]
        self.negative = [row for row in priced if float(row["amount"]) < 0]
        self.good = sorted(
            (row for row in priced if float(row["amount"]) >= 0), key=lambda row: float(row["amount"]), reverse=True
        )
        self.total = sum(float(row["amount"]) for row in self.good)

    def by_status(self) -> dict[str, float]:
        sums: dict[str, float] = defaultdict(float)
        for row in self.good:
            sums[row["status"].lower()] += float(row["amount"])
        return dict(sums)

    def by_country(self) -> dict[str, float]:
        amounts: dict[str, list[float]] = defaultdict(list)
        for row in self.good:
            customer = self.customers.get(row["customer_id"])
            amounts[customer["country"] if customer else "unknown"].append(float(row["amount"]))
        return {name: sum(values) / len(values) for name, values in amounts.items()}


def check_quality(folder: Path) -> None:
    expected = Expected(folder)
    outcome = carried_out("examples/csv_quality_check.yaml", folder)
    report = (folder / "quality.md").read_text(encoding="utf-8")
    assert f"| all | {len(expected.orders)} |" in report
    assert f"| good | {len(expected.good)} |" in report
    assert f"| without a readable amount | {len(expected.unpriced)} |" in report
    assert f"| negative amount | {len(expected.negative)} |" in report
    assert outcome.outputs["total"] == pytest.approx(expected.total)
    assert outcome.outputs["by_status"] == pytest.approx(expected.by_status())
    told = dict(line.split(": ") for line in section(report, "Average by country"))
    assert {name: float(value) for name, value in told.items()} == pytest.approx(expected.by_country(), abs=0.006)
    largest = [line.split(":")[0] for line in section(report, "Largest orders")]
    assert largest == [row["order_id"] for row in expected.good[:3]]
    bad = [row["order_id"] for row in table(folder / "bad_rows.csv")]
    assert bad == [row["order_id"] for row in [*expected.unpriced, *expected.negative]]


def test_the_quality_report_counts_what_is_in_the_tables(workspace: Path) -> None:
    check_quality(workspace)


def test_the_quality_report_follows_the_tables_when_they_change(workspace: Path) -> None:
    with (workspace / "orders.csv").open("a", encoding="utf-8") as file:
        file.write("A-2001,C5,1000,open\nA-2002,C2,-1,PAID\nA-2003,C2,,paid\nA-2004,C2,0,paid\n")
    check_quality(workspace)


def test_no_row_is_lost_whatever_stands_in_it(workspace: Path) -> None:
    with (workspace / "orders.csv").open("a", encoding="utf-8") as file:
        file.write("A-3001,C5,lots,open\nA-3002,C5\nA-3003,C5,1e3,open\nA-3004,C5,-0.01,open\nA-3005\n")
    check_quality(workspace)
    expected = Expected(workspace)
    assert len(expected.good) + len(expected.unpriced) + len(expected.negative) == len(expected.orders)


def test_the_quality_report_of_an_order_by_nobody_we_know_says_so(workspace: Path) -> None:
    header, *_ = (workspace / "orders.csv").read_text(encoding="utf-8").splitlines()
    (workspace / "orders.csv").write_text(f"{header}\nA-1,C404,7,paid\n", encoding="utf-8")
    check_quality(workspace)
    assert "A-1: 7 (unknown customer)" in (workspace / "quality.md").read_text(encoding="utf-8")


def test_the_digest_tells_of_every_document_in_its_own_words(workspace: Path) -> None:
    outcome = carried_out("examples/document_digest.yaml", workspace)
    report = (workspace / "digest.md").read_text(encoding="utf-8")
    documents = sorted((workspace / "documents").glob("*.txt"))
    assert outcome.outputs == {"documents": len(documents), "report": "digest.md"}
    assert [line[3:] for line in report.splitlines() if line.startswith("## ")] == [file.name for file in documents]
    for file in documents:
        source = " ".join(file.read_text(encoding="utf-8").split())
        part = report.split(f"## {file.name}\n")[1].split("\n## ")[0]
        summary, _, keywords = part.partition("Keywords: ")
        assert " ".join(summary.split()).rstrip(".")[:80] in source, f"{file.name}: no sentence of the document"
        words = [word.strip() for word in keywords.split(",")]
        assert 1 <= len(words) <= 5
        assert all(word.lower() in source.lower() for word in words), words


def test_the_digest_summarises_the_summaries(workspace: Path) -> None:
    outcome = carried_out("examples/document_digest.yaml", workspace)
    loop = cast(Any, outcome.results["digest"])
    assert (loop["success"], loop["completed_items"]) == (True, 3)
    summaries = " ".join(" ".join(each["results"]["summary"]["text"].split()) for each in loop["iterations"])
    overview = text_of(outcome, "overview")
    assert " ".join(overview.split())[:60] in summaries
    assert overview in (workspace / "digest.md").read_text(encoding="utf-8")


def test_the_digest_of_an_empty_folder_says_that_there_was_nothing(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    outcome = carried_out("examples/document_digest.yaml", tmp_path, folder="empty", report="none.md")
    assert cast(Any, outcome.results["overview"])["skipped"] is True
    assert "0 documents. There was nothing to read." in (tmp_path / "none.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("reply", "left"), [(Reply(approve=True, data={"signature": "Ada"}), "outbox"), (Reply(approve=False), "drafts")]
)
def test_the_reply_goes_out_only_when_a_person_has_approved_and_signed_it(
    tmp_path: Path, reply: Reply, left: str
) -> None:
    async def main() -> RunOutcome:
        node = await small_node(routes={"claude": "offline"})
        try:
            await add(node.top, ChildSpec(id="approvals", actor_class=ApprovalDesk, name="approvals"))
            for spec in provider_children("offline", ProviderOptions(), 2):
                await add(node.top, spec)
            await node.submit((SHIPPED / "examples/approved_reply.yaml").read_text("utf-8"), workspace=str(tmp_path))
            await until(lambda: "step_waiting" in node.kinds("ask"))
            assert not list(tmp_path.iterdir())
            await node.kernel.ref("approvals").call(AnswerApproval("r1/ask", reply, "ada"))
            return await node.outcome()
        finally:
            await node.kernel.shutdown()

    outcome = run(main())
    assert outcome.outputs == {"approved": left == "outbox", "by": "ada"}
    assert [path.relative_to(tmp_path) for path in tmp_path.rglob("*.txt")] == [Path(left, "reply.txt")]
    text = (tmp_path / left / "reply.txt").read_text(encoding="utf-8")
    assert text.rstrip().endswith("Ada") is (left == "outbox")


def test_the_review_goes_from_plan_over_sections_to_a_verdict(tmp_path: Path) -> None:
    subject = "The cache of Node Seven is full. Passwords are kept in clear text. Nobody tested the restart on Monday."
    outcome = carried_out("examples/two_provider_review.yaml", tmp_path, subject=subject)
    plan, sections, verdict = (outcome.outputs[name] for name in ("plan", "sections", "verdict"))
    assert isinstance(plan, str) and "Passwords" in plan
    assert isinstance(sections, str)
    assert [f"## {name}" in sections for name in ("correctness", "security", "cost")] == [True] * 3
    facts = cast("dict[str, Any]", verdict)
    assert facts["recommendation"] in {"ship", "fix_first", "reject"}
    assert facts["summary"] and facts["risks"]
    individual = cast(Any, outcome.results["sections"])["individual_results"]
    assert all(individual[name]["success"] and individual[name]["text"] for name in individual)


def test_the_review_spends_what_its_five_questions_spend(tmp_path: Path) -> None:
    outcome = carried_out("examples/two_provider_review.yaml", tmp_path)
    parts = [cast(Any, outcome.results[name])["usage"] for name in ("plan", "sections", "verdict")]
    assert outcome.usage["input_tokens"] == sum(part["input_tokens"] for part in parts) > 0
    assert outcome.usage["output_tokens"] == sum(part["output_tokens"] for part in parts) > 0


def test_the_genesis_pipeline_makes_a_genome_of_the_request(tmp_path: Path) -> None:
    request = "A pipeline that reads invoices, checks the totals and reports every mismatch to accounting."
    assert read("meta/genesis_pipeline.yaml").required_inputs == ("pipeline_request",)
    outcome = carried_out("meta/genesis_pipeline.yaml", tmp_path, pipeline_request=request)
    assert "invoices" in text_of(outcome, "analyze_requirements")
    genome = cast(Any, outcome.results["generate_pipeline_dna"])["result"]["pipeline_genome"]
    assert set(genome) == {"traits", "chromosomes"}
    assert set(genome["traits"]) == {"performance_profile", "error_handling_strategy", "optimization_preferences"}
    assert set(genome["chromosomes"]) == {"step_sequences", "provider_mappings", "prompt_patterns"}
    assert all(isinstance(value, str) and value for part in genome.values() for value in part.values())


def test_every_offline_answer_says_that_no_language_model_gave_it(tmp_path: Path) -> None:
    outcome = carried_out("examples/two_provider_review.yaml", tmp_path)
    asked = [outcome.results["plan"], outcome.results["verdict"]]
    asked += list(cast(Any, outcome.results["sections"])["individual_results"].values())
    for answer in cast("list[Any]", asked):
        assert (answer["metadata"]["language_model"], answer["metadata"]["notice"]) == (False, NOTICE)


def tokens_of(outcome: RunOutcome) -> dict[str, int]:
    return cast("dict[str, int]", outcome.outputs["tokens"])


def test_the_questions_of_the_steady_context_stay_small_however_long_the_requirements_are(workspace: Path) -> None:
    text = (workspace / "requirements.txt").read_text(encoding="utf-8")
    sizes: list[dict[str, int]] = []
    for times in (1, 10, 60):
        long = "\n\n".join(text.replace("letters", f"letters of branch {number}") for number in range(times))
        (workspace / "requirements.txt").write_text(long, encoding="utf-8")
        outcome = carried_out("examples/steady_context.yaml", workspace)
        sizes.append(tokens_of(outcome))
        brief = cast(Any, outcome.results["brief"])["metadata"]["context"]
        if times > 1:
            assert brief["tokens_before"] > 200 * times
            assert brief["shortened"][0]["how"] == "summarised"
    names = ("brief", "analysis", "dna", "draft", "validation")
    assert all(set(each) == set(names) and max(each.values()) <= 1200 for each in sizes)
    # What comes behind the one step that reads the text does not know how long it was.
    small, *larger = sizes
    for each in larger:
        assert all(each[name] <= max(2 * small[name], 400) for name in names[1:]), sizes
    # Nor does a step's question hold the questions before it: the last is no larger than the first.
    assert all(each["validation"] <= max(each["brief"], 400) for each in sizes), sizes


def test_the_steady_context_pays_for_its_summaries_in_the_step_that_needs_them(workspace: Path) -> None:
    text = (workspace / "requirements.txt").read_text(encoding="utf-8")
    long = "\n\n".join(text.replace("letters", f"letters of branch {number}") for number in range(20))
    (workspace / "requirements.txt").write_text(long, encoding="utf-8")
    outcome = carried_out("examples/steady_context.yaml", workspace)
    spent = [cast(Any, outcome.results[name])["usage"]["input_tokens"] for name in tokens_of(outcome)]
    assert spent[0] > len(long) // 4
    assert outcome.usage["input_tokens"] == sum(spent)
