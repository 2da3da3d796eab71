"""Cases: data sources, reading, checking and preparing files, and splits.

Imports only `spaces`; free of torch. Start with `datasets.py`.
"""
