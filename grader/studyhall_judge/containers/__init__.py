"""The ``docker`` back end: each submission in a hardened container of its own, made by a container engine.

Driver, protocol, executor, report and limits are those of the other back end. What differs is who isolates: there the
judge copies a warm process into namespaces of its own making, here the engine starts a container in which the same
executor warms itself, waits for one submission, and ends with it.
"""
