"""What is put around a learner's function so that it can be called with one test's arguments.

A harness reads arguments on standard input, calls, and writes the value to descriptor 3. It knows no expected value:
whatever a learner's code does to it, it can only give wrong answers. The harnesses are files in ``harnesses/``; here
their blanks (``@name@``) are filled in.
"""

from __future__ import annotations

import json
import re
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

_ASIDE, _BACK = "@set_macros_aside@", "@put_macros_back@"
_WORD = re.compile(r"\b(?!__)[A-Za-z_]\w*")
_OTHER_WORDS = (
    *(
        "short",
        "float",
        "class",
        "typedef",
        "union",
        "switch",
        "case",
        "default",
        "break",
        "continue",
        "do",
        "goto",
    ),
    *("public", "private", "protected", "virtual", "operator", "new", "delete", "try", "catch", "throw"),
    *("begin", "end", "first", "second"),
)
"""Names that the headers between `_ASIDE` and `_BACK` use and the harness itself does not."""

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
        text = _with_macros_aside(text)
        for blank, filling in self._fillings().items():
            text = text.replace(f"@{blank}@", filling)
        return Prepared(
            {source: (code + self._ending()).encode("utf-8", "replace"), name: text.encode()}, name
        )

    def missing_in(self, code: str) -> str:
        """Return the sentence that says that code has no such function, or nothing when it at least names it."""
        name = self._function.name
        if re.search(rf"\b{name}\b", code):
            return ""
        return (
            f"Your code could not be compiled: it does not define the function {name}, which the tests call."
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
        if not text.strip():
            raise BadValue(f"the program ended before the function {self._function.name} had returned")
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
        """Return what makes a function visible to its harness, whatever kind of module its file is."""
        name = self._function.name
        if self._language.id == "rust" and self._returns is not None:
            return _rust_ending(self._parameters, self._returns, name)
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


def _with_macros_aside(text: str) -> str:
    """Return a harness whose middle, between its two marks, knows no macro of the learner's.

    What is usual in contests, such as ``#define int long long`` or ``#define read(x) cin >> x``, would make it another
    text. What stands after the middle, the call, is meant as the learner means it.
    """
    before, mark, rest = text.partition(_ASIDE)
    if not mark:
        return text
    middle, _, after = rest.partition(_BACK)
    words = sorted({*_WORD.findall(re.sub(r'"[^"\n]*"|//.*|/\*.*?\*/', "", middle)), *_OTHER_WORDS})
    aside = "\n".join(f'#pragma push_macro("{word}")\n#undef {word}' for word in words)
    back = "\n".join(f'#pragma pop_macro("{word}")' for word in words)
    return f"{before}{aside}{middle}{back}{after}"


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
    reads = [f"    {one} studyhall_arg{n} = studyhall_take<{one}>();" for n, one in enumerate(types)]
    return {
        "returns": _type_of(returns, plain, "std::vector<", ">"),
        "reads": "\n".join(reads),
        "arguments": ", ".join(f"studyhall_arg{n}" for n in range(len(types))),
    }


def _c(parameters: list[Type], returns: Type, name: str) -> dict[str, str]:
    plain = {"int": "int", "long": "long long", "float": "double", "bool": "_Bool", "string": "char *"}
    reads: list[str] = []
    arguments: list[str] = []
    each = "    for (studyhall_size studyhall_n = 0; studyhall_n <"
    for n, kind in enumerate(parameters):
        kept, argument = plain[kind.plain], f"studyhall_arg{n}"
        arguments.append(argument)
        if kind.element is None:
            reads.append(f"    {kept} {argument} = studyhall_take_{kind.name}();")
            continue
        length = f"{argument}_length"
        arguments.append(length)
        reads += [
            f"    studyhall_size {length} = (studyhall_size)studyhall_take_long();",
            f"    {kept} *{argument} = studyhall_take_room({length}, sizeof *{argument});",
            f"{each} {length}; studyhall_n++) {argument}[studyhall_n] = studyhall_take_{kind.plain}();",
        ]
    write = f"studyhall_write_{returns.plain}"
    if returns.element is None:
        call = [f"    {write}({name}({', '.join(arguments)}));"]
    else:
        arguments.append("&studyhall_length")
        call = [
            "    studyhall_size studyhall_length = 0;",
            f"    {plain[returns.plain]} *studyhall_result = {name}({', '.join(arguments)});",
            "    studyhall_write_long((long long)studyhall_length);",
            f"{each} studyhall_length; studyhall_n++) {write}(studyhall_result[studyhall_n]);",
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


_RUST = {"int": "i32", "long": "i64", "float": "f64", "bool": "bool", "string": "String"}


def _rust(parameters: list[Type], _returns: Type, _name: str) -> dict[str, str]:
    reads = [
        f"    let arg{n}: {_type_of(kind, _RUST, 'Vec<', '>')} = studyhall::Plain::read(&mut words);"
        for n, kind in enumerate(parameters)
    ]
    return {
        "reads": "\n".join(reads),
        "arguments": ", ".join(f"arg{n}" for n in range(len(parameters))),
    }


def _rust_ending(parameters: list[Type], returns: Type, name: str) -> str:
    """Return what the learner's file ends with, a module of its own: it may have a `main` and a private function."""
    taken = ", ".join(f"arg{n}: {_type_of(kind, _RUST, 'Vec<', '>')}" for n, kind in enumerate(parameters))
    given = ", ".join(f"arg{n}" for n in range(len(parameters)))
    return (
        f"\npub fn studyhall_call({taken}) -> {_type_of(returns, _RUST, 'Vec<', '>')} {{ {name}({given}) }}\n"
    )


_TYPED = {"java": _java, "cpp": _cpp, "c": _c, "go": _go, "rust": _rust}
