"""One iteration of training and all it needs: patches, augmentation, loss, optimiser, memory, several processes.

Imports data; builds no network and measures nothing. Start with `learner.py`.
"""
