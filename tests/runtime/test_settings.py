"""Settings: layers, places, and errors that can be acted on."""

from __future__ import annotations

import os
from decimal import Decimal
from pathlib import Path

import pytest

from pipelines.guardrails.budget import Bound
from runtime.settings import (
    Problem,
    Settings,
    SettingsError,
    likely_places,
    load_settings,
    make_private,
    shipped_text,
    taken_over,
)
from runtime.settings.approving import ApprovalSettings


def load(tmp_path: Path, text: str | None = None, **environ: str) -> Settings:
    env = {"HOME": str(tmp_path), "XDG_STATE_HOME": str(tmp_path / "state"), **environ}
    if text is None:
        return load_settings(None, env)
    file = tmp_path / "evopipe.yaml"
    file.write_text(text, encoding="utf-8")
    return load_settings(file, env)


def problems(tmp_path: Path, text: str | None = None, **environ: str) -> tuple[Problem, ...]:
    with pytest.raises(SettingsError) as caught:
        load(tmp_path, text, **environ)
    return caught.value.problems


def test_the_shipped_defaults_are_complete_and_valid(tmp_path: Path) -> None:
    settings = load(tmp_path)
    assert settings.metrics.host == "127.0.0.1"
    assert settings.state_dir == tmp_path / "state" / "evopipe"


def test_a_file_changes_only_what_it_names(tmp_path: Path) -> None:
    settings = load(tmp_path, "metrics:\n  port: 0\n")
    assert settings.metrics.port == 0
    assert settings.metrics.enabled


def test_a_running_node_takes_over_what_it_can_and_names_what_needs_a_restart(tmp_path: Path) -> None:
    running = load(tmp_path)
    text = "metrics: {port: 1}\nlimits: {connections: 7, drain_s: 3, request_bytes: 4096}\nlogging: {level: warning}\n"
    read = load(tmp_path, text)
    now, held = taken_over(running, read)
    assert held == ("metrics", "limits.connections")
    assert (now.metrics, now.limits.connections) == (running.metrics, running.limits.connections)
    assert (now.limits.drain_s, now.limits.request_bytes, now.logging) == (3, 4096, read.logging)


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    settings = load(tmp_path, "metrics: {port: 1111}\n", EVOPIPE_METRICS__PORT="2222")
    assert settings.metrics.port == 2222


def test_the_budgets_that_are_shipped_are_the_ones_that_the_treasury_gets(tmp_path: Path) -> None:
    text = "budgets: {limits: {run/simple: {usd: '2.00'}}, progressive: {start: '0.25'}}"
    plan = load(tmp_path, text).budgets.plan()
    assert plan.limits == {"day": Bound(Decimal("50.00"), None), "run/simple": Bound(Decimal("2.00"), None)}
    rules = plan.rules
    assert (rules.stop_share, rules.allow_unknown_price) == (Decimal("0.95"), False)
    assert (rules.first_share, plan.allocation.start, plan.busy_wait_s) == (Decimal("0.25"), Decimal("0.25"), 60)


def test_a_budget_is_told_to_the_picodollar(tmp_path: Path) -> None:
    (problem,) = problems(tmp_path, "budgets: {limits: {day: {usd: '1e-13'}}}\n")
    assert (problem.key, problem.expected) == ("budgets.limits.day.usd", "at most 12 decimals")


def test_an_empty_section_changes_nothing(tmp_path: Path) -> None:
    assert load(tmp_path, "metrics:\n").metrics.port == 9464


def test_an_unknown_key_is_told_with_its_line_and_the_nearest_name(tmp_path: Path) -> None:
    (problem,) = problems(tmp_path, "journal:\n  synchronos: full\n")
    assert problem.line == 2
    assert problem.column == 3
    assert problem.key == "journal.synchronos"
    assert "'synchronous'" in problem.fix
    assert str(problem).startswith(f"{tmp_path / 'evopipe.yaml'}:2:3: journal.synchronos:")


def test_all_problems_are_told_at_once(tmp_path: Path) -> None:
    found = problems(tmp_path, "metrics:\n  port: high\n  host: 0.0.0.0\nroutes:\n  claude: openai\n")
    assert [problem.key for problem in found] == ["metrics.host", "metrics.port", "routes.claude"]
    assert [problem.line for problem in found] == [3, 2, 5]


def test_a_problem_of_the_environment_names_the_variable(tmp_path: Path) -> None:
    (problem,) = problems(tmp_path, EVOPIPE_LIMITS__DRAIN_S="soon")
    assert problem.source == "variable EVOPIPE_LIMITS__DRAIN_S"
    assert problem.expected == "a number"


def test_an_unknown_variable_is_told(tmp_path: Path) -> None:
    (problem,) = problems(tmp_path, EVOPIPE_STATEDIR="/x")
    assert "state_dir" in problem.fix


def test_an_unknown_section_in_the_environment_names_the_variable_and_guesses_nothing_far_off(tmp_path: Path) -> None:
    (problem,) = problems(tmp_path, EVOPIPE_BOGUS__X="1")
    assert problem.source == "variable EVOPIPE_BOGUS__X"
    assert problem.fix == "remove it."


@pytest.mark.parametrize(
    ("text", "socket", "certain"),
    [
        ("metrics: [", "/run/evopipe/evopipe.sock", False),
        ("bogus: 1\nsocket_path: /s/e.sock\n", "/s/e.sock", True),
        ("socket_path: ~nobody-of-that-name/e.sock\n", "/run/evopipe/evopipe.sock", False),
        ("socket_path: 5\n", "/run/evopipe/evopipe.sock", False),
        ("socket_path: ''\n", "/run/evopipe/evopipe.sock", False),
    ],
)
def test_the_likely_places_are_known_beside_a_broken_file(
    tmp_path: Path, text: str, socket: str, certain: bool
) -> None:
    file = tmp_path / "evopipe.yaml"
    file.write_text(text, encoding="utf-8")
    env = {"EVOPIPE_CONFIG": str(file), "XDG_RUNTIME_DIR": "/run", "EVOPIPE_STATE_DIR": "/state"}
    assert likely_places(env) == (Path(socket), Path("/state"), certain)


@pytest.mark.parametrize(
    "variables",
    [
        {},
        {"EVOPIPE_SOCKET_PATH": "near.sock", "EVOPIPE_STATE_DIR": "~/state"},
        {"EVOPIPE_SOCKET_PATH": "", "EVOPIPE_LIMITS__DRAIN_S": "1", "XDG_STATE_HOME": "/x"},
    ],
)
@pytest.mark.parametrize(
    "text", ["", "socket_path: s/e.sock\nstate_dir: ../state\n", "state_dir: ~/s\nlimits:\n", "socket_path:\n"]
)
def test_places_that_are_certain_are_those_of_the_whole_settings(
    tmp_path: Path, text: str, variables: dict[str, str]
) -> None:
    file = tmp_path / "evopipe.yaml"
    file.write_text(text, encoding="utf-8")
    env = {"EVOPIPE_CONFIG": str(file), "XDG_RUNTIME_DIR": "/run", **variables}
    settings = load_settings(environ=env)
    assert likely_places(env) == (settings.socket_path, settings.state_dir, True)


def test_settings_load_where_the_working_directory_is_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    assert load(tmp_path).state_dir == tmp_path / "state" / "evopipe"


def test_text_that_is_no_yaml_is_told_with_its_line(tmp_path: Path) -> None:
    (problem,) = problems(tmp_path, "metrics:\n  port: [1,\n")
    assert problem.line is not None
    assert "not valid YAML" in problem.message


@pytest.mark.parametrize("text", ["- a\n", "just words\n", "3\n"])
def test_a_file_without_a_mapping_is_refused(tmp_path: Path, text: str) -> None:
    (problem,) = problems(tmp_path, text)
    assert "mapping" in problem.message


def test_aliases_are_refused_before_they_can_expand(tmp_path: Path) -> None:
    (problem,) = problems(tmp_path, "metrics: &m {port: 1}\njournal: *m\n")
    assert problem.line == 2


def test_a_key_given_twice_is_told(tmp_path: Path) -> None:
    (problem,) = problems(tmp_path, "metrics: {port: 1}\nmetrics: {port: 2}\n")
    assert problem.line == 2


def test_a_file_that_is_not_utf8_is_told(tmp_path: Path) -> None:
    file = tmp_path / "evopipe.yaml"
    file.write_bytes(b"metrics:\n  host: \xff\n")
    with pytest.raises(SettingsError, match="UTF-8"):
        load_settings(file, {})


def test_a_named_file_that_is_missing_is_an_error(tmp_path: Path) -> None:
    (problem,) = problems(tmp_path, EVOPIPE_CONFIG=str(tmp_path / "nowhere.yaml"))
    assert "cannot be read" in problem.message


def test_paths_in_the_file_are_relative_to_the_file(tmp_path: Path) -> None:
    assert load(tmp_path, "state_dir: here\n").state_dir == tmp_path / "here"


def test_routes_go_offline_without_a_key_and_to_the_vendor_with_one(tmp_path: Path) -> None:
    settings = load(tmp_path)
    assert settings.route("claude", {}) == "offline"
    assert settings.route("claude", {"ANTHROPIC_API_KEY": "k"}) == "anthropic"
    assert load(tmp_path, "routes: {claude: gemini}\n").route("claude", {}) == "gemini"


def test_a_key_is_read_from_its_file_and_never_printed(tmp_path: Path) -> None:
    key_file = tmp_path / "key"
    key_file.write_text("secret-key\n", encoding="utf-8")
    settings = load(tmp_path, "providers: {anthropic: {api_key_file: key}}\n")
    key = settings.providers.anthropic.api_key({})
    assert key is not None
    assert key.get_secret_value() == "secret-key"
    assert "secret-key" not in repr(key) + repr(settings)


def test_shipped_text_finds_the_systemd_unit() -> None:
    assert "Type=notify" in shipped_text("systemd/evopipe.service")


def test_a_private_directory_is_made_with_mode_0700(tmp_path: Path) -> None:
    make_private(tmp_path / "a" / "b")
    assert (tmp_path / "a" / "b").stat().st_mode & 0o777 == 0o700


def test_a_directory_open_to_others_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o777)
    with pytest.raises(PermissionError, match="open to other users"):
        make_private(shared)
    assert shared.stat().st_mode & 0o777 == 0o777


def test_a_directory_of_somebody_else_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    directory = tmp_path / "mine"
    directory.mkdir(mode=0o700)
    uid = os.getuid()
    monkeypatch.setattr(os, "getuid", lambda: uid + 1)
    with pytest.raises(PermissionError, match="belongs to user"):
        make_private(directory)


@pytest.mark.parametrize(
    ("changed", "may"),
    [({}, True), ({"automatic": False}, False), ({"persons": 2}, False), ({"not_by_submitter": True}, False)],
)
def test_trust_answers_nothing_where_the_settings_want_another_or_a_second_person(
    changed: dict[str, object], may: bool
) -> None:
    shipped: dict[str, object] = {"persons": 1, "not_by_submitter": False, "automatic": True}
    assert ApprovalSettings.model_validate({**shipped, **changed}).may_be_automatic is may
