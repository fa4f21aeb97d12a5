"""Supervision: OTP's supervisors over the actor kernel, and the node's own tree.

strategy, intensity, spec_rules, backoff   pure decisions
supervisor, dynamic                        the two supervisors
children                                   the first one's book of its children, and when it ends with them
starting, stopping, escalation             what stands in a start's way; asking, waiting, killing; giving up
snapshot                                   the tree as data
tree, run_tree, evolution_tree             what the node consists of, and each run and each evolution
"""

from supervisors.backoff import Backoff
from supervisors.dynamic import DynamicSupervisor
from supervisors.intensity import RestartWindow
from supervisors.snapshot import snapshot
from supervisors.strategy import AutoShutdown, Strategy
from supervisors.supervisor import Supervisor

__all__ = [
    "AutoShutdown",
    "Backoff",
    "DynamicSupervisor",
    "RestartWindow",
    "Strategy",
    "Supervisor",
    "snapshot",
]
