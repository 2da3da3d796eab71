"""Measuring a trained network: masks, metrics, the battery, costs, and whether it is degenerate.

Imports scoring, corruptions and networks; does not train. Start with `measuring.py`; the gate is `gate.py`.
"""
