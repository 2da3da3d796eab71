"""The default strategy: Gaussian processes choose among the offspring of the best candidates.

Start with `search.py`; `gaussian_process.py` and `improvement.py` are plain mathematics and know nothing of candidates.
"""
