"""How hard a dataset is before any network has seen it.

Imports data; free of torch. Start with `complexity.py`.
"""
