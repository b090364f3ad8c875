"""The judge: runs a learner's notebook in a sandbox and decides what it earned.

It is a process of its own behind a unix socket, with an empty environment, no database, no network and no
keys. Only :mod:`studyhall_judge.client` and :mod:`studyhall_judge.report` are for other packages.

This module stays free of imports: the code inside the sandbox (:mod:`studyhall_judge.sandbox`) passes
through it.
"""

__version__ = "0.1.0"
