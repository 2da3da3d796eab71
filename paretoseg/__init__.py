"""Finds segmentation networks that are accurate and stay reliable when the images change.

`paretoseg.spaces`, `.trainables`, `.cluster` and `.search` are the folders of these names beside this one.
Start with `search/study/study.py`.
"""
