"""Strategies propose the next trial, pruners stop one early. Pure functions of the journal and the passed generator.

Owns pymoo; uses no Ray and no files. Start with `strategy.py`.
"""
