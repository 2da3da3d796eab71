"""What people look at: tables in the terminal and pictures. Reads the record of a study, never its files.

Start with `text.py`.
"""
