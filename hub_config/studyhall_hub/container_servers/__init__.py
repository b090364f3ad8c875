"""People's servers as Docker containers: one kind for learners, one for a course's staff.

`settings` says what a hub may choose, `policy` who gets which kind, `spawner` makes the containers, `profile` puts it
into the hub's configuration. Only `spawner` and `profile` need the `hub-docker` extra.
"""
