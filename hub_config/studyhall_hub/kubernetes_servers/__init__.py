"""People's servers as pods of a Kubernetes cluster, beside a hub that Zero-to-JupyterHub runs there.

`settings` says what a hub may choose, `policy` what a pod is, `spawner` makes pods, `profile` puts it into the hub's
configuration. Who gets which kind is `container_servers`' business. Only `spawner` and `profile` need the
`hub-kubernetes` extra.
"""
