"""The state machine of a search: what is asked, reported and finished, and the record that is read of it later.

Imports trials, fronts, strategies; knows no clock, no machine, no Ray. Start with `study.py`.
"""
