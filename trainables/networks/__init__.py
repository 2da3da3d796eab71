"""From an architecture to a network: one composable encoder-decoder, and MONAI's families behind the same call.

Imports torch, MONAI and `spaces`; bundles carry its sources, so it imports nothing else.
Start with `encoder_decoder.py`.
"""
