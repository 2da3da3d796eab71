"""The state machine of a search: it hands out trials and records their results, for the search and for its readers.

Imports trials, fronts, strategies; uses no clock, no machine and no Ray. Start with `study.py`.
"""
