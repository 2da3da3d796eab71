"""One iteration of training and all it needs: patches, augmentation, loss, optimiser, memory, data parallelism.

Imports data; builds no network and evaluates nothing. Start with `learner.py`.
"""
