"""The search space and the objectives: what may vary, and what is measured.

It also holds the few functions that every other package needs. Imports nothing of ours, and only numpy otherwise. Start
with `search_space.py`.
"""
