"""What is done on the main thread between learners' cells: getting ready, putting back, testing.

While any of this runs the audit hook is on its strictest: student code that is called from here, and only a tested
function is, cannot reach the frames below it.
"""

from __future__ import annotations

import binascii
import builtins
import importlib
import marshal
import os
import posix
import sys
from collections.abc import Callable
from typing import Any

from studyhall_judge.sandbox import libraries, limits, root, testcell
from studyhall_judge.sandbox.bindings import Touched
from studyhall_judge.sandbox.describing import describe_error, forget_traceback, plain_outputs, show
from studyhall_judge.sandbox.guards import Guards
from studyhall_judge.sandbox.shell import JudgeShell, Outputs, OutputStream, no_debugger, no_input
from studyhall_judge.sandbox.values import Guard

# The C functions behind the modules: student code can patch the modules' own.
_signal: Any = importlib.import_module("_signal")
_decode = binascii.a2b_base64
_fork, _change_folder = posix.fork, posix.chdir
_CO_COROUTINE = 0x80

REHEARSED = (
    "def rehearsed(n):\n    return [i for i in range(n)]",
    "rehearsed(3)",
    "print('rehearsed')\nraise NotImplementedError",
)
_STREAMS = ("stdout", "stderr")
_REHEARSED_TEST = "assert sum([1, 2]) == 3\nassert len('') == 1, 'rehearsed'"


class _Test:
    """What is known of a test that runs."""

    def __init__(self) -> None:
        self.replaced: list[tuple[str, str]] = []
        self.before: dict[str, Any] = {}
        self.outputs: list[dict[str, Any]] = []
        self.ended: tuple[Any, ...] = ()


class Examiner:
    """Works on one shell. ``on_forged`` is told the name of a class whose values were not believed."""

    def __init__(self, shell: JudgeShell, outputs: Outputs, guard: Guard, touched: Touched) -> None:
        namespace = shell.user_ns
        # Where a test looks that replaces it; nothing of the judge asks for input.
        builtins.input = no_input
        sys.breakpointhook = no_debugger
        namespace["__name__"] = "__main__"
        self._shell = shell
        self._outputs = outputs
        self._guard = guard
        self._guards = Guards(shell, touched)
        self._kept: dict[str, Any] = {}  # of a rehearsal; this object's own attributes are sealed
        self._test = _Test()
        self._rehearsed_test = marshal.dumps(
            (None, compile(_REHEARSED_TEST, "<rehearsal>", "exec"), None, {})
        )

    def begin(self, start: dict[str, Any], size: limits.Size) -> list[list[str]]:
        """Get ready for a submission; returns what its tests import that is not loaded yet.

        ``size`` is what this process has without the submission.
        """
        _change_folder(root.WORK)
        limits.set_limits(start["limits"], size)
        _get_ready()
        self._outputs.limit = start["limits"]["output_bytes"]
        self._guards.note_files(frozenset(start["files"]), frozenset(start["secret"]))
        if start["scoring"] == "nbgrader":
            return []
        self._guards.note_libraries(start["fetched"])
        return libraries.not_loaded(start["fetched"])

    def fetch(self, wanted: list[list[str]]) -> None:
        """Load what tests import, before any cell runs."""
        self._outputs.start()
        streams = sys.stdout, sys.stderr
        sys.stdout, sys.stderr = (
            OutputStream(name, at, self._outputs) for at, name in enumerate(_STREAMS, 1)
        )
        libraries.load(wanted)
        sys.stdout, sys.stderr = streams
        self._outputs.start()
        self._guards.accept()
        self._guards.note_libraries(wanted)

    def restore(self) -> list[str]:
        """Put back what learners' code has changed; returns what that was, in words."""
        return self._guards.restore()

    def changed_files(self) -> list[str]:
        """Return released files beside the notebook that have been changed."""
        return self._guards.changed_files()

    def shadowing_files(self) -> list[str]:
        """Return files beside the notebook that have a library's name."""
        return self._guards.shadowing_files()

    def accept(self, message: dict[str, Any]) -> None:
        """Take what an author's cell did as the new ground, and remember what it imported and defined."""
        self._guards.accept()
        self._guards.note_imports(frozenset(message["imports"]))
        self._guards.note_helpers(message["helpers"])
        cell = f"<ipython-input-{self._shell.execution_count - 1}-"
        self._guard.note_lessons(self._guards.note_own(message["own"], cell))

    def prepare(self, message: dict[str, Any]) -> list[tuple[Callable[[], Any], bool]]:
        """Get ready for a test; returns its parts: what hands over the code, and whether that is to be awaited.

        The test itself is run by the front: a function that it calls may come to see the frames beneath it.
        """
        namespace = self._shell.user_ns
        test = self._test
        test.ended = ()
        test.replaced = self._guards.restore_imports(frozenset(message["imports"]))
        test.replaced += self._guards.replaced_helpers(message["helpers"])
        test.replaced += self._guards.replaced_own(message["bound"])
        test.before = {name: namespace.get(name) for name in message["kept"]}
        test.outputs = self._outputs.start()
        sys.stdout = OutputStream("stdout", 1, self._outputs)
        sys.stderr = OutputStream("stderr", 2, self._outputs)
        classes = self._guards.locked_classes
        own = self._guards.imports(message["imports"]) | classes.chosen(message["helpers"])
        self._guard.start(frozenset(message["exempt"]), namespace, own)
        parts = testcell.prepare(_decode(message["code"]), namespace, self._guard, classes)
        return [(part.pop, bool(part[0].co_flags & _CO_COROUTINE)) for part in parts if part]

    def conclude(
        self, message: dict[str, Any], ended: tuple[BaseException | None, Any, float]
    ) -> dict[str, Any]:
        """Say how a test ended, with what was put back before it and what had changed meanwhile.

        Args:
            message: the test.
            ended: what the front said of its last part that ran, with the seconds of all.
        """
        namespace = self._shell.user_ns
        self._test.ended = (
            ended  # so that the finalizers of what it holds run on this thread, at the next test
        )
        error, value, seconds = ended
        result = None
        if error is None:
            error, result = self._look_at(value)
        self._guards.locked_classes.unguard()
        rewritten = self._rewritten(message, self._test.before)
        rewritten += [
            ("undone_change", name) for name in self._guards.put_back(frozenset(message["patches"]))
        ]
        for name in message["published"]:
            if self._guard.own(name) is not self._guard:
                namespace[name] = self._guard.own(name)
        tampered = self._guards.locked_classes.put_back(message["helpers"])
        replaced = self._guards.replaced_own(message["bound"])
        tampered += [name for code, name in replaced if code == "replaced_helper"]
        rewritten += [one for one in replaced if one[0] != "replaced_helper"]
        if error is None and self._guard.failures.swallowed:
            rewritten.append(("swallowed_assertion", ""))
        described = None
        if error is not None:
            described = describe_error(error) | self._failure(error)
            forget_traceback(error)
            self._outputs.items.append(_error_output(described))
        return {
            "error": described,
            "outputs": plain_outputs(self._test.outputs),
            "result": result,
            "seconds": seconds,
            "replaced": self._test.replaced + rewritten,
            "tampered": tampered + self._guards.restore(frozenset(message["patches"]), after_test=True),
            "files": self._guards.changed_files(after_test=True),
        }

    def _look_at(self, value: Any) -> tuple[BaseException | None, dict[str, Any] | None]:
        """Return what a test's value is worth; an error where a learner's object raises one when it is asked."""
        try:
            result = testcell.describe_result(self._guard.see(value))
        except BaseException as error:  # noqa: BLE001 - a test ends by whatever it raises
            return error, None
        if result is not None:
            data = {"text/plain": f"{result.get('value', '(a result that is not a number)')}"}
            output = {"output_type": "execute_result", "execution_count": None, "data": data, "metadata": {}}
            self._outputs.add(output, 100)
        return None, result

    def _failure(self, error: BaseException) -> dict[str, Any]:
        """Say what the assertion was about that has failed: values as text, which may be a learner's own."""
        if type(error) is not AssertionError or self._guard.last is None:
            return {}
        place, values, names = self._guard.last
        itself = self._guard.itself
        texts = [show(itself(value)) for value in values]
        return {
            "failure": {
                "place": list(place),
                "values": texts,
                "names": [[n, show(itself(v))] for n, v in names],
            }
        }

    def _rewritten(self, message: dict[str, Any], before: dict[str, Any]) -> list[tuple[str, str]]:
        """Return which of a test's own names learners' code has set while it ran: that did not help it."""
        namespace, own = self._shell.user_ns, self._guard.own
        names = [name for name, value in before.items() if namespace.get(name) is not value]
        for name in message["mirrored"]:
            mine = own(name)
            if mine is not self._guard and namespace.get(name) is not mine:
                names.append(name)
        return [("rewritten_name", name) for name in names]

    def copy_without_threads(self, go_on: Callable[[], None]) -> None:
        """Leave this process, with the threads that a cell left in it, for a copy that has only the main thread.

        ``go_on`` starts the copy's own executor. The process that is left waits to be ended by the judge.
        """
        if _fork() != 0:
            while True:
                _signal.pause()
        go_on()

    @property
    def rehearsed_code(self) -> str:
        """The code of a test, as the judge sends it."""
        return binascii.b2a_base64(self._rehearsed_test, newline=False).decode()

    def before_rehearsal(self) -> None:
        """Do what the beginning of a submission writes to, and remember the learner's names as they are."""
        _get_ready()
        self._guards.note_files(frozenset(), frozenset())
        self._kept.update(self._shell.user_ns)

    def rehearse_test(self) -> None:
        """Do what a guarded test writes to."""
        namespace = self._shell.user_ns
        self._guard.start(frozenset(), namespace, {})
        try:
            testcell.run(self._rehearsed_test, namespace, self._guard)
        except AssertionError as error:
            describe_error(error)
        self._guards.restore()

    def after_cells(self) -> None:
        """Undo what rehearsed cells have left."""
        namespace = self._shell.user_ns
        namespace["_oh"].clear()
        namespace.clear()
        namespace.update(self._kept)
        self._kept.clear()
        self._outputs.start()


def have_environment(environment: dict[str, str]) -> None:
    """Have this environment and no other. A command line finds this interpreter by its name, as where one is active."""
    programs = os.path.dirname(sys.executable)
    wanted = environment | {"PATH": f"{programs}:{environment['PATH']}"}
    for name in [name for name in os.environ if name not in wanted]:
        del os.environ[name]
    os.environ.update(wanted)


def _get_ready() -> None:
    """Heed signals from now on, and draw numbers that no other copy draws."""
    _signal.signal(_signal.SIGINT, _signal.SIG_IGN)
    _heed_signals()
    if "numpy" in sys.modules:
        sys.modules["numpy"].random.seed()  # copies of one parent must not all draw the same numbers


def _heed_signals() -> None:
    """Forget the signals that came while this process waited for its notebook, and take those that come from now on."""
    for number in _signal.sigpending():
        before = _signal.getsignal(number)
        _signal.signal(number, _signal.SIG_IGN)  # which makes the kernel drop it
        _signal.signal(number, _signal.SIG_DFL if before is None else before)
    _signal.pthread_sigmask(_signal.SIG_UNBLOCK, _signal.valid_signals())


def _error_output(described: dict[str, Any]) -> dict[str, Any]:
    line = f" at line {described['line']} of the test" if described["line"] else ""
    return {
        "output_type": "error",
        "ename": described["name"],
        "evalue": described["message"],
        "traceback": [f"{described['name']}{line}: {described['message']}"],
    }
