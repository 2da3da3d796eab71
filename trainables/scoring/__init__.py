"""From the scores of single cases to objectives: the battery, the kinds of robustness, what counts. Free of torch.

Imports severities and data; runs no network. Start with `objectives.py`.
"""
