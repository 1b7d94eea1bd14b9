"""Matching live: the engine of `identity.matching` over sealed records, in sets and in the transaction that stores them.

    active.py       the model in force        comparable.py   what of a record is compared    index.py    its blocking keys (pure)
    rows.py         the tables                settle.py       records that changed -> links   refusals.py who does not want it
    training.py, comparison.py, activation.py the jobs: a new version, what it would change, switching to it

Without a model in force none of it runs.
"""
