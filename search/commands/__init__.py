"""The command line: one module for each command, and what several of them share.

Imports every other room; nothing imports it. Start with `cli.py`.
"""
