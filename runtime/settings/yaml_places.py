"""YAML to plain values plus the place of every key, so that an error can name its line."""

from __future__ import annotations

from typing import Any

import yaml

from runtime.settings.layers import KeyPath, Place

DEEPEST = 16
# libyaml's, where PyYAML was built with it: ten times as fast. Its words for a mistake are others.
_OwnLoader: type[yaml.SafeLoader] | type[yaml.CSafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class UnreadableYamlError(Exception):
    """Not YAML, or YAML that settings do not use; `place` says where when that is known."""

    def __init__(self, message: str, place: Place | None) -> None:
        self.message = message
        self.place = place
        super().__init__(message)


def read_yaml(text: str) -> tuple[dict[str, Any], dict[KeyPath, Place]]:
    """The mapping in `text` and the place of each of its keys. Raises `UnreadableYamlError`.

    Aliases are refused: settings have no use for them, and they are how YAML bombs are made.
    """
    try:
        _check_events(text)
        return _values_and_places(text)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise UnreadableYamlError(f"this is not valid YAML: {error.problem or error.context}", _place(mark)) from error
    except yaml.reader.ReaderError as error:
        before = text[: error.position]
        place = Place(before.count("\n") + 1, len(before) - before.rfind("\n"))
        raise UnreadableYamlError("this character is not allowed in YAML", place) from error
    except yaml.YAMLError as error:
        raise UnreadableYamlError(f"this is not valid YAML: {error}", None) from error
    except ValueError as error:  # a number or date that Python has no value for
        raise UnreadableYamlError(f"a value cannot be read: {str(error).split(';', 1)[0][:120]}", None) from error


def read_own_yaml(text: str) -> tuple[dict[str, Any], dict[KeyPath, Place]]:
    """As `read_yaml`, for what is shipped with evopipe: it is known to be a mapping that settings can use."""
    places: dict[KeyPath, Place] = {}
    root = yaml.compose(text, Loader=_OwnLoader)
    if root is not None:
        _note_places(root, (), places)
    return yaml.load(text, Loader=_OwnLoader), places


def _check_events(text: str) -> None:
    depth = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        if isinstance(event, yaml.AliasEvent):
            raise UnreadableYamlError("aliases (*name) are not used in settings", _place(event.start_mark))
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > DEEPEST:
            raise UnreadableYamlError("nested too deeply for settings", _place(event.start_mark))


def _values_and_places(text: str) -> tuple[dict[str, Any], dict[KeyPath, Place]]:
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    if root is None or (isinstance(root, yaml.ScalarNode) and root.value == ""):
        return {}, {}
    if not isinstance(root, yaml.MappingNode):
        raise UnreadableYamlError("the file holds no mapping of keys to values", _place(root.start_mark))
    places: dict[KeyPath, Place] = {}
    _note_places(root, (), places)
    loaded: Any = yaml.SafeLoader(text).get_data()
    return loaded, places


def _note_places(node: yaml.Node, path: KeyPath, places: dict[KeyPath, Place]) -> None:
    if isinstance(node, yaml.ScalarNode) and not _is_text(node.value):
        raise UnreadableYamlError("the value holds a NUL or half of a character", _place(node.start_mark))
    if not isinstance(node, yaml.MappingNode):
        return
    for key_node, value_node in node.value:
        key = (*path, str(key_node.value))
        if key in places:
            first = places[key]
            raise UnreadableYamlError(
                f"the key {'.'.join(key)!r} is there twice (first in line {first.line})",
                _place(key_node.start_mark),
            )
        places[key] = _place(key_node.start_mark) or Place(1, 1)
        _note_places(value_node, key, places)


def _is_text(value: str) -> bool:
    return "\0" not in value and not any("\ud800" <= character <= "\udfff" for character in value)


def _place(mark: Any) -> Place | None:
    return None if mark is None else Place(line=mark.line + 1, column=mark.column + 1)
