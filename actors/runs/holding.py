"""Which steps of a run the kill switches hold back. Pure bookkeeping; the PipelineActor starts and stops."""

from __future__ import annotations

from collections.abc import Mapping

from actors.killswitch import KillView
from actors.runs.frames import Start
from actors.steps import PROVIDER_FAMILIES, SwitchedOffError, check_switches, provider_of
from pipelines.guardrails.kill_switch import Switch


def switch_against(view: KillView, place: Start, routes: Mapping[str, str]) -> Switch | None:
    """The kill switch that forbids this step now: the node's, one of its pipelines', or its provider's."""
    if not view.state:
        return None
    family = PROVIDER_FAMILIES.get(place.step.type)
    provider = None if family is None else provider_of(place.step, family, routes)
    try:
        check_switches(view, place.frame.spec.ancestry, provider)
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

    def free(self, view: KillView, places: Mapping[str, Start], routes: Mapping[str, str]) -> tuple[str, ...]:
        """The held steps against which there is no switch any more; `places` are the steps that are wanted."""
        return tuple(
            key for key in self._switches if key not in places or switch_against(view, places[key], routes) is None
        )

    def release(self, keys: tuple[str, ...]) -> bool:
        """Lets steps go; True when the run goes on with it."""
        for key in keys:
            self.forget(key)
        ends = self.paused and not self._switches
        if ends:
            self.paused = False
        return ends
