"""Measuring the networks of a study again under other conditions, without training.

Imports the config, the store and the running of jobs, but no command. Start with `jobs.py`.
"""
