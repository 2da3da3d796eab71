"""What a study sends to W&B, and the process that sends it. Owns wandb, in `process.py` only.

Imports trials and the store; a search never waits for it. Start with `feed.py`.
"""
