"""Kills a whole node with SIGKILL, again and again, and checks what the journal promises.

`python -m tests.crash --kills 500 --seed 7` plays one campaign: a real node process with its real files, asked for runs
of every shape over its socket, whose calls go to the wire-faithful provider server. What must hold afterwards:

    no accepted request is lost      every run that was accepted ends, and each idempotency key is one run
    one result per (run, step)       with exactly the steps that the shape has
    nothing recorded is repeated     a call whose answer was in the journal at a kill is never made again
    one call, one idempotency key    a call in flight at a kill is made again under its first key, at most once a life
    the outputs are right            as if nothing had happened

The seed decides the load and where each kill is aimed; when exactly it strikes is up to the machine.
"""
