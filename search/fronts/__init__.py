"""The results of a search: the front and its hypervolume. Owns moocore; uses no Ray and no files.

Arrays are (n_trials, n_objectives), minimised. Start with `front.py`.
"""
