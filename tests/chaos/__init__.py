"""Chaos: a whole node in this process, under load, while a monkey with a seed kills whatever it meets.

    python -m tests.chaos --seed 7 --rounds 1   one round; the same seed makes the same choices
    python -m tests.chaos --seconds 30          as many rounds as fit, from a seed that is printed
    python -m tests.chaos --rounds 1000         so many rounds

`load` has the pipelines and what they must give, `world` the node, `monkey` the breaking, `invariants` what must hold
afterwards, `rounds` puts them together.
"""
