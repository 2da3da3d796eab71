"""Builds networks from architectures: one composable encoder-decoder, and MONAI's families with the same interface.

Imports torch, MONAI, `spaces` and records of data. Bundles contain these sources, so they may import nothing else.
Start with `encoder_decoder.py`; `capacity.draw_blueprint` leads from a candidate to its network.
"""
