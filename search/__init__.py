"""The search: which trial is next, the run itself, what was found, and the command line.

May import `trainables`, `cluster` and `spaces`.
Start with `study.py`.
"""
