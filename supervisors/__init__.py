"""Supervision: OTP's supervisors over the actor kernel, and the node's own tree.

strategy, intensity, spec_rules, backoff   pure decisions stopping                                   asking,
waiting, killing: one shutdown for all supervisor, dynamic                        the two supervisors snapshot
the tree as data tree                                       what the node consists of
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
