"""Test-time corruptions of 2D and 3D images, as functions of a strength and random generators.

Imports severities and torch. Start with `table.py`.
"""
