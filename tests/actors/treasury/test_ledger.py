"""The ledger's file: older ones are taken over, reports hold up nothing, sums are exact."""

from __future__ import annotations

import sqlite3
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from actors.treasury import Charge, LedgerClosedError, flaws_of_ledger
from actors.treasury.ledger import Group, Ledger
from actors.treasury.ledger_pruning import Pruning
from actors.treasury.ledger_reports import LedgerReports
from actors.treasury.ledger_schema import FIRST
from pipelines.execution import Amount
from pipelines.guardrails.allocation import Allocation
from pipelines.guardrails.budget import AccountName, BudgetDay, Payer

TODAY = date(2026, 11, 21)
DAY = BudgetDay(TODAY, TODAY)


def charge(run_id: str, tokens: int = 10, answer: str = "a", usd: str | None = "0.1") -> Charge:
    payer = Payer("ada", "simple", "digest", "generation", run_id, "s")
    return Charge(payer, "", answer, "anthropic", "m", Amount(tokens, None if usd is None else Decimal(usd)))


def write(ledger: Ledger, *charges: Charge, at: float = 1.0, **ended: str) -> None:
    ledger.write(Group(charges, ended, DAY, at), Allocation())


def test_a_ledger_of_the_first_version_is_taken_over_with_its_runs(tmp_path: Path) -> None:
    path = tmp_path / "treasury.sqlite3"
    old = sqlite3.connect(path)
    old.executescript(f"{FIRST} PRAGMA user_version = 1;")
    row = "('', 'a', '2026-11-21', 1.0, 'ada', 'simple', 'digest', 'generation', 'anthropic', 'm', 7, 100000000000)"
    for run_id in ("open", "ended"):
        old.execute(f"INSERT INTO charges VALUES ('{run_id}', 's', {row[1:]}")
    old.execute("INSERT INTO runs VALUES ('ended', 'failed', 1.0)")
    old.commit()
    old.close()
    ledger = Ledger(path)
    kept = ledger.read(TODAY, None)
    assert (kept.day, kept.open_runs) == (DAY, {"open"})
    used = {str(each.name): each.amount for each in kept.used}
    assert used["day"] == Amount(14, Decimal("0.2"))
    assert used["run/simple of open"] == Amount(7, Decimal("0.1"))
    assert "run/simple of ended" not in used
    found = {str(each.name): each.amount.tokens for each in ledger.reopen({"ended"})}
    assert found == {"run/simple of ended": 7, "step/generation of ended:s": 7}
    assert ledger.read(TODAY, None).open_runs == {"open", "ended"}
    ledger.close()


def test_a_day_of_a_clock_that_ran_ahead_stays_the_one_that_is_read(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "treasury.sqlite3")
    ahead = BudgetDay(date(2036, 1, 1), date(2036, 1, 1))
    ledger.write(Group((charge("r"),), {}, ahead, 1.0), Allocation())
    kept = ledger.read(TODAY, None)
    assert kept.day == BudgetDay(ahead.day, TODAY)
    assert {str(each.name): each.amount.tokens for each in kept.used}["day"] == 10
    ledger.close()


def test_reports_are_made_beside_a_transaction_and_name_the_newest_runs_first(tmp_path: Path) -> None:
    path = tmp_path / "treasury.sqlite3"
    ledger, reports = Ledger(path), LedgerReports(path)
    for number in range(30):
        write(ledger, charge(f"r{number:02}"), charge(f"r{number:02}", 5, "b", None), at=float(number))
    write(ledger, charge("r07", 1, "late"), at=99.0, r07="failed", r08="succeeded")
    writer = sqlite3.connect(path, isolation_level=None)
    writer.execute("BEGIN IMMEDIATE")
    newest = reports.newest_runs(3)
    assert [(each.run, each.calls, each.tokens, each.unpriced_calls, each.status) for each in newest] == [
        ("r07", 3, 16, 1, "failed"),
        ("r29", 2, 15, 1, "running"),
        ("r28", 2, 15, 1, "running"),
    ]
    (cost,) = reports.pipelines("")
    assert (cost.runs, cost.succeeded, cost.failed, cost.calls, cost.unpriced_calls) == (30, 1, 1, 61, 30)
    assert cost.usd == Decimal("3.1")
    assert reports.pipelines("2026-11-22") == ()
    with pytest.raises(LedgerClosedError):
        write(ledger, charge("r30"))
    writer.execute("ROLLBACK")
    write(ledger, charge("r30"))
    for each in (writer, reports, ledger):
        each.close()


OLD = BudgetDay(date(2026, 8, 3), date(2026, 8, 3))


def old_ledger(path: Path) -> Ledger:
    """Before time 50: two that succeeded, one that failed, one that goes on; `late` has a charge of time 60."""
    ledger = Ledger(path)
    for name in ("good", "good2", "failed", "open", "late"):
        ledger.write(Group([charge(name), charge(name, 5, "b")], {}, OLD, 10.0), Allocation())
    ended = {"good": "succeeded", "good2": "succeeded", "failed": "failed", "late": "succeeded"}
    ledger.write(Group([], ended, OLD, 20.0), Allocation())
    ledger.write(Group([charge("late", 7, "c")], {}, OLD, 60.0), Allocation())
    write(ledger, charge("today"), at=30.0, today="succeeded")  # by a clock that was set back since
    return ledger


def test_old_charges_go_with_their_runs_and_what_budgets_count_stays(tmp_path: Path) -> None:
    path = tmp_path / "treasury.sqlite3"
    ledger = old_ledger(path)
    before = ledger.read(TODAY, DAY)
    assert ledger.forget(Pruning(50.0, None, TODAY, 100)) == 4
    assert ledger.forget(Pruning(50.0, None, TODAY, 100)) == 0
    after = ledger.read(TODAY, DAY)
    assert (after.used, after.shares, after.open_runs) == (before.used, before.shares, before.open_runs)
    ledger.close()
    ledger, reports = Ledger(path), LedgerReports(path)
    assert reports.whole_from() == "2026-08-04"
    assert {each.run for each in reports.newest_runs(10)} == {"failed", "open", "late", "today"}
    assert [each.runs for each in reports.pipelines(reports.whole_from())] == [1]
    # A run that failed goes on within what is left of its limits.
    assert {str(each.name): each.amount.tokens for each in ledger.reopen({"failed"})}["run/simple of failed"] == 15
    assert list(flaws_of_ledger(sqlite3.connect(path))) == []
    for each in (reports, ledger):
        each.close()


def test_what_did_not_succeed_goes_with_the_age_at_which_its_run_does(tmp_path: Path) -> None:
    ledger = old_ledger(tmp_path / "treasury.sqlite3")
    assert ledger.forget(Pruning(50.0, 15.0, TODAY, 100)) == 4
    assert ledger.forget(Pruning(50.0, 25.0, TODAY, 100)) == 2
    assert ledger.forget(Pruning(1e12, 1e12, TODAY, 100)) == 3  # `late`; not of today, nor of a run that goes on
    ledger.close()


def test_a_large_run_goes_in_pieces_and_is_finished_by_the_next_life(tmp_path: Path) -> None:
    path = tmp_path / "treasury.sqlite3"
    ledger = Ledger(path)
    charges = [charge("r", 1, f"a{number}") for number in range(25)]
    ledger.write(Group(charges, {"r": "succeeded"}, OLD, 10.0), Allocation())
    assert ledger.forget(Pruning(50.0, None, TODAY, 10)) == 10
    ledger.close()
    ledger = Ledger(path)
    assert list(flaws_of_ledger(sqlite3.connect(path))) == []
    assert [ledger.forget(Pruning(50.0, None, TODAY, 10)) for _ in range(3)] == [10, 5, 0]
    assert sqlite3.connect(path).execute("SELECT (SELECT count(*) FROM runs), whole_from FROM pruned").fetchone() == (
        0,
        "2026-08-04",
    )
    ledger.close()


def test_the_same_answer_is_charged_once_whatever_group_it_comes_in(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "treasury.sqlite3")
    assert ledger.write(Group((charge("r"), charge("r")), {}, DAY, 1.0), Allocation()).new == {charge("r").key}
    assert ledger.write(Group((charge("r", 999),), {}, DAY, 2.0), Allocation()).new == frozenset()
    used = {each.name: each.amount for each in ledger.read(TODAY, None).used}
    assert used[AccountName("day")] == Amount(10, Decimal("0.1"))
    ledger.close()
