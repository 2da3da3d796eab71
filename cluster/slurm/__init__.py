"""`cluster=slurm`: a search as one Slurm job that requeues itself.

The script is written in `script.py` from `slurm_job.sh`. Start with `slurm.py`.
"""
