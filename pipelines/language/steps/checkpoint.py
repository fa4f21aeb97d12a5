"""`checkpoint`: a point of the run at which nothing is under way."""

from __future__ import annotations

from typing import Literal

from pydantic import AliasChoices, Field, JsonValue

from .base import BaseStep


class CheckpointStep(BaseStep):
    """Waits for all steps before it in the text, and lets none behind it begin before. Keeps `data` and the variables
    as they are then."""

    type: Literal["checkpoint"]
    data: JsonValue = Field(default=None, validation_alias=AliasChoices("data", "state"))
