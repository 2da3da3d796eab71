"""What one trial does: build a network, train it, measure it.

May import `spaces`; owns torch and MONAI. `trainable.py` and every `*_task` config stay free of them.
Start with `trainable.py`, then `segmentation.py`.
"""
