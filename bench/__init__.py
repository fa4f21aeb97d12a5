"""Measurements of evopipe, each beside a baseline taken in the same run. `make bench` runs them all.

actors    the kernel against raw `pykka.ThreadingActor`, a bare asyncio actor and, where installed, the BEAM
engine    runs of five no-op steps against bare coroutines
language  loading, conditions, templates, data_transform and `validate` against what is written by hand
switches  kill switches with 10,000 live runs
startup   the CLI and the node as processes

Every module prints one JSON object when run as `python -m bench.<name>`. To add one: a module with a
`measure(scale) -> dict` and a line in `bench.__main__`.
"""
