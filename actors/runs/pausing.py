"""How the kill switches hold a run: steps that one of them forbids wait, and the run is paused while there is one."""

from __future__ import annotations

from actors.killswitch import KillView
from actors.runs.crew import Crew
from actors.runs.frames import FrameTree, Start
from actors.runs.herald import Herald
from actors.runs.holding import Held, switch_against
from actors.runs.preview import RunHeld, first_of
from actors.runs.values import RunRequest
from pipelines.guardrails.kill_switch import Switch


class Pausing:
    """Of one run. `tree` and `crew` are the PipelineActor's own, which begins what is let go."""

    __slots__ = ("_crew", "_held", "_herald", "_request", "_tree", "_view")

    def __init__(self, request: RunRequest, view: KillView, tree: FrameTree, crew: Crew, herald: Herald) -> None:
        self._request = request
        self._view = view
        self._tree = tree
        self._crew = crew
        self._herald = herald
        self._held = Held()

    @property
    def paused(self) -> bool:
        """Whether a step is held."""
        return self._held.paused

    def against(self, place: Start) -> Switch | None:
        """The kill switch that forbids this step now."""
        return switch_against(self._view, place, self._request, self._crew.routes)

    def hold(self, key: str, switch: Switch) -> None:
        """A step that is wanted must not begin, or was cut off."""
        if key in self._tree.places and self._held.add(key, switch):
            self._herald.paused(str(switch), key)

    def forget(self, key: str) -> None:
        """The step is not wanted any more."""
        self._held.forget(key)

    def free(self) -> tuple[str, ...]:
        """The held steps that nothing forbids any more."""
        return self._held.free(self._tree.places, self.against)

    def let_go(self) -> tuple[str, ...]:
        """Holds these no longer; the run goes on with the last of them."""
        free = self.free()
        if self._held.release(free):
            self._herald.unpaused()
        return free

    def would_hold(self, switch: Switch) -> RunHeld | None:
        """What this switch would hold of the run; None: nothing."""
        view, routes = KillView({switch.key: switch}), self._crew.routes
        keys = [key for key, place in self._tree.places.items() if switch_against(view, place, self._request, routes)]
        whole = view.blocked(self._request.pipeline.name, subject=self._request.subject)
        return first_of(key for key in keys if key in self._crew.at_work) if keys or whole else None
