"""How strong corruptions are: default levels, calibrated strengths, the calibrations that are shipped. Free of torch.

Imports data; applies no corruption. Start with `levels.py`.
"""
