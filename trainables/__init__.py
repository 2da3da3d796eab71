"""What one trial does: build a network, train it, measure it.

May import `spaces`; owns torch and MONAI. `trainable.py` and the configs of tasks stay free of them. Start with
`trainable.py`, then `segmentation/trial.py`.
"""
