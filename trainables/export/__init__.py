"""Exports a checkpoint as a bundle or ONNX file, kept only if it reproduces the search's predictions.

Imports networks, data and evaluation. Start with `writing.py`.
"""
