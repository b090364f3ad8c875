"""The IPython shell that learners' cells run in: as in a notebook server, without a kernel around it.

Everything reachable from student code through ``get_ipython()`` lives in this module, and this module knows nothing of
the executor, its channel or its guards.
"""

from __future__ import annotations

import ast
import contextlib
import io
import os
import re
import shutil
import subprocess
import sys
import threading
import traceback
import zlib
from collections.abc import Iterator
from types import CodeType, TracebackType
from typing import Any

import IPython
from IPython.core.compilerop import CachingCompiler
from IPython.core.displayhook import DisplayHook
from IPython.core.displaypub import DisplayPublisher
from IPython.core.error import StdinNotImplementedError, UsageError
from IPython.core.history import HistoryManager
from IPython.core.interactiveshell import ExecutionResult, InteractiveShell

from studyhall_judge.sandbox.describing import last_frames

MAX_OUTPUTS = 1000
"""Outputs of one cell that are kept; streams of one name in a row count as one."""

MAX_FRAMES = 12
"""Stack levels of a traceback that are shown, innermost last."""


_MAYBE_IPYTHON = re.compile(r"[%!?\x0c]")
"""What a cell with magics, shell lines or help must hold. Other IPython notations are not valid Python."""

_WAITING_FOR_A_PROCESS = "waitpid-"
"""How asyncio names a thread that ends with a process."""

_WHAT_RUNS_CELLS = (os.path.dirname(IPython.__file__), os.path.dirname(__file__))

_COROUTINE = 0x80
"""CO_COROUTINE: the flag of code that awaits."""

_ONLY_PARSE = 0x400 | 0x2000
"""PyCF_ONLY_AST with PyCF_ALLOW_TOP_LEVEL_AWAIT."""


class Outputs:
    """The outputs of the running cell in nbformat's shape, capped by size."""

    def __init__(self) -> None:
        self.limit = 1_000_000
        self.items: list[dict[str, Any]] = []
        self.cut = False
        self._size = 0

    def start(self) -> list[dict[str, Any]]:
        """Begin a new cell; returns the list that will fill."""
        self.items = []
        self.cut = False
        self._size = 0
        return self.items

    def text(self, name: str, text: str) -> None:
        """Add text of a stream, joined to the last output when it is the same stream."""
        text = text[: max(0, self._room(len(text)))]
        if not text:
            return
        if self.items and self.items[-1].get("name") == name:
            self.items[-1]["pieces"].append(text)
        elif self._room_for_one():
            self.items.append({"output_type": "stream", "name": name, "pieces": [text]})

    def add(self, output: dict[str, Any], size: int) -> None:
        """Add one output of about ``size`` characters, or drop it when there is no room."""
        if self._room(size) >= size and self._room_for_one():
            self.items.append(output)

    def _room(self, size: int) -> int:
        room = self.limit - self._size
        self._size += size
        if size > room:
            self.cut = True
        return room

    def _room_for_one(self) -> bool:
        if len(self.items) < MAX_OUTPUTS:
            return True
        self.cut = True
        return False


class OutputStream(io.TextIOBase):
    """``sys.stdout`` or ``sys.stderr`` of student code: text goes to the cell's outputs, not to a file."""

    encoding = "utf-8"
    errors = "replace"

    def __init__(self, name: str, descriptor: int, outputs: Outputs) -> None:
        self.name = f"<{name}>"
        self._stream = name
        self._descriptor = descriptor
        self._outputs = outputs

    def write(self, text: str) -> int:
        """Keep the text."""
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        self._outputs.text(self._stream, text)
        return len(text)

    def writable(self) -> bool:
        """Say yes."""
        return True

    def fileno(self) -> int:
        """Return the descriptor that sub-processes would write to."""
        return self._descriptor


def _size_of(data: dict[str, Any]) -> int:
    return sum(len(value) if isinstance(value, str | bytes) else 200 for value in data.values())


class CapturingPublisher(DisplayPublisher):
    """Keeps what cells display."""

    outputs: Outputs

    def publish(self, data: Any, metadata: Any = None, *_: Any, **__: Any) -> None:
        """Keep one display."""
        output = {"output_type": "display_data", "data": data, "metadata": metadata or {}}
        self.outputs.add(output, _size_of(data))

    def clear_output(self, wait: bool = False) -> None:  # noqa: ARG002, FBT001, FBT002 - IPython's signature
        """Forget this cell's outputs so far."""
        self.outputs.items.clear()


class CapturingHook(DisplayHook):
    """Keeps the value of a cell's last expression as its result."""

    outputs: Outputs
    source = ""
    """The running cell: IPython looks for a final semicolon in its history, where tests are not kept."""

    def quiet(self) -> bool:
        """Say whether the cell asks for no output by ending in a semicolon."""
        hook: Any = self  # IPython's methods are not annotated
        return bool(hook.semicolon_at_end_of_expression(self.source))

    def start_displayhook(self) -> None:
        """Do nothing before a result."""

    def write_output_prompt(self) -> None:
        """Write no prompt."""

    def write_format_data(self, format_dict: dict[str, Any], md_dict: dict[str, Any] | None = None) -> None:
        """Keep the result."""
        output = {
            "output_type": "execute_result",
            "execution_count": self.prompt_count,
            "data": format_dict,
            "metadata": md_dict or {},
        }
        self.outputs.add(output, _size_of(format_dict))

    def log_output(self, format_dict: dict[str, Any]) -> None:
        """Remember the text of a result, as ``%history -o`` shows it, and no second copy of all of it."""
        hook: Any = self  # as above
        if "text/plain" in format_dict:
            hook.shell.history_manager.output_hist_reprs[hook.prompt_count] = format_dict["text/plain"]

    def finish_displayhook(self) -> None:
        """Do nothing after a result."""


def no_input(*_: object, **__: object) -> str:
    """Refuse to wait for a person who is not there, as a notebook run without a front end does."""
    raise StdinNotImplementedError("raw_input was called, but this frontend does not support input requests.")


def no_debugger(*_: object, **__: object) -> None:
    """Go on where `breakpoint()` was left behind: nobody is there to look around."""


class JudgeCompiler(CachingCompiler):
    """Names cells cheaply: IPython asks OpenSSL for a digest of each, which has to be set up in every process."""

    def get_code_name(self, raw_code: str, transformed_code: str, number: int) -> str:  # noqa: ARG002 - IPython's
        """Return a name that differs for different cells."""
        return f"<ipython-input-{number}-{zlib.crc32(transformed_code.encode('utf-8', 'replace')):08x}>"

    parsed: tuple[str, Any] | None = None
    """A cell's text and tree, from having looked whether it is plain Python."""

    def ast_parse(self, source: str, filename: str = "<unknown>", symbol: str = "exec") -> Any:
        """Parse a cell, unless that was just done."""
        parsed, self.parsed = self.parsed, None
        if parsed is not None and parsed[0] == source and symbol == "exec" and "await" not in source:
            return parsed[1]
        return super().ast_parse(source, filename, symbol)


class JudgeShell(InteractiveShell):
    """IPython's shell with outputs kept in memory and tracebacks rendered cheaply."""

    compiler_class = JudgeCompiler
    cell_outputs: Outputs
    """What the running cell leaves, errors among it: a magic may put a publisher of its own in place of ours."""

    def transform_cell(self, raw_cell: str) -> str:
        """Leave plain Python as it is: IPython's own way takes the text to tokens and back."""
        compiler: Any = self.compile
        compiler.parsed = None
        plain = not self.input_transformers_post and not _MAYBE_IPYTHON.search(raw_cell)
        if plain:
            try:
                tree = compile(raw_cell, "<cell>", "exec", _ONLY_PARSE, dont_inherit=True)
            except (SyntaxError, ValueError, RecursionError, MemoryError):
                plain = False
        if plain:
            text = raw_cell if raw_cell.endswith("\n") else raw_cell + "\n"
            compiler.parsed = text, tree
            return text
        transformed: str = super().transform_cell(raw_cell)  # type: ignore[no-untyped-call]  # IPython's
        return transformed

    @contextlib.contextmanager
    def _tee(self, channel: str) -> Iterator[None]:  # noqa: ARG002 - IPython's signature
        """Keep no second copy of what is printed, which newer IPythons do for ``%notebook`` and never give back."""
        yield

    def should_run_async(self, raw_cell: str, **options: Any) -> bool:
        """Say at once that a cell without ``await`` and ``async`` needs no event loop."""
        if "await" not in raw_cell and "async" not in raw_cell:
            return False
        return bool(super().should_run_async(raw_cell, **options))

    async def run_ast_nodes(
        self,
        nodelist: list[ast.stmt],
        cell_name: str,
        interactivity: str = "last_expr",
        compiler: Any = compile,
        result: ExecutionResult | None = None,
    ) -> bool | None:
        """Run a cell's statements as one piece, with its last expression apart: IPython compiles each by itself.

        What does not compile as a whole, and what awaits, is left to IPython: the statements before the one at fault
        run there.
        """
        pieces = None if interactivity != "last_expr" else _pieces(nodelist, cell_name, compiler)
        if pieces is None:
            shell: Any = super()  # IPython's methods are not annotated
            left: bool | None = await shell.run_ast_nodes(
                nodelist, cell_name, interactivity, compiler, result
            )
            return left
        for code in pieces:
            if await self.run_code(code, result):  # type: ignore[no-untyped-call]  # IPython's
                return True
        return False

    def _format_exception_for_storage(self, exception: BaseException, *_: Any, **__: Any) -> dict[str, Any]:
        """Remember an error for ``%notebook`` by its name: a full rendering takes 20 ms, and nobody reads it here."""
        return {"ename": type(exception).__name__, "evalue": "", "traceback": []}

    def ask_exit(self) -> None:
        """End the cell for ``exit()`` and ``quit()``: there is no kernel to be asked.

        Raises:
            SystemExit: always.
        """
        raise SystemExit

    def reset(self, new_session: bool = True, aggressive: bool = False) -> None:  # noqa: FBT001, FBT002 - IPython's
        """Forget everything, and also the cells that ran before: IPython keeps them for its next session."""
        shell: Any = super()  # IPython's methods are not annotated
        history: Any = self.history_manager
        history.input_hist_parsed[:] = history.input_hist_raw[:] = [""]
        history._i = history._ii = history._iii = history._i00 = ""  # noqa: SLF001 - nothing else clears them
        shell.reset(new_session, aggressive)

    def enable_gui(self, gui: str | None = None) -> None:
        """Accept any event loop without starting one: nobody is there to look at a window."""

    def run_cell_magic(self, magic_name: str, line: str, cell: str) -> Any:
        """Run a cell's magic, and end the thread that ``%%bash`` and its kind would leave running for the next one.

        Threads that a cell leaves are ended before the next one, and that one would wait for the lost thread for ever.
        """
        try:
            return super().run_cell_magic(magic_name, line, cell)  # type: ignore[no-untyped-call]  # IPython's
        finally:
            scripts = self.magics_manager.registry.get("ScriptMagics")
            if scripts is not None and scripts.event_loop is not None and not scripts.bg_processes:
                _stop_loop(scripts)

    def system(self, cmd: str) -> None:
        """Run ``!command`` with its output in the cell."""
        shell: Any = self  # IPython's methods are not annotated
        done = subprocess.run(  # noqa: S602 - this is the learner's own shell line, inside the sandbox
            shell.var_expand(cmd, depth=1),
            shell=True,
            capture_output=True,
            check=False,
            stdin=subprocess.DEVNULL,
        )
        sys.stdout.write(done.stdout.decode("utf-8", "replace"))
        sys.stderr.write(done.stderr.decode("utf-8", "replace"))
        self.user_ns["_exit_code"] = done.returncode

    def showtraceback(
        self,
        exc_tuple: tuple[type[BaseException], BaseException, TracebackType | None] | None = None,
        *_: Any,
        **__: Any,
    ) -> None:
        """Keep an exception as an error output. IPython's own rendering takes 20 ms, this one a tenth."""
        shell: Any = self  # as above
        try:
            kind, error, trace = shell._get_exc_info(exc_tuple)  # noqa: SLF001 - what IPython's own version does
        except ValueError:
            return
        self.keep_error(kind, error, trace)

    def showsyntaxerror(self, *_: Any, **__: Any) -> None:
        """Keep a syntax error as an error output."""
        self.showtraceback()

    def keep_error(
        self, kind: type[BaseException], error: BaseException, trace: TracebackType | None
    ) -> None:
        """Add an error output for an exception, also one of a cell that another runs: ``%%capture`` keeps no errors."""
        self.cell_outputs.items.append(describe_error(kind, error, trace))


def _stop_loop(scripts: Any) -> None:
    for thread in threading.enumerate():
        if _WAITING_FOR_A_PROCESS in thread.name:  # newer ones write asyncio- before it
            thread.join()
    if hasattr(scripts, "stop_event_loop"):
        scripts.stop_event_loop()
    else:  # an older IPython, which keeps no hold of its thread
        loop, scripts.event_loop = scripts.event_loop, None
        loop.call_soon_threadsafe(loop.stop)


def _pieces(statements: list[ast.stmt], name: str, compiler: Any) -> list[CodeType] | None:
    """Return a cell's code: all statements, with a last expression apart. None where it has to be done one by one."""
    shown = bool(statements) and isinstance(statements[-1], ast.Expr)
    parts: list[tuple[ast.Module | ast.Interactive, str]] = []
    if silent := statements[:-1] if shown else statements:
        parts.append((ast.Module(silent, []), "exec"))
    if shown:
        parts.append((ast.Interactive(statements[-1:]), "single"))
    pieces: list[CodeType] = []
    for part, mode in parts:
        try:
            with compiler.extra_flags(ast.PyCF_ALLOW_TOP_LEVEL_AWAIT):
                code: CodeType = compiler(part, name, mode)
        except Exception:  # noqa: BLE001 - whatever it is, it comes again when the statement's turn has come
            return None
        if code.co_flags & _COROUTINE:
            return None
        pieces.append(code)
    return pieces


def _below_the_cell(trace: TracebackType | None) -> TracebackType | None:
    """Return a traceback from the cell's own first level on: what runs cells is of no use to whoever reads it."""
    while trace is not None and trace.tb_frame.f_code.co_filename.startswith(_WHAT_RUNS_CELLS):
        trace = trace.tb_next
    return trace


def describe_error(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> dict[str, Any]:
    """Turn an exception into an error output with a short plain traceback."""
    try:
        value = str(error)
    except Exception:  # noqa: BLE001 - a learner's exception may fail to describe itself
        value = ""
    if issubclass(kind, UsageError):
        lines = [f"{kind.__name__}: {value}"]
    else:
        try:
            own = last_frames(_below_the_cell(trace), MAX_FRAMES)
            lines = traceback.format_exception(kind, error, own, chain=False)
        except Exception:  # noqa: BLE001 - as above
            lines = [f"{kind.__name__}: {value}"]
    return {
        "output_type": "error",
        "ename": kind.__name__,
        "evalue": value[:4000],
        "traceback": [line.rstrip("\n")[:2000] for line in lines],
    }


def make_shell(outputs: Outputs) -> JudgeShell:
    """Make the shell once, before any copy: it takes 16 ms and more."""
    history: Any = HistoryManager
    history.enabled = False
    folder = _ipython_folder()
    with contextlib.redirect_stdout(io.StringIO()):
        shell: Any = JudgeShell.instance(
            display_pub_class=CapturingPublisher,
            displayhook_class=CapturingHook,
            ipython_dir=folder,
            colors="nocolor",
            history_length=0,
            history_load_length=0,
            xmode="Plain",
        )
    shutil.rmtree(folder, ignore_errors=True)
    # For good: IPython would change the builtins at the beginning and the end of each cell and of each magic of a test.
    shell.builtin_trap.__enter__()
    shell.cell_outputs = outputs
    shell.display_pub.outputs = outputs
    shell.displayhook.outputs = outputs
    shell.user_ns["__name__"] = "__main__"
    made: JudgeShell = shell
    return made


def _ipython_folder() -> str:
    """Return a folder that IPython may use while it starts; nothing in it is ever read by a submission."""
    folder = os.path.join(os.environ.get("TMPDIR", "/tmp"), f"judge-ipython-{os.getpid()}")
    os.makedirs(folder, exist_ok=True)
    return folder


def run_cell(shell: JudgeShell, source: str, *, store: bool) -> ExecutionResult:
    """Run one cell as a notebook does."""
    interactive: Any = shell  # IPython's methods are not annotated
    interactive.displayhook.source = source
    result: ExecutionResult = interactive.run_cell(source, store_history=store, silent=False)
    return result
