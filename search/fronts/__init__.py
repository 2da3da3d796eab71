"""The results of a search: the front, its hypervolume, how certain and how stable it is. Owns moocore; uses no Ray and no files.

Arrays are (n_trials, n_objectives), minimised. Start with `front.py`.
"""
