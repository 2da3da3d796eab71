"""The data that a study sends to W&B, and the process that sends it. Owns wandb, which only `process.py` imports.

Imports trials and the store; a search never waits for it. Start with `feed.py`.
"""
