"""Golden runs: small seeded runs whose outcome is pinned in `recorded/`.

A change that means to change no result leaves them as they are. `python -m tests.golden` compares them all;
`python -m tests.golden --record NAME …` records some anew, after a change that means to.
"""
