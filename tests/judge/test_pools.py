"""What a learner's pool is after the threads that it had were left behind."""

from concurrent.futures import ProcessPoolExecutor

from studyhall_judge.sandbox import pools


def test_a_pool_of_processes_begins_again_as_it_was_made():
    made = ProcessPoolExecutor(2, initializer=print, initargs=("hello",), max_tasks_per_child=3)
    before = {name: getattr(made, f"_{name}") for name in ("max_workers", "initargs", "max_tasks_per_child")}
    pools._begin_again(made)
    assert {name: getattr(made, f"_{name}") for name in before} == before
