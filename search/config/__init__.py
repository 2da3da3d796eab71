"""The config of a study, composed by Hydra from dataclasses, and the copy that a study keeps. Owns Hydra and OmegaConf.

Imports the config classes of strategies, pruners, clusters, tasks and data. Start with `config.py`;
`resuming.py` decides what a resumed study may change.
"""
