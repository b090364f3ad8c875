"""Hears what student code asks the interpreter for, and refuses what only an attack on a test would ask for.

An audit hook cannot be removed once it is there. What it hears goes to the judge through a pipe that only fills:
writing to it cannot be undone, whatever student code does afterwards.

Threats: reading the test's frames and code for expected values (frames, tracebacks, generators, the collector's lists),
patching code in place, hooks that run during a test, and native calls that go past everything (ctypes). Libraries do
some of this for honest reasons, so only calls that student code makes itself count.
"""

from __future__ import annotations

import _thread
import os
import sys
from collections.abc import Callable
from types import CodeType, FrameType, FunctionType
from typing import Any

from studyhall_judge.sandbox.announcing import ANNOUNCED_IN, HANDLER, MEMORY
from studyhall_judge.sandbox.bindings import Touched
from studyhall_judge.sandbox.heard import (
    ANNOUNCING,
    CODE_ATTRIBUTES,
    FRAME_ATTRIBUTES,
    FRAME_FUNCTIONS,
    FRAME_MODULES,
    FRAMES,
    GENERATOR_CODE,
    HEARD,
    HEEDED,
    IMPORT,
    MAKERS,
    MODULES,
    MONITOR,
    NATIVE,
    NATIVE_MODULES,
    NEVER,
    NEVER_BY_ANYBODY,
    OF_TESTS,
    OWN_QUESTIONS,
    PATCHES,
    READERS,
    REFERENTS,
    RESUMED,
    SURROUNDINGS,
    TELLING,
    TRACERS,
    WORDS,
)
from studyhall_judge.sandbox.placeholders import TEST_FILE
from studyhall_judge.sandbox.questions import OURS

_write = os.write
_get_frame = sys._getframe  # noqa: SLF001 - the interpreter's documented way to see the caller
_get_thread = _thread.get_ident

QUIET, LEARNER, TEST, UNHOOKING = 0, 1, 2, 3
"""Whose turn it is: nobody's, a learner's cell, a test, or the judge's own calls from C that take hooks away."""


class NotHere(RuntimeError):
    """Raised into student code that asks for something it may not have."""


class Watch:
    """The audit hook and its state. ``prefixes`` are the folders of the interpreter and its libraries."""

    def __init__(self, prefixes: tuple[str, ...], touched: Touched) -> None:
        self._alarm = -1
        self.touched = touched
        self.prefixes = (*prefixes, "<frozen ")
        self._written = tuple(prefix.encode() for prefix in (*self.prefixes, TEST_FILE))
        self.bottom: CodeType | None = None
        """The code of the bare frame that the main thread's work begins in."""
        self.mode = QUIET
        self.answering = 0
        """The thread that answers the judge: no learner's code runs there."""
        self._looking: dict[int, _Look] = {}
        """By thread, the look that it is taking: what the hook itself does is not to be heard."""
        self._told: set[tuple[str, str]] = set()

    def install(self, alarm: int) -> None:
        """Add the hook, for good, from the main thread; ``alarm`` is the pipe to the judge."""
        self._alarm = alarm
        frame: FrameType | None = _get_frame(1)
        while frame is not None:
            self.bottom, frame = frame.f_code, frame.f_back
        sys.addaudithook(self._hook())

    def answer_here(self) -> None:
        """Take this thread as the one that answers the judge."""
        self.answering = _get_thread()

    def forget_looks(self) -> None:
        """In a copy with one thread: forget what threads that are not there were looking at."""
        self._looking.clear()

    def tell(self, code: str, text: str) -> None:
        """Send one alarm to the judge; the same one once."""
        if (code, text) not in self._told:
            self._told.add((code, text))
            line = f"{code} {text}".replace("\n", " ")[:300]
            try:
                _write(self._alarm, line.encode("utf-8", "replace") + b"\n")
            except OSError:
                return  # the pipe is full or closed; the judge sees the latter by itself

    def mentions_a_library(self, data: Any) -> bool:
        """Whether marshalled data holds a name of a library's file."""
        return type(data) is not bytes or any(prefix in data for prefix in self._written)

    def _hook(self) -> Callable[[str, tuple[Any, ...]], None]:
        heard, looking = HEARD, self._looking

        def hook(event: str, arguments: tuple[Any, ...]) -> None:
            if event not in heard or (event == IMPORT and _last_part(arguments[0]) not in HEEDED):
                return
            thread = _get_thread()
            look = looking.get(thread)
            if look is not None:
                look.hear(event)
            elif thread != self.answering:
                look = looking[thread] = _Look(self)
                try:
                    look.consider(event, arguments)
                finally:
                    del looking[thread]
                    look.close()

        return hook


class _Look:
    """One look of the hook's at what was asked for, and by whom.

    What it asks the interpreter for itself is counted: a handler of signals may run in the middle of it.
    """

    def __init__(self, watch: Watch) -> None:
        self._watch = watch
        self._prefixes = watch.prefixes
        # While the judge's own thread works nothing of a learner's runs here, but a handler of signals.
        self._mode = LEARNER if watch.mode == LEARNER else TEST
        self._unhooks = watch.mode == UNHOOKING
        self._asked = 0
        self._heard = 0

    def hear(self, event: str) -> None:
        """Hear what is asked for on this thread meanwhile."""
        self._heard += 1
        if event not in OWN_QUESTIONS:
            self._refuse(
                "interrupted_look", "The code asked for something while the judge looked at who asks."
            )

    def close(self) -> None:
        """Raise an alarm where somebody else has asked in between."""
        if self._heard > self._asked:
            self._watch.tell(
                "interrupted_look", "The code looked at frames while the judge looked at who asks."
            )

    def _code(self, frame: FrameType) -> CodeType:
        self._asked += 1
        return frame.f_code

    def _code_of(self, function: Any) -> CodeType:
        self._asked += 1
        code: CodeType = _get_code(function)
        return code

    def _held(self, target: Any, name: str) -> Any:
        self._asked += 1
        return getattr(target, name, None)

    def consider(self, event: str, arguments: tuple[Any, ...]) -> None:
        """Let it pass, or raise `NotHere` with an alarm."""
        self._asked += 1
        frame = _get_frame(2)
        if event in MAKERS:
            self._consider_code(event, arguments, frame)
        elif event == "object.__getattr__":
            self._consider_attribute(arguments, frame)
        elif event in PATCHES:
            self._consider_patch(arguments, frame)
        elif event in FRAMES or event in TRACERS:
            self._consider_frames(event, frame)
        else:
            self._consider_rest(event, arguments, frame)

    def _consider_rest(self, event: str, arguments: tuple[Any, ...], frame: FrameType) -> None:
        if event == HANDLER:
            self._consider_handler(frame)
        elif event in MODULES:
            self._consider_module(_last_part(arguments[0]), frame)
        elif event in NEVER:
            self._consider_what_is_refused(event, arguments, frame)
        elif event in SURROUNDINGS:
            if self._is_responsible(frame) or not self._names(frame, event):
                self._watch.touched.heard.add(event)
        elif self._is_responsible(self._past_announcing(frame), through=("/ctypes/",)) or (
            event != MEMORY and not self._calls_natively(frame)
        ):
            self._refuse(*NATIVE)

    def _consider_what_is_refused(self, event: str, arguments: tuple[Any, ...], frame: FrameType) -> None:
        if event == REFERENTS and arguments[0] and arguments[0][-1] is OURS:
            return
        if event in NEVER_BY_ANYBODY or self._is_responsible(frame) or not self._names(frame, event):
            self._refuse(*NEVER[event])

    def _consider_module(self, name: str, frame: FrameType) -> None:
        if name in ANNOUNCED_IN:
            self._refuse("second_module", f"The code made a second copy of the interpreter's module {name}.")
        if name in OF_TESTS and self._is_responsible(self._past_importing(frame)):
            self._refuse(*NATIVE)

    def _past_importing(self, frame: FrameType | None) -> FrameType | None:
        """Return who imports, by a statement or a call."""
        while frame is not None:
            name = self._code(frame).co_filename
            if not name.startswith("<frozen importlib") and not name.endswith("/importlib/__init__.py"):
                break
            frame = frame.f_back
        return frame

    def _consider_frames(self, event: str, frame: FrameType) -> None:
        if event in TRACERS:
            # A learner may trace their own cells, but not other threads, nor everything the interpreter does.
            for_all = self._code(frame).co_name.endswith("_all_threads")
            own = self._unhooks and self._code(frame) is self._watch.bottom
            own = own or (self._mode == LEARNER and event != MONITOR and not for_all)
            if not own and (self._is_responsible(frame) or not self._names(frame, event)):
                self._refuse("traced_test", "The code tried to trace the running test.")
        elif event != "sys._getframe":
            if self._is_responsible(frame) or (self._mode == TEST and not self._names(frame, event)):
                self._refuse("read_frames", "The code looked at the frames of all threads.")
        elif (self._gives_frame(frame) or not self._names(self._past_inspecting(frame), event)) and (
            self._mode == TEST or self._may_be_resumed(frame)
        ):
            self._refuse("read_frames", "The code looked at the frames of the running test.")

    def _past_inspecting(self, frame: FrameType) -> FrameType:
        """Return who asked `inspect` for frames, or asked for them directly."""
        while self._code(frame).co_filename.endswith("/inspect.py") and frame.f_back is not None:
            frame = frame.f_back
        return frame

    def _consider_code(self, event: str, arguments: tuple[Any, ...], frame: FrameType) -> None:
        """Code that claims to come from a library's file would pass for a library."""
        frame = self._past_announcing(frame)
        if event.startswith("marshal."):
            data = arguments[0] if arguments else None
            if self._loads_a_library(frame) or not self._watch.mentions_a_library(data):
                return
        else:
            name = arguments[1] if len(arguments) > 1 else None
            if type(name) is bytes:
                name = name.decode("utf-8", "replace")
            if type(name) is not str or not (name.startswith(self._prefixes) or name == TEST_FILE):
                return
        loader = self._code(frame).co_filename.startswith("<frozen importlib")
        if self._is_responsible(self._past_the_loader(frame)) or not (loader or self._names(frame, event)):
            self._refuse(
                "forged_code", f"The code made code that claims to come from another file ({event})."
            )

    def _loads_a_library(self, frame: FrameType) -> bool:
        """Whether the interpreter's loader reads a library's file of compiled code."""
        code = self._code(frame)
        if not code.co_filename.startswith("<frozen importlib") or code.co_name != "_compile_bytecode":
            return False
        path = frame.f_locals.get("bytecode_path")
        return type(path) is str and path.startswith(self._prefixes)

    def _consider_attribute(self, arguments: tuple[Any, ...], frame: FrameType) -> None:
        target, name = arguments[0], arguments[1]
        if name in FRAME_ATTRIBUTES:
            # First what costs little: a traceback of 10,000 frames is told with as many questions.
            asked = self._gives_frame(frame) or not self._names(frame, name)
            if asked and (self._mode == TEST or self._is_kept(target, name)):
                self._refuse("read_frames", "The code looked at the frames of the running test.")
        elif name == "f_code" and type(target) is FrameType:
            asked = self._is_students(frame) or not self._names(frame, name)
            if asked and self._code(target).co_filename in (TEST_FILE, _OWN_FILE):
                self._refuse("read_frames", "The code looked at the code of the running test.")
        elif name in GENERATOR_CODE:
            asked = self._is_responsible(frame) or not self._names(frame, name)
            if asked and self._held(target, name).co_filename == TEST_FILE:
                self._refuse("read_test", "The code looked into a generator of a test.")
        elif name in CODE_ATTRIBUTES and type(target) is FunctionType:
            self._consider_function(target, name, frame)
        elif name == "__kwdefaults__" and type(target) is FunctionType:
            self._note(target, name, written=False)

    def _note(self, function: FunctionType, name: str, *, written: bool) -> None:
        """Note a function as it is before somebody may change it, when tests may lean on it."""
        touched = self._watch.touched
        if touched.is_wanted(function, name) and (
            id(function) in touched.own or self._code_of(function).co_filename.startswith(self._prefixes)
        ):
            self._asked += touched.note(function, written=written)

    def _consider_function(self, target: FunctionType, name: str, frame: FrameType) -> None:
        reader = self._code(frame)
        if reader.co_filename.endswith("/inspect.py") and reader.co_name in READERS:
            return  # for its parameters
        tests_own = self._code_of(target).co_filename == TEST_FILE
        if tests_own and (self._is_responsible(frame) or not self._names(frame, name)):
            self._refuse("read_test", "The code looked into a function of a test.")

    def _consider_patch(self, arguments: tuple[Any, ...], frame: FrameType) -> None:
        target = arguments[0]
        if type(target) is not FunctionType or self._is_filling_in(target, frame):
            return
        if self._code_of(target).co_filename.startswith(self._prefixes) and self._is_responsible(frame):
            self._refuse("patched_function", f"The code tried to replace the code of {target.__qualname__}.")
        self._note(target, arguments[1], written=True)

    def _is_filling_in(self, target: FunctionType, frame: FrameType) -> bool:
        """Whether a library gives a function of the same file the code that it has put off making, as networkx does."""
        code = self._code(frame)
        written = code.co_filename == self._code_of(target).co_filename
        return written and not self._is_students(frame) and "__code__" in code.co_names

    def _consider_handler(self, frame: FrameType) -> None:
        """A handler gets the frame that it interrupts, which may be the guard's, and may be gone after the test."""
        frame = self._past_announcing(frame)
        if self._mode == TEST and (self._is_students(frame) or not self._names(frame, HANDLER)):
            self._watch.tell("signal_handler", "Code that a test called set a handler of signals.")

    def _past_announcing(self, frame: FrameType) -> FrameType:
        """Return who has done what was announced."""
        while self._code(frame).co_filename.endswith(ANNOUNCING) and frame.f_back is not None:
            frame = frame.f_back
        return frame

    def _refuse(self, code: str, text: str) -> None:
        self._watch.tell(code, text)
        raise NotHere("This is not available while your work is being graded.")

    # Who asked

    def _is_students(self, frame: FrameType) -> bool:
        code = self._code(frame)
        ours = code.co_filename == TEST_FILE or code is self._watch.bottom
        return not ours and not code.co_filename.startswith(self._prefixes)

    def _names(self, frame: FrameType, event: str) -> bool:
        """Whether the code in a frame says what is asked for.

        Where it does not, C code asks that somebody has set up before: what a weak reference calls at an object's end,
        what a test goes through. There is no frame of theirs then.
        """
        code = self._code(frame)
        words = WORDS.get(event) or {event.rpartition(".")[2]}
        if not words.isdisjoint(code.co_names):
            return True
        return any(type(one) is str and one in words for one in code.co_consts)

    def _calls_natively(self, frame: FrameType | None) -> bool:
        """Whether the first code outside of `ctypes` is of a module that uses it."""
        while frame is not None and "/ctypes/" in self._code(frame).co_filename:
            frame = frame.f_back
        if frame is None:
            return False
        code = self._code(frame)
        if code.co_filename == _WATCHED_FILE:
            return code.co_name in ("put", "remove")
        if code.co_filename == _WORDS_FILE:
            return code.co_name == "word_at"
        names = frame.f_globals
        return (
            any("ctypes" in one for one in code.co_names)
            or any(type(one) is str and "ctypes" in one for one in names)
            or any(getattr(type(one), "__module__", None) in NATIVE_MODULES for one in names.values())
        )

    def _gives_frame(self, frame: FrameType) -> bool:
        """Whether a frame would reach student code: asked for by itself, or through a function that returns it."""
        if self._is_students(frame):
            return True
        if self._tells_text(frame):
            return False
        code = self._code(frame)
        outer = frame.f_back
        if outer is None or not self._is_students(outer):
            within = code.co_filename.endswith(FRAME_MODULES)
            return within and self._is_responsible(frame, through=FRAME_MODULES)
        return code.co_name in FRAME_FUNCTIONS or code.co_filename.endswith(FRAME_MODULES)

    def _may_be_resumed(self, frame: FrameType | None) -> bool:
        """Whether student code here is a generator's or a coroutine's, or was called by one."""
        while frame is not None:
            if self._code(frame).co_flags & RESUMED and self._is_students(frame):
                return True
            frame = frame.f_back
        return False

    def _tells_text(self, frame: FrameType | None) -> bool:
        """Whether student code has asked ``traceback.py`` for the text of an exception, and no more."""
        asked = None
        while frame is not None and self._code(frame).co_filename.endswith("/traceback.py"):
            asked, frame = frame, frame.f_back
        if asked is None or frame is None or not self._is_students(frame):
            return False
        return self._code(asked).co_name in TELLING

    def _is_responsible(self, frame: FrameType | None, *, through: tuple[str, ...] = ()) -> bool:
        """Whether student code caused this, not a library that is just being imported.

        With ``through``, only library files of that name may stand in between.
        """
        while frame is not None:
            name = self._code(frame).co_filename
            if self._is_students(frame):
                return True
            if name == TEST_FILE or name.startswith("<frozen importlib"):
                return False
            if through and not any(part in name for part in through):
                return False
            frame = frame.f_back
        return False

    def _is_kept(self, target: Any, name: str) -> bool:
        """Whether a frame that a traceback or generator holds could be looked at within a test, or leads there."""
        frame = self._held(target, name)
        if frame is None:
            return False
        return bool(self._code(frame).co_flags & RESUMED) or self._leads_to_us(frame)

    def _leads_to_us(self, frame: FrameType | None) -> bool:
        """Whether a frame is one of this module, of a test, or leads to a test.

        Tracebacks of what was refused here begin with our own frames; those of a test's exception lead into the test.
        """
        while frame is not None:
            if self._code(frame).co_filename in (TEST_FILE, _OWN_FILE, _VIEW_FILE):
                return True
            frame = frame.f_back
        return False

    def _past_the_loader(self, frame: FrameType | None) -> FrameType | None:
        """Return who had code made: the interpreter's loader is passed over, unless it imports a module."""
        first = frame
        while frame is not None:
            code = self._code(frame)
            if not code.co_filename.startswith("<frozen importlib"):
                break
            if code.co_name == "_find_and_load":
                return first
            frame = frame.f_back
        return frame


def _last_part(name: Any) -> str:
    """Return by what name a module's own code is found, which is not asked of a learner's kind of text."""
    return str.__str__(name).rpartition(".")[2] if isinstance(name, str) else str(name.name)


_get_code: Callable[[Any], Any] = FunctionType.__dict__["__code__"].__get__
_OWN_FILE = Watch.tell.__code__.co_filename
_FOLDER = os.path.dirname(_OWN_FILE)
_VIEW_FILE = os.path.join(_FOLDER, "view.py")
_WATCHED_FILE = os.path.join(_FOLDER, "watched.py")
_WORDS_FILE = os.path.join(_FOLDER, "words.py")
