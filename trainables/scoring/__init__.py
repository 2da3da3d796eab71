"""From scores of cases to objectives: the battery, kinds of robustness, which corruptions count. Free of torch.

Imports severities and data; runs no network. Start with `objectives.py`.
"""
