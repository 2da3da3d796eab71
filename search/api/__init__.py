"""The Python interface: what `import paretoseg` offers, and nothing that the commands do not do.

`public.py` lists the names. Start with `study_view.py`.
"""
