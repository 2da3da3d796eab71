"""Which choices of the search space trade one objective for another, and which improve both. No Ray, no files.

Start with `attribution.py`.
"""
