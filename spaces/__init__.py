"""The decision space and the objective space: what may vary, and what is measured.

Imports nothing of the other packages, and of third parties numpy alone.
Start with `search_space.py`.
"""
