"""Makes pools of threads and processes usable again in a copy that has none of their threads.

What a cell leaves running is left behind (:meth:`Executor._leave_threads`), and a pool that does not know it waits for
ever for workers that are gone. Here a pool forgets them, so that it starts new ones when it is next used.

This handles learners' objects and belongs to the front: it knows nothing and decides nothing. What has been changed so
that it can't be mended stays as it is, as in a notebook whose threads have died.
"""

# Nothing public says which pools there are, nor with what one was made.
# ruff: noqa: SLF001

from __future__ import annotations

import contextlib
import importlib
import sys
import threading
from functools import partial
from typing import Any

_threads_of_pools: list[Any] = []


def copy_processes() -> None:
    """Have processes be copies of the one that makes them, as before Python 3.14, unless the learner says otherwise.

    Ones that start afresh would look for a notebook's functions in a file.
    """
    if sys.version_info >= (3, 14):
        context: Any = importlib.import_module("multiprocessing.context")
        context._default_context._default_context = context._concrete_contexts["fork"]


def note_workers() -> dict[str, Any]:
    """Remember the threads of all pools: from Python 3.13 on, a copy of a process does not know them any more."""
    module: Any = sys.modules.get("concurrent.futures.thread")
    with contextlib.suppress(Exception):
        _threads_of_pools[:] = [] if module is None else module._threads_queues
    return {}


def forget_workers() -> dict[str, Any]:
    """Have every pool start new workers when it is next used, of threads those that were noted."""
    for module, mend in (
        ("concurrent.futures.thread", _mend_thread_pools),
        ("concurrent.futures.process", _mend_process_pools),
        ("multiprocessing.pool", _mend_pools),
    ):
        if module in sys.modules:
            with contextlib.suppress(Exception):
                mend(sys.modules[module])
    return {}


def _mend_thread_pools(module: Any) -> None:
    for thread in _threads_of_pools:
        executor = thread._args[0]()
        if executor is not None:
            executor._threads.clear()
            executor._idle_semaphore = threading.Semaphore(0)
    _threads_of_pools.clear()
    module._threads_queues.clear()


def _mend_process_pools(module: Any) -> None:
    for thread in list(module._threads_wakeups):
        executor = thread.executor_reference()
        if executor is not None and not executor._shutdown_thread:
            _begin_again(executor)
    module._threads_wakeups.clear()


def _begin_again(executor: Any) -> None:
    executor.__class__.__init__(
        executor,
        executor._max_workers,
        mp_context=executor._mp_context,
        initializer=executor._initializer,
        initargs=executor._initargs,
        max_tasks_per_child=executor._max_tasks_per_child,
    )


def _mend_pools(module: Any) -> None:
    registry = sys.modules["multiprocessing.util"]._finalizer_registry
    for finalizer in list(registry.values()):
        pool = finalizer._weakref and finalizer._weakref()
        if isinstance(pool, module.Pool) and pool._state == module.RUN:
            finalizer.cancel()
            # These start their workers at once: not before somebody asks for one.
            pool._check_running = partial(_start_pool, module.Pool, pool)


def _start_pool(kind: Any, pool: Any) -> None:
    del pool._check_running
    kind.__init__(pool, pool._processes, pool._initializer, pool._initargs, pool._maxtasksperchild, pool._ctx)
