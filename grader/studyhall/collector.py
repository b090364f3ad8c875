"""Python's collector of cycles in processes that run for weeks and handle many small requests."""

import gc

COLLECT_AFTER = 20_000
"""New objects before the collector looks at them: a request makes thousands, and hardly a cycle among them."""


def settle() -> None:
    """Keep what is there now for good, and look seldom at what comes: called once everything has been loaded.

    Python's own threshold of 700 has the collector look several times within each request, which took 5 to 7 % of the
    processor time of service and worker under load.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(COLLECT_AFTER)
