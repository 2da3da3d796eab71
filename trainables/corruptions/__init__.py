"""Test-time degradations of images, in 2D and 3D, as functions of severity and a generator.

Imports severities and torch. Start with `table.py`.
"""
