"""Measures how hard a dataset is before any network is trained on it.

Imports data and scoring; free of torch. Start with `complexity.py`.
"""
