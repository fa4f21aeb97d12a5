"""Which steps of a run the kill switches hold back. Pure bookkeeping; the PipelineActor starts and stops."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from actors.killswitch import KillView
from actors.runs.frames import Start
from actors.runs.values import RunRequest
from actors.steps import PROVIDER_FAMILIES, SwitchedOffError, check_switches, provider_of
from pipelines.guardrails import StepMark, Subject, Switch


def subject_of(place: Start, request: RunRequest) -> Subject:
    """What kill switches know a step by: on whose behalf it works, itself, and the steps that it is part of."""
    frame, name, marks = place.frame, place.name, list[StepMark]()
    whose = request.subject
    while True:
        step = frame.spec.graph.steps[name]
        marks.append(StepMark(frame.spec.ancestry.names[-1], name, step.type))
        if frame.owner is None or frame.parent is None:
            return Subject(whose.tenant, whose.evolution, tuple(marks))
        above = frame.parent.spec.prefix
        name = frame.owner.removeprefix(f"{above}/") if above else frame.owner
        frame = frame.parent


def switch_against(view: KillView, place: Start, request: RunRequest, routes: Mapping[str, str]) -> Switch | None:
    """The kill switch that forbids this step now."""
    if not view.state:
        return None
    family = PROVIDER_FAMILIES.get(place.step.type)
    provider = None if family is None else provider_of(place.step, family, routes)
    try:
        subject = subject_of(place, request) if view.holds_steps else request.subject
        check_switches(view, place.frame.spec.ancestry, provider, subject)
    except SwitchedOffError as stopped:
        return stopped.switch
    return None


class Held:
    """The steps held back, by path. `paused` while there is one and the run was told so."""

    __slots__ = ("_switches", "paused")

    def __init__(self) -> None:
        self._switches: dict[str, Switch] = {}
        self.paused = False

    def add(self, key: str, switch: Switch) -> bool:
        """Holds a step; True when the run pauses with it."""
        self._switches[key] = switch
        first, self.paused = not self.paused, True
        return first

    def forget(self, key: str) -> None:
        """The step is not wanted any more."""
        self._switches.pop(key, None)

    def free(self, places: Mapping[str, Start], against: Callable[[Start], Switch | None]) -> tuple[str, ...]:
        """The held steps against which there is no switch any more; `places` are the steps that are wanted."""
        return tuple(key for key in self._switches if key not in places or against(places[key]) is None)

    def release(self, keys: tuple[str, ...]) -> bool:
        """Lets steps go; True when the run goes on with it."""
        for key in keys:
            self.forget(key)
        ends = self.paused and not self._switches
        if ends:
            self.paused = False
        return ends
