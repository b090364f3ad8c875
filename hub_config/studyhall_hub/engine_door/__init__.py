"""The hub's only way to the Docker engine: what it asks is read, and what no hub needs is refused.

Whoever may start any container on an engine is root on its host. A hub may start people's servers, and nothing else:
`policy.py` says what that is, `door.py` is the program that stands between, and `python3 -m studyhall_hub.engine_door`
starts it, in a container of its own for each cohort. Nothing here imports JupyterHub, or anything beyond Python itself.
"""
