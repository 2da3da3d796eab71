"""A segmentation trial, the task that builds it, its config, the reference network, pictures of predictions.

Imports every room of trainables but `export`. Start with `trial.py`.
"""
