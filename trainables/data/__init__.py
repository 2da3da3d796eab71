"""Cases: where they come from, how files are read, checked and prepared, who trains and who is tested.

Imports `spaces` alone; free of torch. Start with `datasets.py`.
"""
