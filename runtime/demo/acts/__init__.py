"""The acts, in the order in which they are shown."""

from __future__ import annotations

from collections.abc import Callable

from runtime.demo.acts.breakage import kill_a_connection, kill_a_step, kill_the_node
from runtime.demo.acts.evolution import evolve_a_pipeline
from runtime.demo.acts.examples import (
    check_a_table,
    digest_documents,
    heal_a_step,
    keep_the_context_small,
    refuse_a_broken_file,
    review_with_two_providers,
    run_genesis,
)
from runtime.demo.acts.guarding import open_a_breaker, set_a_budget
from runtime.demo.acts.insight import read_metrics, show_the_tree
from runtime.demo.acts.keeping import find_tampering, replay_from_the_middle
from runtime.demo.acts.node import start_the_node, stop_the_node
from runtime.demo.acts.switches import pause_one_pipeline, stop_everything
from runtime.demo.stage import Stage

ACTS: tuple[tuple[str, Callable[[Stage], None]], ...] = (
    ("Start the node as a daemon", start_the_node),
    ("Digest a folder of documents", digest_documents),
    ("Check the quality of a table", check_a_table),
    ("One provider plans, another reviews", review_with_two_providers),
    ("Five steps whose questions do not grow", keep_the_context_small),
    ("The genesis pipeline of the mission's documents", run_genesis),
    ("A file with mistakes", refuse_a_broken_file),
    ("Kill a running step", kill_a_step),
    ("Kill the provider's connection while it is asked", kill_a_connection),
    ("A step that cannot work, healed by the emergent fallback", heal_a_step),
    ("Kill switch for one pipeline", pause_one_pipeline),
    ("Kill switch for the node, by a file", stop_everything),
    ("A circuit breaker, opened by hand", open_a_breaker),
    ("Budgets", set_a_budget),
    ("Run again from the middle", replay_from_the_middle),
    ("A backup, everything verified, and a forged audit log", find_tampering),
    ("The supervision tree", show_the_tree),
    ("Prometheus metrics", read_metrics),
    ("kill -9 the node in the middle of a run", kill_the_node),
    ("Evolve a pipeline", evolve_a_pipeline),
    ("Stop the node", stop_the_node),
)

__all__ = ["ACTS"]
