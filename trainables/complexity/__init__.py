"""How hard a dataset is before any network has seen it.

Imports data and scoring; free of torch. Start with `complexity.py`.
"""
