"""A trial, and the events that a journal holds of it.

Imports no other room of the search. Start with `trial.py`.
"""
