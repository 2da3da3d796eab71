"""The results of a search: the front and its hypervolume, how certain and how stable. Owns moocore; no Ray, no files.

Arrays are (n_trials, n_objectives), minimised. Start with `front.py`.
"""
