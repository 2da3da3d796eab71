"""A trial, and the events of a trial in the journal.

Imports no other room of the search. Start with `trial.py`.
"""
