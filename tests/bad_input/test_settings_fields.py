"""Every field of the settings wrong in turn, from the model itself: a field that is added is asked for here, too."""

from __future__ import annotations

import os
import re
import types
import typing
from collections.abc import Iterator, Mapping, Set
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

import annotated_types
import pytest
import yaml
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from runtime.settings import Settings, SettingsError, load_settings
from tests.bad_input.live import assert_tells_no_secret

KeyPath = tuple[str, ...]
PLACES = {("state_dir",), ("socket_path",), ("workspace",)}
NAMES: dict[KeyPath, str] = {
    ("budgets", "limits"): "day",
    ("breakers", "providers"): "gemini",
}  # where a name is not anybody's own
NUMBERS = {int, float, Decimal}


def fields_of(model: type[BaseModel], at: KeyPath = ()) -> Iterator[tuple[KeyPath, Any, tuple[Any, ...]]]:
    """Every leaf: its keys, its type, what bounds it."""
    for name, field in model.model_fields.items():
        if at == () and name == "config_file":
            continue  # says where the settings came from; nobody sets it
        annotation: Any = field.annotation  # pyright: ignore[reportUnknownMemberType] - pydantic's own gap
        inner = typing.get_args(annotation)[1] if typing.get_origin(annotation) is dict else annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            if inner is not annotation:
                yield (*at, name), annotation, ()
            below = () if inner is annotation else (NAMES.get((*at, name), "x"),)
            yield from fields_of(inner, (*at, name, *below))
        else:
            yield (*at, name), annotation, (*field.metadata, *bounds_in(annotation))


def sections_of(model: type[BaseModel], at: KeyPath = ()) -> Iterator[KeyPath]:
    """Every section."""
    yield from sorted({path[:length] for path, _, _ in fields_of(model, at) for length in range(len(path))})


def bounds_in(annotation: Any) -> Iterator[Any]:
    """What bounds a part of a union."""
    if typing.get_origin(annotation) is typing.Annotated:
        for each in annotation.__metadata__:
            yield from each.metadata if isinstance(each, FieldInfo) else (each,)
    elif typing.get_origin(annotation) in (typing.Union, types.UnionType):
        for each in typing.get_args(annotation):
            yield from bounds_in(each)


def plain(annotation: Any) -> Any:
    """A type without what bounds it."""
    return typing.get_args(annotation)[0] if typing.get_origin(annotation) is typing.Annotated else annotation


def wrong_for(path: KeyPath, annotation: Any, bounds: tuple[Any, ...]) -> Iterator[tuple[str, Any]]:
    """What this field must refuse, with a name for it."""
    union = typing.get_origin(annotation) in (typing.Union, types.UnionType)
    kinds = {plain(each) for each in typing.get_args(annotation)} if union else {annotation}
    origins = {typing.get_origin(kind) or kind for kind in kinds}
    # Of the places null means the usual one, and an empty section changes nothing.
    mapping = any(isinstance(origin, type) and issubclass(origin, Mapping) for origin in origins)
    nullable = type(None) in kinds or mapping or path in PLACES
    if not any(isinstance(origin, type) and issubclass(origin, (list, tuple, Set)) for origin in origins):
        yield "a list for a mapping" if mapping else "a list", [1, 2]
    else:
        yield "a number for a list", 1
    if not mapping and not any(isinstance(origin, type) and issubclass(origin, BaseModel) for origin in origins):
        yield "a section", {"surprise": 1}
    if not nullable:
        yield "null", None
    if origins <= {*NUMBERS, bool, type(None)}:
        yield "a text", "surprise"
    if origins & NUMBERS and bool not in origins:
        yield "yes for a number", True
    if Path in origins:
        yield "an empty path", ""
        yield "nobody's home", "~nobody-of-that-name/x"
    if bool in origins or origins <= {Literal, type(None)}:
        yield "a far number", 12345
    number: Any = float if origins & {float, Decimal} else int
    for bound in bounds:
        match bound:
            case annotated_types.Ge() | annotated_types.Gt():
                low: Any = bound.ge if isinstance(bound, annotated_types.Ge) else bound.gt
                yield "too small", number(low) - 1
            case annotated_types.Le() | annotated_types.Lt():
                high: Any = bound.le if isinstance(bound, annotated_types.Le) else bound.lt
                yield "too large", number(high) + 1
                yield "far too large", 10**300
            case _:
                pass
    if origins & NUMBERS:
        yield "no number", float("nan")


CASES = [
    (kind, path, value)
    for path, annotation, bounds in fields_of(Settings)
    for kind, value in wrong_for(path, annotation, bounds)
]
KINDS = sorted({kind for kind, _, _ in CASES})


def problems_with(directory: Path, wrong: Mapping[KeyPath, Any]) -> str:
    """What is told of a file in which these fields are wrong."""
    nested: dict[str, Any] = {}
    for path, value in wrong.items():
        section = nested
        for part in path[:-1]:
            section = section.setdefault(part, {})
        section[path[-1]] = value
    file = directory / "c.yaml"
    file.write_text("# one\n# two\n" + yaml.safe_dump(nested), encoding="utf-8")
    with pytest.raises(SettingsError) as caught:
        load_settings(file, {"XDG_RUNTIME_DIR": str(directory), "XDG_STATE_HOME": str(directory)})
    assert_tells_no_secret(str(caught.value))
    return str(caught.value)


def assert_told(told: str, path: KeyPath) -> None:
    """A line names the file, a line of it, the key (or one below it), what was expected and the fix."""
    key = re.escape(".".join(path))
    lines = [line for line in told.splitlines() if re.search(rf"c\.yaml:\d+:\d+: {key}[.:]", line)]
    assert lines, f"nothing is told of {key} in:\n{told}"
    number = int(re.findall(r"c\.yaml:(\d+):", lines[0])[0])
    assert number >= 3 and "Expected " in lines[0] and "Fix: " in lines[0], lines[0]


@pytest.mark.parametrize("kind", KINDS)
def test_every_field_that_is_wrong_is_told_with_its_place_and_the_fix_also_among_others(
    tmp_path: Path, kind: str
) -> None:
    wrong = {path: value for each, path, value in CASES if each == kind}
    # What is below another one that is wrong has a file of its own.
    below = {path for path in wrong if any(path[:length] in wrong for length in range(1, len(path)))}
    for some in ({path: wrong[path] for path in wrong.keys() - below}, {path: wrong[path] for path in below}):
        if some:
            told = problems_with(tmp_path, some)
            for path in some:
                assert_told(told, path)


@pytest.mark.skipif("EVOPIPE_FUZZ_EXAMPLES" not in os.environ, reason="half a minute: with EVOPIPE_FUZZ_EXAMPLES only")
@pytest.mark.parametrize(("kind", "path", "value"), CASES)
def test_every_field_wrong_in_turn(tmp_path: Path, kind: str, path: KeyPath, value: Any) -> None:
    assert_told(problems_with(tmp_path, {path: value}), path)


@pytest.mark.parametrize("kind", KINDS)
def test_a_variable_that_is_wrong_is_told_by_its_name(tmp_path: Path, kind: str) -> None:
    wrong = {
        path: value
        for each, path, value in CASES
        if each == kind and value not in (None, "") and not isinstance(value, (list, dict))
    }
    env = {f"EVOPIPE_{'__'.join(path).upper()}": yaml.safe_dump(value).split("\n")[0] for path, value in wrong.items()}
    if env:
        with pytest.raises(SettingsError) as caught:
            load_settings(None, {"XDG_RUNTIME_DIR": str(tmp_path), "XDG_STATE_HOME": str(tmp_path), **env})
        told = str(caught.value)
        for name, path in zip(env, wrong, strict=True):
            assert re.search(rf"(?m)^variable {name}: {re.escape('.'.join(path))}: .* Expected .* Fix: ", told), name


def test_an_unknown_key_is_told_in_every_section(tmp_path: Path) -> None:
    wrong = {(*section, "surprise"): 1 for section in sections_of(Settings) if is_closed(section)}
    told = problems_with(tmp_path, wrong)
    for path in wrong:
        assert_told(told, path)


def is_closed(section: KeyPath) -> bool:
    """Whether its keys are the node's, not names of the user's own."""
    return not any(path == section for path, _, _ in fields_of(Settings))


@pytest.mark.parametrize("section", [each for each in sections_of(Settings) if each], ids=".".join)
def test_a_key_that_is_there_twice_is_told_in_every_section(tmp_path: Path, section: KeyPath) -> None:
    lines = [f"{'  ' * depth}{name}:" for depth, name in enumerate(section)]
    lines += [f"{'  ' * len(section)}some: {number}" for number in (1, 2)]
    file = tmp_path / "c.yaml"
    file.write_text("\n".join(lines), encoding="utf-8")
    with pytest.raises(SettingsError) as caught:
        load_settings(file, {"XDG_RUNTIME_DIR": str(tmp_path), "XDG_STATE_HOME": str(tmp_path)})
    where = f"c.yaml:{len(lines)}:{2 * len(section) + 1}: the key '{'.'.join(section)}.some' is there twice"
    assert where in str(caught.value)


def test_there_is_something_to_get_wrong_about_every_field() -> None:
    asked = {path for _, path, _ in CASES}
    assert asked == {path for path, _, _ in fields_of(Settings)}
    print(f"{len(CASES)} wrong values of {len(asked)} fields")
