"""Replay and resume lend nobody what a run of another one may: not its workspace, not its owner's budgets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from actors.journal import LoadRun, RunRecord, StepRecord
from actors.kernel import Actor
from tests.runtime.gateway_fakes import PIPELINE
from tests.security.test_roles import OPERATOR, as_users
from tests.support import run


class OneRun(Actor):
    """A journal with one failed run."""

    def __init__(self, meta: dict[str, Any], definition: str = PIPELINE, steps: tuple[str, ...] = ()) -> None:
        super().__init__()
        self._meta = meta
        self._definition = definition
        self._steps = steps

    def on_receive(self, message: object) -> Any:
        assert isinstance(message, LoadRun)
        steps = {path: StepRecord(message.run_id, path, 1, _status(path), {}, 5.0) for path in self._steps}
        return RunRecord(message.run_id, "small", self._definition, "hash", {}, self._meta, "failed", steps)


def _status(path: str) -> str:
    return "kept" if "/@" in path else "succeeded"


def test_an_operator_replays_nothing_in_a_workspace_that_is_not_the_nodes(tmp_path: Path) -> None:
    async def main() -> None:
        async with as_users(tmp_path, OPERATOR) as g:
            meta = {"workspace": str(tmp_path), "tenant": f"uid:{OPERATOR}"}
            await g.kernel.spawn(OneRun, meta, name="journal")
            for deed in ("replay", "resume"):
                answer = await g.client.post(f"/v1/runs/run-1/{deed}", json={})
                assert (answer.status_code, answer.json()["error"]["code"]) == (403, "workspace_not_yours")
            assert g.seen.submitted == []

    run(main())


def test_an_operator_resumes_no_run_that_another_one_pays(tmp_path: Path) -> None:
    async def main() -> None:
        async with as_users(tmp_path, OPERATOR) as g:
            inside = str(g.node.settings.workspace / "its")
            await g.kernel.spawn(OneRun, {"workspace": inside, "tenant": "ada"}, name="journal")
            answer = await g.client.post("/v1/runs/run-1/resume", json={"definition": PIPELINE})
            assert (answer.status_code, answer.json()["error"]["code"]) == (403, "not_yours")
            answer = await g.client.post("/v1/runs/run-1/replay", json={})
            assert answer.status_code == 202
            [made] = g.seen.submitted
            assert (made.tenant, made.workspace) == (f"uid:{OPERATOR}", inside)
            assert [item.decision.action for item in g.node.audit.waiting] == ["run.submitted"]

    run(main())


APPROVED = """\
name: small
steps:
  - {name: ask, type: approval, message: "Go?", approvals_needed: 2}
  - {name: act, type: test_echo, value: harmless, depends_on: [ask]}
"""


def test_a_yes_does_not_hold_for_a_definition_that_was_changed_after_it(tmp_path: Path) -> None:
    async def main() -> None:
        changed = APPROVED.replace("harmless", "harmful")
        for records in (("ask/@asked", "ask/@yes.1", "ask/@answer", "ask"), ("ask/@asked", "ask/@yes.1")):
            async with as_users(tmp_path, OPERATOR) as g:
                inside = {"workspace": str(g.node.settings.workspace / "its"), "tenant": f"uid:{OPERATOR}"}
                await g.kernel.spawn(OneRun, inside, APPROVED, records, name="journal")
                if "ask" in records:
                    answer = await g.client.post("/v1/runs/run-1/replay", json={"definition": changed})
                    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "answered_before")
                    assert "--from ask" in answer.json()["error"]["message"]
                answer = await g.client.post("/v1/runs/run-1/resume", json={"definition": changed})
                assert (answer.status_code, answer.json()["error"]["code"]) == (409, "answered_before")
                body = {"definition": changed, "from_step": "ask"}
                assert (await g.client.post("/v1/runs/run-1/replay", json=body)).status_code == 202
                assert [made.taken_over.steps for made in g.seen.submitted] == [()]

    run(main())
