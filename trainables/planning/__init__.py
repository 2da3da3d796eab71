"""What a dataset looks like, and the plan that nnU-Net's rules make of it; start with `plan.py`."""
