"""The config of a study, composed by Hydra from dataclasses, and what a study keeps of it. Owns Hydra and OmegaConf.

Imports the config classes of strategies, pruners, clusters, tasks and data. Start with `config.py`; what a resumed
study may change is in `resuming.py`.
"""
