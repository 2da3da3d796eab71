"""Who proposes the next trial, and who stops one early. Pure functions of the journal and the passed generator.

Owns, with `fronts`, pymoo and scikit-learn; knows no Ray, no files. Start with `strategy.py`.
"""
