"""`claude_session`: one turn of a conversation that later steps, runs and nodes go on with."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from pipelines.language.parts import Part

from .base import JsonMap, Preset, PromptStep


class SessionConfig(Part):
    """Which conversation it is and how much of it goes along.

    `session_name` is template text; without it the step's name. A session lasts beyond its run when it `persist`s, by
    default those with a name of their own do. `continue_on_restart: false` begins each run with an empty history.
    `checkpoint_frequency` is read and has no effect: every turn is kept at once.
    """

    session_name: str | None = Field(default=None, min_length=1)
    persist: bool | None = None
    continue_on_restart: bool = True
    max_turns: int = Field(default=50, ge=1, le=1_000)
    max_history_characters: int = Field(default=200_000, ge=0, le=10_000_000)
    checkpoint_frequency: int = Field(default=5, ge=1)
    description: str | None = None

    @property
    def is_durable(self) -> bool:
        """Whether the session lasts beyond its run."""
        return self.session_name is not None if self.persist is None else self.persist


class ClaudeSessionStep(PromptStep):
    type: Literal["claude_session"]
    preset: Preset | None = None
    environment_aware: bool = False
    claude_options: JsonMap = {}
    session_config: SessionConfig = SessionConfig()
