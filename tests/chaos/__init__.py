"""Chaos: a whole node in this process, under load, while a monkey with a seed kills whatever it meets.

    python -m tests.chaos --seed 7 --rounds 1   one round; the same seed makes the same round, to the last event
    python -m tests.chaos --seconds 30          as many rounds as fit, from a seed that is printed
    python -m tests.chaos --rounds 1000         so many rounds; without a seed every fifth is one in real time
    python -m tests.chaos --real-time           with threads and files, in real time: not repeatable

`load` has the pipelines and what they must give, `world` the node, `monkey` the breaking, `invariants` what must hold
afterwards, `virtual_time` the loop that makes rounds repeatable, `rounds` puts them together. `trace` in a verdict is a
sum over all events and their times: where it is the same the rounds were.
"""
