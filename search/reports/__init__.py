"""Reports for users: tables in the terminal, pages and pictures. Reads the record of a study, never its files.

Start with `text.py`.
"""
