"""Kills a whole node with SIGKILL, again and again, and checks what the journal promises.

`python -m tests.crash --kills 500 --seed 7` plays one campaign: a real node process with its real files, asked for runs
of every shape over its socket, whose calls go to the wire-faithful provider server. What must hold afterwards:

    no accepted request is lost      every run that was accepted ends, and each idempotency key is one run
    one result per (run, step)       with exactly the steps that the shape has
    nothing recorded is repeated     a call whose answer was in the journal at a kill is never made again
    one call, one idempotency key    a call in flight at a kill is made again under its first key, at most once a life
    the outputs are right            as if nothing had happened
    no money is lost or paid twice   each call is in the ledger once at its price, and before its step is on record; a
                                     budget that is too small for the load is never exceeded; nothing stays reserved
    people are asked once            an answer that the node took is not asked for again, and is in the audit log
    all files are sound              `evopipe fsck` and `evopipe audit verify` find nothing wrong at the end, and the
                                     audit chain is whole after every kill

`load` has the pipelines and what they must give, `node` the process and its files, `provider` the vendor that counts,
`ledger` what must hold of the money, `verdict` the judge, `campaign` the lives.

The seed decides the load and where each kill is aimed; when exactly it strikes is up to the machine.
"""
