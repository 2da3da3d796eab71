"""The YAML part of the config: one root and one short file for each named experiment, deltas only.

The schema is dataclasses; see `search/config/config.py`.
"""
