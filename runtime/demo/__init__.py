"""`make demo`: a node is started, used, broken in several ways and stopped, through the installed `evopipe` command.

    checks      what held and what did not
    home        a temporary home, so that nothing of the user's is touched
    terminal    the command line as subprocesses
    watching    a run's progress events, waited for with a deadline
    metrics     a scrape, parsed with Prometheus' own parser
    acts/       the parts of the show, one module each; `acts.ACTS` is their order
    scenes/     the pipelines that exist only to be broken

A new act is a function `(stage) -> None` and a line in `acts.ACTS`.
"""
