"""`cluster=kubernetes`: a search as a KubeRay RayJob. Owns the client of Kubernetes, in `api.py`.

Start with `kubernetes.py`, then `manifest.py`.
"""
