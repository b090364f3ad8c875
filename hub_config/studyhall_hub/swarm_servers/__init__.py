"""People's servers as services of a Docker Swarm, on as many hosts as it has.

`settings` says what a hub may choose, `policy` what the swarm is told about a server, `spawner` makes services and
their networks, `profile` puts it into the hub's configuration. Who gets which kind is `container_servers`' business, on
which all of this stands. Only `spawner` and `profile` need the `hub-docker` extra.
"""
