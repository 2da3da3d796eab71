"""One iteration of training and all it needs: patches, augmentation, loss, optimiser, memory, several processes.

Imports networks; measures nothing. Start with `learner.py`.
"""
