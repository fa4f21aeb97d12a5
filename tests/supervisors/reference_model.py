"""A supervision tree as plain data: what the list of OTP behaviours says must happen, and nothing about how.

Written from the list (numbers 31 to 58) and not from the code, with recursion and without messages, tasks or time
other than a number. `Tree.log` says which worker was started and stopped, in order.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

Restart = Literal["permanent", "transient", "temporary"]
Strategy = Literal["one_for_one", "one_for_all", "rest_for_one"]
AutoShutdown = Literal["never", "any_significant", "all_significant"]
End = Literal["normal", "shutdown", "crash", "killed"]


@dataclass(frozen=True)
class Leaf:
    """A worker's spec."""

    id: str
    restart: Restart = "permanent"
    significant: bool = False


@dataclass(frozen=True)
class Branch:
    """A supervisor's spec."""

    id: str
    children: tuple[Leaf | Branch, ...]
    restart: Restart = "permanent"
    significant: bool = False
    strategy: Strategy = "one_for_one"
    auto_shutdown: AutoShutdown = "never"
    max_restarts: int = 3
    max_seconds: float = 5.0


Spec = Leaf | Branch


class StartFailed(Exception):
    """A child did not start."""


@dataclass
class Node:
    """One place in the tree, whether somebody runs there or not."""

    spec: Spec
    parent: Node | None
    running: bool = False
    children: list[Node] = field(default_factory=list["Node"])
    restarts: list[float] = field(default_factory=list[float])

    def supervisors(self) -> Iterator[Node]:
        """This node and all below that supervise and run."""
        if isinstance(self.spec, Branch) and self.running:
            yield self
            for child in self.children:
                yield from child.supervisors()

    def everybody(self) -> Iterator[Node]:
        """All that run below this node."""
        for child in self.children:
            if child.running:
                yield child
                yield from child.everybody()


class Tree:
    """The whole of it. `failing[id]` is how often the next starts of that worker fail."""

    def __init__(self, root: Branch) -> None:
        self.now = 0.0
        self.log: list[tuple[str, str]] = []
        self.failing: dict[str, int] = {}
        self.root = Node(root, None)
        self.start(self.root)

    # ---- starting and stopping -----------------------------------------------------------------------------

    def start(self, node: Node) -> None:
        spec = node.spec
        if isinstance(spec, Leaf):
            if self.failing.get(spec.id, 0) > 0:
                self.failing[spec.id] -= 1
                raise StartFailed(spec.id)
            self.log.append(("start", spec.id))
            node.running = True
            return
        node.children = [Node(child, node) for child in spec.children]
        node.restarts = []
        for child in node.children:
            try:
                self.start(child)
            except StartFailed:
                self.stop_all(node.children)
                raise
        node.running = True

    def stop(self, node: Node) -> None:
        """As ordered by its supervisor."""
        if not node.running:
            return
        node.running = False
        if isinstance(node.spec, Leaf):
            self.log.append(("stop", node.spec.id))
        else:
            self.stop_all(node.children)

    def stop_all(self, nodes: list[Node]) -> None:
        for node in reversed(nodes):
            self.stop(node)

    # ---- ends ----------------------------------------------------------------------------------------------

    def end(self, node: Node, how: End) -> None:
        """`node` ends by itself or by a stranger's hand."""
        if how == "killed":
            self.cut(node)
        else:
            self.stop(node)
        self.ended(node, how)

    def cut(self, node: Node) -> None:
        """A kill: nobody says goodbye, except supervisors below, who end their children in order."""
        node.running = False
        for child in reversed(node.children):
            if isinstance(child.spec, Branch):
                self.stop(child)
            child.running = False

    def ended(self, node: Node, how: End) -> None:
        boss = node.parent
        if boss is None:
            return
        spec = node.spec
        if spec.restart == "permanent" or (spec.restart == "transient" and how in ("crash", "killed")):
            self.restart(boss, node)
            return
        if spec.restart == "temporary":
            boss.children.remove(node)
        if spec.significant and self.must_go(boss, node):
            self.end(boss, "shutdown")

    @staticmethod
    def must_go(boss: Node, gone: Node) -> bool:
        assert isinstance(boss.spec, Branch)
        if boss.spec.auto_shutdown == "any_significant":
            return True
        left = [c for c in boss.children if c is not gone and c.spec.significant and c.running]
        return boss.spec.auto_shutdown == "all_significant" and not left

    def restart(self, boss: Node, failed: Node) -> None:
        assert isinstance(boss.spec, Branch)
        while True:
            boss.restarts = [t for t in boss.restarts if self.now - t < boss.spec.max_seconds]
            boss.restarts.append(self.now)
            if len(boss.restarts) > boss.spec.max_restarts:
                self.end(boss, "shutdown")
                return
            group = [failed]
            if boss.spec.strategy == "one_for_all":
                group = list(boss.children)
            elif boss.spec.strategy == "rest_for_one":
                group = boss.children[boss.children.index(failed) :]
            self.stop_all(group)
            for child in group:
                if child is not failed and child.spec.restart == "temporary":
                    boss.children.remove(child)
            again = None
            for child in [c for c in group if c in boss.children]:
                try:
                    self.start(child)
                except StartFailed:
                    again = child
                    break
            if again is None:
                return
            failed = again

    # ---- what others ask of a supervisor -------------------------------------------------------------------

    def start_child(self, boss: Node, spec: Leaf) -> str:
        present = next((c for c in boss.children if c.spec.id == spec.id), None)
        if present is not None:
            return "AlreadyStarted" if present.running else "AlreadyPresent"
        if spec.significant and spec.restart == "permanent":
            return "InvalidChildSpecError"
        node = Node(spec, boss)
        try:
            self.start(node)
        except StartFailed:
            return "StartError"
        boss.children.append(node)
        return "ok"

    def terminate_child(self, boss: Node, child_id: str) -> str:
        child = next((c for c in boss.children if c.spec.id == child_id), None)
        if child is None:
            return "NotFound"
        self.stop(child)
        if child.spec.restart == "temporary":
            boss.children.remove(child)
        return "ok"

    def restart_child(self, boss: Node, child_id: str) -> str:
        child = next((c for c in boss.children if c.spec.id == child_id), None)
        if child is None:
            return "NotFound"
        if child.running:
            return "ChildRunning"
        try:
            self.start(child)
        except StartFailed:
            return "StartError"
        return "ok"

    def delete_child(self, boss: Node, child_id: str) -> str:
        child = next((c for c in boss.children if c.spec.id == child_id), None)
        if child is None:
            return "NotFound"
        if child.running:
            return "ChildRunning"
        boss.children.remove(child)
        return "ok"
