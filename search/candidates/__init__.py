"""What a candidate is worth: its trials, one a seed, and the value over them. No Ray, no files.

Start with `seed_effects.py`.
"""
