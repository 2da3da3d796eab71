"""The search: which trial is next, the running of trials, the results, and the command line.

May import `trainables`, `cluster` and `spaces`.
Start with `study/study.py`.
"""
