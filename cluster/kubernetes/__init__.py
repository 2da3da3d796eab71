"""`cluster=kubernetes`: a search as a KubeRay RayJob. Owns the Kubernetes client, in `api.py`.

Start with `kubernetes.py`, then `manifest.py`.
"""
