"""The study's folder, local or at any `pyarrow.fs` URI: journal, tables, checkpoints. Owns pyarrow and obstore.

Knows events and trials; knows no Ray, no strategy. Start with `study_folder.py`.
"""
