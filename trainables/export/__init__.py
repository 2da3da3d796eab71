"""From a checkpoint to a folder that others use, kept only if it proves itself.

Imports networks, data and evaluation. Start with `writing.py`.
"""
