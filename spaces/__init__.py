"""The decision space and the objective space: what may vary, and what is measured.

Beside them the few things that every other package needs. Imports nothing of ours, and of third parties numpy alone.
Start with `search_space.py`.
"""
