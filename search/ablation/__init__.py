"""What each choice of a candidate is worth: its neighbours, and how they differ from it. No Ray, no files.

Start with `effects.py`.
"""
