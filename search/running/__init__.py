"""Running trials: the loop of a session, its workers, and Ray Tune around them. Owns Ray.

Imports the study and the store, but no command and no config. Start with `session.py`, then `tuning.py`.
"""
