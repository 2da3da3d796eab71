"""What each kind of augmentation gains under each corruption, as measured, and what is therefore held out.

Free of torch. Start with `matrix.py`.
"""
