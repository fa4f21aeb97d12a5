"""The steps that work on data and files and ask nobody."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, JsonValue, field_validator, model_validator

from pipelines.language.parts import Part

from .base import BaseStep, JsonMap


class SetVariableStep(BaseStep):
    """All values see the state as it was before the step."""

    type: Literal["set_variable"]
    variables: JsonMap = {}
    scope: Literal["global", "session", "loop"] = "global"

    @field_validator("variables", "scope", mode="before")
    @classmethod
    def _reads_null_as_default(cls, value: object, info: object) -> object:
        if value is not None:
            return value
        return {} if getattr(info, "field_name", "") == "variables" else "global"


class DataTransformStep(BaseStep):
    """`output_field` None means: named like the step."""

    type: Literal["data_transform"]
    input_source: JsonValue
    operations: tuple[JsonMap, ...] = ()
    output_field: str | None = None
    output_format: Literal["json", "string", "count", "none"] = "json"
    lazy: JsonMap | None = None


class FileCheck(Part):
    """What `file_ops` `validate` expects of one path; sizes in bytes."""

    path: str
    must_exist: bool = True
    must_be_file: bool = False
    must_be_dir: bool = False
    min_size: int | None = Field(default=None, ge=0)
    max_size: int | None = Field(default=None, ge=0)
    must_be_readable: bool = False
    must_be_writable: bool = False


Conversion = Literal[
    "csv_to_json", "csv_to_yaml", "csv_to_xml", "json_to_csv", "json_to_yaml", "json_to_xml",
    "yaml_to_csv", "yaml_to_json", "yaml_to_xml", "xml_to_csv", "xml_to_json", "xml_to_yaml",
]  # fmt: skip
_TWO_PATHS = ("source", "destination")
_NEEDS: dict[str, tuple[str, ...]] = {
    "list": (),
    "copy": _TWO_PATHS,
    "move": _TWO_PATHS,
    "stream_copy": _TWO_PATHS,
    "convert": (*_TWO_PATHS, "format"),
    "stream_process": ("source", "processor"),
    "validate": ("files",),
}


class FileOpsStep(BaseStep):
    """Paths are relative to the workspace; the engine keeps them inside it.

    `stream_copy` is `copy` by pipeline_ex's other name: one implementation at every size. `stream_process` writes to
    `destination`, or gives the text where there is none.
    """

    type: Literal["file_ops"]
    operation: Literal[
        "read", "write", "list", "copy", "move", "delete", "exists", "validate", "convert", "stream_copy",
        "stream_process",
    ]  # fmt: skip
    path: str | None = None
    source: str | None = None
    destination: str | None = None
    content: JsonValue = None
    pattern: str | None = None
    include_content: bool = False
    recursive: bool = False
    files: tuple[FileCheck, ...] = ()
    format: Conversion | None = None
    processor: Literal["identity", "uppercase", "lowercase", "trim", "replace"] | None = None
    replacement: str = ""

    @model_validator(mode="after")
    def _has_what_it_needs(self) -> FileOpsStep:
        missing = [key for key in _NEEDS.get(self.operation, ("path",)) if getattr(self, key) in (None, ())]
        if self.operation == "write" and "content" not in self.model_fields_set:
            missing.append("content")
        if self.processor == "replace" and self.operation == "stream_process" and not self.pattern:
            missing.append("pattern")
        if missing:
            raise ValueError(f"file_ops {self.operation} needs {' and '.join(missing)}")
        return self
