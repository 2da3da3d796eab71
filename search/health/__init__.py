"""Whether a search is in good health: small checks, each with its rule and a remedy.

Start with `check.py`.
"""
