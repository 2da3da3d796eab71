"""Rehearsing a search on trainings that are recorded: the study's own code, driven by a fake clock.

Start with `simulator.py`.
"""
