"""How sure a front is: over training seeds, subjects and cases. Pure numpy and scipy; no Ray, no files.

Start with `estimates.py`.
"""
