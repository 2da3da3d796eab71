"""What was found: the front and its size. Owns, with `strategies`, pymoo and scikit-learn; knows no Ray, no files.

Arrays are (n_trials, n_objectives), minimised. Start with `front.py`.
"""
