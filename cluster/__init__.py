"""Where trials run: one module for each way to get a Ray cluster.

May import `spaces`; does not know `trainables` or `search`.
Start with `resources.py`.
"""
