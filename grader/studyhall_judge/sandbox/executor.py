"""Answers the judge from inside the student's process, on a thread of its own.

It shares its process with student code, so nothing here can be a wall by itself. The judge keeps the clock, the tests
and the verdicts. What is done here makes interference hard and visible:

* Student code runs on the main thread, and so does nothing else: beneath a learner's cell there is one harmless frame
  (:mod:`studyhall_judge.sandbox.front`) and then the interpreter's own C loop, which takes the next piece of work from
  a queue and puts its result into another. Walking frames, reading tracebacks or patching what they lead to reaches
  neither this thread nor its messages.
* Every answer carries a number that arrived with the message, and a cell is only over when the C loop says so.
* The modules used here are loaded where student code does not meet them (:mod:`studyhall_judge.sandbox.private`).
* Finalizers of student objects must not run here: the collector is off while this thread works, and only plain data
  crosses over.
"""

from __future__ import annotations

import _queue
import _thread
import gc
import importlib
import operator
import posix
import resource
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

from studyhall_judge.sandbox import limits, root, wire
from studyhall_judge.sandbox.announcing import announce
from studyhall_judge.sandbox.audit import LEARNER, QUIET, TEST, UNHOOKING, Watch
from studyhall_judge.sandbox.bindings import Touched
from studyhall_judge.sandbox.describing import is_plain
from studyhall_judge.sandbox.examiner import REHEARSED, Examiner, have_environment
from studyhall_judge.sandbox.front import Front
from studyhall_judge.sandbox.kinds import all_types
from studyhall_judge.sandbox.packing import pack
from studyhall_judge.sandbox.pictures import draw_cheaply
from studyhall_judge.sandbox.seal import seal
from studyhall_judge.sandbox.shell import JudgeShell, Outputs, make_shell, run_cell
from studyhall_judge.sandbox.skipping import let_only_tests_skip
from studyhall_judge.sandbox.threads import kept_by_libraries
from studyhall_judge.sandbox.values import Guard

if TYPE_CHECKING:
    from studyhall_judge.sandbox.residence import HotPages, Shared

# The C functions behind the modules: student code can patch the modules' own.
_signal: Any = importlib.import_module("_signal")
_list_folder = posix.listdir
_get_pid = posix.getpid
_exit = posix._exit  # noqa: SLF001 - os._exit by its own name
_get_usage = resource.getrusage
_write = posix.write
_start_thread = _thread.start_new_thread
_count_threads = _thread._count  # noqa: SLF001 - threading's own count can be changed
_sleep = time.sleep
_collect_again = gc.enable
_stop_collecting = gc.disable

# Called from C, on the main thread, before any code of ours runs there after a learner's: what a cell has left to look
# on (a trace function, a handler of signals) would be given our frames. What is called from C has none.
_hold_signals = partial(_signal.pthread_sigmask, _signal.SIG_BLOCK, _signal.valid_signals())
_release_signals = partial(_signal.pthread_sigmask, _signal.SIG_UNBLOCK, _signal.valid_signals())
_HOOKS = {"sys.settrace": (sys.gettrace, sys.settrace), "sys.setprofile": (sys.getprofile, sys.setprofile)}

_OWN_THREADS = 2
_LOOKS_AT_THREADS = 1000
_MOMENT_SECONDS = 0.0005
_WITH_INIT = 2
_MOST_OTHERS = 8
_STACK_BYTES = 1 << 20
_GROWTH = 1 << 20
"""What a copy may need for its own beginning, beside the stack of the thread that answers."""
_EXIT_FAULT = 70
_WARM_CELLS = (
    "1",
    "import math\nmath.pi",
    "def f(n):\n    return [i for i in range(n)]\nf(3)",
    "1/0",
    "assert f(2) == [1], 'warm'",
    "%%time\nf(1)",
    "if True print",
)
_WARM_WITH = {
    "numpy": "import numpy as np\nvalues = np.random.default_rng(0).normal(size=(9, 3))\nnp.random.rand(2)\n"
    "print(np.round(values, 2))\nnp.linalg.norm(values), values.mean(axis=0), np.arange(3) @ values[0]",
    "pandas": "import io\nimport pandas as pd\nframe = pd.read_csv(io.StringIO('k,v\\na,1\\nb,2\\na,3\\n'))\n"
    "frame.groupby('k')['v'].mean()\nframe.groupby('k').agg({'v': 'sum'})\nframe.merge(frame, on='k')\n"
    "frame[frame['v'] > 1].sort_values('v').describe()\npd.DataFrame({'k': list('ab'), 'v': [1.5, None]}).fillna(0)\n"
    "frame['k'].value_counts()\nframe.head()",
    "matplotlib.pyplot": "%matplotlib inline\nimport matplotlib.pyplot as plt\n"
    "figure, (left, right) = plt.subplots(1, 2)\nleft.plot([1, 2], label='warm')\nleft.legend()\n"
    "left.bar(['a', 'b'], [1, 2])\nleft.set_title('warm')\nleft.set_xlabel('x')\nright.scatter([1, 2], [1, 2])\n"
    "right.hist([1, 2, 2])",
    "pandas matplotlib.pyplot": "frame.plot()\nframe['v'].plot(kind='hist')",
    # Without a tight box a figure is drawn once, not twice.
    "matplotlib_inline.config": "from matplotlib_inline.config import InlineBackend\n"
    "InlineBackend.instance().print_figure_kwargs = {'bbox_inches': None}",
}
"""What notebooks do with a library, by the modules that it takes."""

_REHEARSED_WITH = {
    "pandas": "import pandas as pd\npd.DataFrame({'k': list('ab'), 'v': [1, 2]}).groupby('k')['v'].mean()",
    "matplotlib.pyplot": "import matplotlib.pyplot as plt\nplt.plot([1, 2])\nplt.title('warm')",
}
"""What most of them do, and no more: each page that is made ready and not used was for nothing."""

_TEST = ("code", "imports", "exempt", "patches", "helpers", "mirrored", "kept", "published", "bound")
_REPLACED = {
    "replaced_import": "The imported name {} had been replaced before a test; it was put back.",
    "replaced_helper": "The lesson's own {} had been replaced; the test used the lesson's.",
    "replaced_part": "The lesson's own {} had been replaced before a test that uses it.",
    "swallowed_assertion": "An assertion failed, and code that the test called kept the error from the test.",
    "undone_change": "{} was changed while a test ran, and put back before its end.",
    "rewritten_name": "Code that a test called has set the test's own {}; the test did not look at that.",
}
_QUESTION = ("kind", "name", "args", "kwargs", "steps", "stdin", "form")


class Executor:
    """Made once in the fork server; each student process uses its own copy."""

    def __init__(self, front: type[Front]) -> None:
        self._outputs = Outputs()
        self._shell: JudgeShell = make_shell(self._outputs)
        self._front = front(self._shell, self._outputs)
        self._watch: Watch
        self._examiner: Examiner
        self._tasks: _queue.SimpleQueue[partial[Any] | None] = _queue.SimpleQueue()
        self._results: _queue.SimpleQueue[Any] = _queue.SimpleQueue()
        self._channel = -1
        self._faithful = False
        self._ground_is_known = False
        self._strange: list[Any] = []
        self._after_learners = False
        self._unhooked: list[str] = []
        """Hooks that learners' code has set, taken away before a test and not told of yet."""
        self.own_code: list[Any] = []
        """Every namespace of the private modules, and their classes; set by whoever loads them."""
        self._is_broken: Callable[[], bool]
        self.hot_pages: HotPages | None = None
        """What a student's process gets in advance; see `rehearsal`."""
        self.init_pages: HotPages | None = None
        """The same for init."""
        self.shared: Shared | None = None
        """Given, a student's process says when it is asked to which of these pages it has written."""
        self.size = limits.size_of_process()

    # In the fork server

    def warm(self) -> None:
        """Run what every notebook will run, so that no submission pays for a first time."""
        real = sys.stdout, sys.stderr
        self._front.take_streams()
        for source in [*_WARM_CELLS, *_with_libraries(_WARM_WITH)]:
            self._outputs.start()
            run_cell(self._shell, source, store=True)
        draw_cheaply()
        sys.stdout, sys.stderr = real
        shell: Any = self._shell  # IPython's methods are not annotated
        shell.reset(new_session=False)
        shell.execution_count = 1
        self._outputs.start()

    def prepare(self, libraries: tuple[str, ...], environment: dict[str, str]) -> None:
        """Remember the ground as it is before any student code.

        Args:
            libraries: the folders of trusted code.
            environment: of student code.
        """
        have_environment(environment)
        # The working folder comes last: a file beside the notebook never hides a library.
        sys.path[:] = [entry for entry in sys.path if entry] + [root.WORK]
        let_only_tests_skip()
        announce()
        touched = Touched()
        self._watch = Watch(libraries, touched)
        guard = Guard(all_types(), libraries, self._on_forged)
        self._examiner = Examiner(self._shell, self._outputs, guard, touched)
        self._is_broken = seal([*self.own_code, vars(self._examiner), vars(self._front)])

    def settle_down(self) -> None:
        """Have what every notebook runs lie together in memory, and learnt by the interpreter, and note our size."""
        real = sys.stdout, sys.stderr
        pack(self._rehearse_plainly)
        sys.stdout, sys.stderr = real
        size = limits.size_of_process()
        self.size = limits.Size(size.addresses + _STACK_BYTES + _GROWTH, size.data + _STACK_BYTES + _GROWTH)

    def rehearsed(self, *, guarded: bool) -> list[dict[str, Any]]:
        """Return the messages of a notebook that does what every one does; ``guarded`` for one with guarded tests."""
        cells: list[dict[str, Any]] = [
            {"op": "cell", "kind": "learner", "source": source}
            for source in (*REHEARSED, *_with_libraries(_REHEARSED_WITH))
        ]
        tests = [{"op": "test"} | dict.fromkeys(_TEST, ()) | {"code": self._examiner.rehearsed_code}]
        return [one | {"n": 0, "nonce": ""} for one in cells + tests * guarded]

    def _rehearse_plainly(self) -> None:
        self._examiner.before_rehearsal()
        for source in REHEARSED:
            self._front.run(source, False)
        self._examiner.rehearse_test()
        self._examiner.after_cells()

    def _on_forged(self, name: str) -> None:
        self._watch.tell(
            "forged_value", f"A value of class {name} compares itself in its own way; it was not believed."
        )

    # In a student's process

    def stage(self, channel: int, alarm: int) -> Iterator[Any]:
        """Start answering, and return the main thread's work: to be used up by a C function, from a bare frame."""
        self._channel = channel
        self._watch.install(alarm)
        self._start(partial(self._work))
        return map(self._results.put, map(operator.call, iter(self._tasks.get, None)))

    def _start(self, work: partial[None]) -> None:
        before = _thread.stack_size(_STACK_BYTES)
        _start_thread(self._guarded, (work,))
        _thread.stack_size(before)

    def _guarded(self, work: partial[None]) -> None:
        self._watch.answer_here()
        # Signals are the main thread's: one that arrived here would not wake a learner's sleep.
        _signal.pthread_sigmask(_signal.SIG_BLOCK, _signal.valid_signals())
        try:
            work()
        except wire.ChannelClosed:
            _exit(0)
        except BaseException as error:  # noqa: BLE001 - nobody else could tell
            _write(2, f"{type(error).__name__}: {error}".encode())
        _exit(_EXIT_FAULT)

    def _work(self) -> None:
        start = wire.receive_from(self._channel)
        self._faithful = start["scoring"] == "nbgrader"
        wanted = self._do(partial(self._examiner.begin, start, self.size), TEST)
        wire.send_to(self._channel, {"op": "started", "pid": _get_pid(), "wanted": wanted})
        self._go_on(vars(self).pop("_is_broken"))  # from here on only this thread's frames lead to it

    def _go_on(self, is_broken: Callable[[], bool]) -> None:
        while True:
            self._answer(wire.receive_from(self._channel), is_broken)

    def _do(self, task: partial[Any], mode: int) -> Any:
        """Have the main thread do something; returns what came of it, once it is over."""
        if mode == TEST and self._after_learners:
            return self._do_unseen(task)
        self._watch.mode = mode
        _collect_again()
        self._tasks.put(task)
        return self._done()

    def _do_unseen(self, task: partial[Any]) -> Any:
        """Do something of ours where learners' code may have left somebody to look on."""
        self._after_learners = False
        _, *hooks = self._call(_hold_signals, *(read for read, _set in _HOOKS.values()))
        found = {name: hook for name, hook in zip(_HOOKS, hooks, strict=True) if hook is not None}
        if found:
            self._call(*(partial(_HOOKS[name][1], None) for name in found))
        if not self._faithful:
            self._unhooked += found
        value = self._do(task, TEST)
        self._call(_release_signals)
        if found and self._faithful:
            self._call(*(partial(_HOOKS[name][1], hook) for name, hook in found.items()))
        return value

    def _call(self, *functions: Callable[[], Any]) -> tuple[Any, ...]:
        """Have C functions called on the main thread, with no frame of ours beneath them."""
        values: tuple[Any, ...] = self._do(partial(tuple, map(operator.call, functions)), UNHOOKING)
        return values

    def _done(self) -> Any:
        value = self._results.get()
        _stop_collecting()
        self._watch.mode = QUIET
        return value

    def _answer(self, message: dict[str, Any], is_broken: Callable[[], bool]) -> None:
        runs = {"test": self._run_test, "drive": self._drive, "fetch": self._fetch, "pages": self._tell_pages}
        run = runs.get(message["op"], self._run_cell)
        answer = run(message) | {"op": "outcome", "n": message["n"], "nonce": message["nonce"]}
        if is_broken():
            answer["tampered"] = True
            self._watch.tell("tampered", "The judge's own code had been changed; it was put back.")
        if self._has_left_threads():
            self._leave_threads(answer, is_broken)
        else:
            self._send(answer)

    def _send(self, answer: dict[str, Any]) -> None:
        wire.send_to(self._channel, answer | {"pid": _get_pid(), "others": self._others(), "used": _usage()})

    def _fetch(self, message: dict[str, Any]) -> dict[str, Any]:
        self._do(partial(self._examiner.fetch, message["wanted"]), TEST)
        return {}

    def _tell_pages(self, _message: dict[str, Any]) -> dict[str, Any]:
        return {"touched": () if self.shared is None else self.shared.touched()}

    def _run_cell(self, message: dict[str, Any]) -> dict[str, Any]:
        author = message["kind"] == "author"
        if author:
            self._restore("before a cell of the lesson")
        answer = self._learners(partial(self._front.run, message["source"], True))
        if author:
            self._do(partial(self._examiner.accept, message), TEST)
        return answer

    def _drive(self, message: dict[str, Any]) -> dict[str, Any]:
        if message["first"]:
            self._restore("before a test")
        question = {name: message[name] for name in _QUESTION}
        return self._learners(partial(self._front.drive, question))

    def _learners(self, task: partial[Any]) -> dict[str, Any]:
        """Run learners' code; what comes of it is theirs, and so is only taken when it is plain data."""
        self._ground_is_known = False
        answer = self._do(task, LEARNER)
        self._after_learners = True
        if type(answer) is dict and is_plain(answer):
            return answer
        self._strange.append(answer)  # kept, so that no finalizer of the learner's runs on this thread
        self._watch.tell("forged_answer", "The outcome of a cell was not what the judge's own code returns.")
        return {"error": None, "outputs": [], "seconds": 0.0}

    def _run_test(self, message: dict[str, Any]) -> dict[str, Any]:
        if self._faithful:
            return self._learners(partial(self._front.run, message["source"], False))
        self._restore("before a test")
        work = {name: message[name] for name in _TEST}
        ended: tuple[Any, ...] = (None, None, 0.0)
        for take, awaited in self._do(partial(self._examiner.prepare, work), TEST):
            error, value, seconds = self._do(partial(self._front.examine, take, awaited), TEST)
            ended = error, value, ended[2] + seconds
            if error is not None:
                break
        error = value = None
        self._after_learners = True
        answer: dict[str, Any] = self._do(partial(self._examiner.conclude, work, ended), TEST)
        unhooked, self._unhooked = self._unhooked, []
        answer["tampered"] += unhooked
        for code, name in answer.pop("replaced"):
            self._watch.tell(code, _REPLACED[code].format(name))
        self._tell_changes(answer["tampered"], "while a test ran")
        for name in answer.pop("files"):
            self._watch.tell("changed_file", f"The lesson's file {name} was changed while a test ran.")
        self._ground_is_known = True
        return answer | {"tampered": bool(answer["tampered"])}

    def _restore(self, when: str) -> None:
        if self._faithful or self._ground_is_known:
            return
        changes = self._do(partial(self._examiner.restore), TEST)
        unhooked, self._unhooked = self._unhooked, []
        self._tell_changes(unhooked + changes, when)
        for name in self._do(partial(self._examiner.changed_files), TEST):
            self._watch.tell("changed_file", f"The lesson's file {name} was changed before a test.")
        for name in self._do(partial(self._examiner.shadowing_files), TEST):
            self._watch.tell(
                "shadowing_file", f"The file {name} beside the notebook has the name of a library."
            )

    def _tell_changes(self, changes: list[str], when: str) -> None:
        for what in changes:
            self._watch.tell("tampered", f"{what} had been changed {when}; it was put back.")

    def _others(self) -> list[int]:
        """Return the processes of the sandbox beside init and this one."""
        try:
            found = [int(name) for name in _list_folder("/proc") if name.isdigit()]
        except OSError:
            return []
        if len(found) <= _WITH_INIT:
            return []
        mine = _get_pid()
        return [pid for pid in found if pid not in (1, mine)][:_MOST_OTHERS]

    def _threads(self) -> int:
        try:
            return len(_list_folder("/proc/self/task"))
        except OSError:
            return _count_threads() + 1

    def _has_left_threads(self) -> bool:
        """Whether a cell has left threads; one that it has waited for may take a moment to be gone."""
        for _ in range(_LOOKS_AT_THREADS):
            if self._threads() <= _OWN_THREADS:
                return False
            if _count_threads() >= _OWN_THREADS:  # but for the main one
                return True
            _sleep(_MOMENT_SECONDS)
        return True

    def _leave_threads(self, answer: dict[str, Any], is_broken: Callable[[], bool]) -> None:
        """Get rid of threads that a cell left running: they could act during a test.

        They cannot be ended, but they can be left behind: a copy of a process has only the thread that made it. The
        judge then ends the process that still has them. In that one, this thread waits here for ever.
        """
        left = self._threads() - _OWN_THREADS - kept_by_libraries(self._watch.prefixes)
        if left > 0:
            self._watch.tell("left_threads", f"Threads that a cell left running were ended: {left}.")
        self._learners(partial(self._front.note_workers))
        go_on = partial(self._begin_again, partial(self._arrive, answer, is_broken))
        self._do(partial(self._examiner.copy_without_threads, go_on), TEST)

    def _begin_again(self, work: partial[None]) -> None:
        self._watch.forget_looks()
        self._start(work)

    def _arrive(self, answer: dict[str, Any], is_broken: Callable[[], bool]) -> None:
        """Go on in the copy, where the answer is still owed."""
        self._done()
        self._call(_release_signals)
        self._learners(partial(self._front.forget_workers))
        self._send(answer)
        self._go_on(is_broken)


def _with_libraries(cells: dict[str, str]) -> list[str]:
    return [source for names, source in cells.items() if all(name in sys.modules for name in names.split())]


def _usage() -> list[float]:
    """Return processor milliseconds and peak kilobytes of this process and the children it has waited for."""
    own, children = _get_usage(resource.RUSAGE_SELF), _get_usage(resource.RUSAGE_CHILDREN)
    cpu = own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime
    return [cpu * 1000, max(own.ru_maxrss, children.ru_maxrss)]
