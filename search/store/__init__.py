"""The study's folder, local or at any `pyarrow.fs` URI: journal, tables, checkpoints. Owns pyarrow and obstore.

Imports events and trials, but no Ray and no strategy. Start with `study_folder.py`.
"""
