"""What is put around a learner's function so that it can be called with one test's arguments.

A harness reads arguments on standard input, calls, and writes the value to descriptor 3. It knows no expected value:
whatever a learner's code does to it, it can only give wrong answers. The harnesses are files in ``harnesses/``; here
their blanks (``@name@``) are filled in.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from studyhall_judge.program_report import FunctionSpec
from studyhall_judge.programs import values
from studyhall_judge.programs.languages import Language
from studyhall_judge.programs.values import BadValue, Type

_FOLDER = Path(__file__).resolve().parent / "harnesses"
MAX_DEPTH = 100
"""Lists and objects within each other that a function may return: what compares and shows them goes down into each."""

_SCRIPTS = ("python", "javascript", "typescript")
_NUMBERS_OF_53_BITS = ("javascript", "typescript")
_LARGEST_SAFE = (1 << 53) - 1
_BIG = "studyhall:BigInt:"
"""Marks a number that travels as text between the judge and JavaScript, whose JSON knows small ones only."""


@dataclass(frozen=True)
class Prepared:
    """Sources to compile or run: ``entry`` is the file to start with."""

    files: dict[str, bytes]
    entry: str


class Call:
    """A function problem in one language: makes the harness, and translates arguments and answers.

    Raises:
        BadValue: the language needs types that the problem does not give, or cannot express them.
    """

    def __init__(self, function: FunctionSpec, language: Language) -> None:
        self._function = function
        self._language = language
        self._typed = language.id not in _SCRIPTS
        self._parameters: list[Type] = []
        self._returns: Type | None = None
        if self._typed:
            self._parameters = [values.read_type(one.type) for one in function.parameters]
            if function.returns is None:
                raise BadValue(f"{language.name} needs the type that {function.name} returns")
            self._returns = values.read_type(function.returns)
            deepest = max(kind.depth for kind in (*self._parameters, self._returns))
            if language.id == "c" and deepest > 1:
                raise BadValue("lists of lists are not possible in C")

    def prepare(self, code: str) -> Prepared:
        """Return the learner's code with its harness."""
        source = self._language.function_source
        name = {
            "python": "harness.py",
            "javascript": "harness.mjs",
            "typescript": "harness.mjs",
            "java": "Main.java",
            "cpp": "harness.cpp",
            "c": "harness.c",
            "go": "harness.go",
            "rust": "main.rs",
        }[self._language.id]
        template = "harness.rs" if name == "main.rs" else name
        text = (_FOLDER / f"{template}.in").read_text(encoding="utf-8")
        for blank, filling in self._fillings().items():
            text = text.replace(f"@{blank}@", filling)
        return Prepared(
            {source: (code + self._ending()).encode("utf-8", "replace"), name: text.encode()}, name
        )

    def to_input(self, arguments: list[Any]) -> bytes:
        """Return what the harness reads. Raises `BadValue` when arguments do not fit the types."""
        if not self._typed:
            return json.dumps(self._with_big_numbers(arguments)).encode()
        if len(arguments) != len(self._parameters):
            raise BadValue(f"{self._function.name} takes {len(self._parameters)} arguments")
        words = [
            word
            for value, kind in zip(arguments, self._parameters, strict=True)
            for word in values.to_words(value, kind)
        ]
        return (" ".join(words) + "\n").encode()

    def from_result(self, result: bytes) -> Any:
        """Return the value that the harness wrote. Raises `BadValue`."""
        text = result.decode("utf-8", "replace")
        if self._returns is not None:
            return values.from_words(text.split(), self._returns)
        try:
            answer = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise BadValue("the answer could not be read") from error
        if not isinstance(answer, dict) or "value" not in answer:
            unfit = str(answer.get("unfit"))[:60] if isinstance(answer, dict) else "?"
            raise BadValue(
                f"the function {self._function.name} returned something that is no plain value ({unfit})"
            )
        if values.is_deeper_than(answer["value"], MAX_DEPTH):
            raise BadValue(f"the function {self._function.name} returned a value that is nested too deeply")
        return answer["value"]

    def _with_big_numbers(self, arguments: list[Any]) -> list[Any]:
        """Return arguments for a script, those of JavaScript with its big numbers in the place of large longs."""
        kinds = [values.plain_name(one.type) for one in self._function.parameters]
        if self._language.id not in _NUMBERS_OF_53_BITS or len(kinds) != len(arguments):
            return arguments
        return [
            _marked(value) if kind == "long" else value for value, kind in zip(arguments, kinds, strict=True)
        ]

    def _ending(self) -> str:
        """Return what makes a function of a script visible to its harness, whatever kind of module the script is."""
        name = self._function.name
        target = {"javascript": "globalThis", "typescript": "(globalThis as any)"}.get(self._language.id)
        if target is None:
            return ""
        return f'\n;{target}[Symbol.for("studyhall")] = typeof {name} === "undefined" ? undefined : {name};\n'

    def _fillings(self) -> dict[str, str]:
        source = self._language.function_source
        if self._language.runs is not None:
            source = "out/" + str(Path(source).with_suffix(self._language.runs))
        returns_long = values.plain_name(self._function.returns or "") == "long"
        fillings = {"name": self._function.name, "file": source}
        fillings |= {"big": _BIG, "returns_long": str(returns_long).lower()}
        if self._returns is None:
            return fillings
        return fillings | _TYPED[self._language.id](self._parameters, self._returns, self._function.name)


def _marked(value: Any) -> Any:
    if isinstance(value, list):
        return [_marked(one) for one in value]
    large = isinstance(value, int) and abs(value) > _LARGEST_SAFE
    return f"{_BIG}{value}" if large else value


def _type_of(kind: Type, plain: dict[str, str], before: str, after: str) -> str:
    if kind.element is None:
        return plain[kind.name]
    return before + _type_of(kind.element, plain, before, after) + after


def _java(parameters: list[Type], returns: Type, _name: str) -> dict[str, str]:
    plain = {"int": "int", "long": "long", "float": "double", "bool": "boolean", "string": "String"}
    types = [_type_of(kind, plain, "", "[]") for kind in parameters]
    return {
        "returns": _type_of(returns, plain, "", "[]"),
        "arguments": ", ".join(f"({one}) read({one}.class)" for one in types),
    }


def _cpp(parameters: list[Type], returns: Type, _name: str) -> dict[str, str]:
    plain = {"int": "int", "long": "long long", "float": "double", "bool": "bool", "string": "std::string"}
    types = [_type_of(kind, plain, "std::vector<", ">") for kind in parameters]
    reads = [f"    {one} arg{n} = studyhall::Plain<{one}>::read();" for n, one in enumerate(types)]
    return {
        "returns": _type_of(returns, plain, "std::vector<", ">"),
        "reads": "\n".join(reads),
        "arguments": ", ".join(f"arg{n}" for n in range(len(types))),
    }


def _c(parameters: list[Type], returns: Type, name: str) -> dict[str, str]:
    plain = {"int": "int", "long": "long long", "float": "double", "bool": "bool", "string": "char *"}
    reads: list[str] = []
    arguments: list[str] = []
    for n, kind in enumerate(parameters):
        kept = plain[kind.plain]
        if kind.element is None:
            reads.append(f"    {kept} arg{n} = studyhall_read_{kind.name}();")
            arguments.append(f"arg{n}")
            continue
        reads += [
            f"    size_t arg{n}_length = (size_t)studyhall_read_long();",
            f"    {kept} *arg{n} = calloc(arg{n}_length + 1, sizeof *arg{n});",
            f"    for (size_t i = 0; i < arg{n}_length; i++) arg{n}[i] = studyhall_read_{kind.plain}();",
        ]
        arguments += [f"arg{n}", f"arg{n}_length"]
    write = f"studyhall_write_{returns.plain}"
    if returns.element is None:
        call = [f"    {write}({name}({', '.join(arguments)}));"]
    else:
        arguments.append("&result_length")
        call = [
            "    size_t result_length = 0;",
            f"    {plain[returns.plain]} *result = {name}({', '.join(arguments)});",
            "    studyhall_write_long((long long)result_length);",
            f"    for (size_t i = 0; i < result_length; i++) {write}(result[i]);",
        ]
    return {"reads": "\n".join(reads), "call": "\n".join(call)}


def _go(parameters: list[Type], returns: Type, _name: str) -> dict[str, str]:
    plain = {"int": "int", "long": "int64", "float": "float64", "bool": "bool", "string": "string"}
    reads = [
        f"\tvar arg{n} {_type_of(kind, plain, '[]', '')}\n\tstudyhallRead(reflect.ValueOf(&arg{n}).Elem())"
        for n, kind in enumerate(parameters)
    ]
    return {
        "returns": _type_of(returns, plain, "[]", ""),
        "reads": "\n".join(reads),
        "arguments": ", ".join(f"arg{n}" for n in range(len(parameters))),
    }


def _rust(parameters: list[Type], returns: Type, _name: str) -> dict[str, str]:
    plain = {"int": "i32", "long": "i64", "float": "f64", "bool": "bool", "string": "String"}
    reads = [
        f"    let arg{n}: {_type_of(kind, plain, 'Vec<', '>')} = studyhall::Plain::read(&mut studyhall_words);"
        for n, kind in enumerate(parameters)
    ]
    return {
        "returns": _type_of(returns, plain, "Vec<", ">"),
        "reads": "\n".join(reads),
        "arguments": ", ".join(f"arg{n}" for n in range(len(parameters))),
    }


_TYPED = {"java": _java, "cpp": _cpp, "c": _c, "go": _go, "rust": _rust}
