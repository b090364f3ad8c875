"""Values, checkers, parcels and points: what needs no sandbox."""

from __future__ import annotations

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from studyhall_judge.program_report import Checker, FunctionSpec, Parameter, ProgramRequest, ProgramTest
from studyhall_judge.programs import values
from studyhall_judge.programs.checkers import near, texts_match, values_match
from studyhall_judge.programs.harness import Call
from studyhall_judge.programs.inside import parcel
from studyhall_judge.programs.languages import find_languages
from studyhall_judge.programs.values import BadValue

_PLAIN = {
    "int": st.integers(-(2**31), 2**31 - 1),
    "long": st.integers(-(2**63), 2**63 - 1),
    "float": st.floats(allow_nan=False, allow_infinity=False),
    "bool": st.booleans(),
    "string": st.text(st.characters(exclude_categories=["Cs"])),
}
_TYPED = st.sampled_from(sorted(_PLAIN)).flatmap(
    lambda name: st.one_of(
        st.tuples(st.just(name), _PLAIN[name]),
        st.tuples(st.just(f"list[{name}]"), st.lists(_PLAIN[name])),
        st.tuples(st.just(f"list[ list[{name}] ]"), st.lists(st.lists(_PLAIN[name]))),
    )
)


@given(_TYPED)
def test_values_survive_the_way_there_and_back(typed):
    kind = values.read_type(typed[0])
    assert values.from_words(values.to_words(typed[1], kind), kind) == typed[1]


@given(st.lists(st.text(max_size=8), max_size=6), _TYPED)
def test_malformed_answers_are_refused_and_never_crash(words, typed):
    kind = values.read_type(typed[0])
    with contextlib.suppress(BadValue):
        values.from_words(words, kind)


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (1, "bool"),
        (True, "int"),
        (2**31, "int"),
        (2**63, "long"),
        ("1", "int"),
        (1.5, "int"),
        ([1], "int"),
        (float("nan"), "float"),
        (1, "list[int]"),
        (["a"], "list[int]"),
        (None, "string"),
    ],
)
def test_a_value_of_another_type_is_refused(value, kind):
    with pytest.raises(BadValue):
        values.to_words(value, values.read_type(kind))


@pytest.mark.parametrize("text", ["", "integer", "list", "list[]", "list[int", "dict[string]", "list[" * 500])
def test_an_unknown_type_is_refused(text):
    with pytest.raises(BadValue):
        values.read_type(text)


def test_a_list_that_claims_to_be_endless_ends():
    with pytest.raises(BadValue):
        values.from_words(["999999999999999999", "1"], values.read_type("list[int]"))


@pytest.mark.parametrize(
    ("kind", "expected", "actual", "right"),
    [
        ("exact", 1, 1.0, True),
        ("exact", 1, True, False),
        ("exact", [1, [2]], [1, [2]], True),
        ("exact", [1, [2]], [1, [2, 3]], False),
        ("exact", {"a": [1]}, {"a": [1.0]}, True),
        ("exact", {"a": 1}, {"b": 1}, False),
        ("exact", "a", "a ", False),
        ("exact", None, None, True),
        ("exact", None, 0, False),
        ("float", [0.1], [0.1 + 1e-9], True),
        ("float", {"a": 1e10}, {"a": 1e10 + 1}, True),
        ("float", [0.1], [0.2], False),
        ("float", True, 1, False),
        ("float", "a", "a", True),
        ("float", 1, 10**400, False),
    ],
)
def test_values_are_compared_as_json_values(kind, expected, actual, right):
    assert values_match(Checker(kind=kind), expected, actual) is right


def test_not_a_number_is_only_near_itself():
    nan, infinite = float("nan"), float("inf")
    assert near(nan, nan, 1)
    assert not near(1, nan, 1e9)
    assert near(infinite, infinite, 0)
    assert not near(infinite, -infinite, 1e9)


@pytest.mark.parametrize(
    ("kind", "expected", "actual", "right"),
    [
        ("exact", "a\nb", "a \r\nb\t\n\n", True),
        ("exact", "a\nb\n", "a\nb", True),
        ("exact", "", " \n\n", True),
        ("exact", " *\n***", " *\n***\n", True),
        ("exact", "a\nb", "a\n\nb", False),
        ("exact", " *\n***", "*\n***", False),
        ("exact", "foo", "\nfoo", False),
        ("exact", "foo", " foo", False),
        *(("exact", "a\nb", f"a{end}b", False) for end in "\x0b\x0c\x1c\x1d\x1e\x85\r\u2028\u2029"),
        *(("exact", "a", f"a{blank}", False) for blank in "\x0c\x1c\x1f\xa0\u2003\ufeff"),
        ("token", "a b", " a\n\tb\r\n", True),
        ("token", "a b", "a\x0bb\x0c", True),
        ("token", "a b", "a\xa0b", False),
        ("token", "a b", "a\u2003b", False),
        ("token", "a b", "a\x1fb", False),
        ("float", "10", "1e1", True),
        ("float", "10", "+10.", True),
        ("float", "0.5 yes", ".5 yes", True),
        ("float", "inf nan", "Infinity NaN", True),
        ("float", "10", "1_0", False),
        ("float", "10", "\N{FULLWIDTH DIGIT ONE}\N{FULLWIDTH DIGIT ZERO}", False),
        ("float", "10", "0xa", False),
        ("float", "1", "1" + "0" * 100_000 + "x", False),
    ],
)
def test_texts_are_compared_without_blanks_at_the_ends_of_lines(kind, expected, actual, right):
    assert texts_match(Checker(kind=kind), expected, actual) is right


@pytest.mark.parametrize(("before", "after"), [("[", "]"), ('{"a": ', "}")])
def test_a_value_that_is_nested_too_deeply_is_refused(before, after):
    call = Call(FunctionSpec(name="f"), find_languages()["python"])

    def answer(depth):
        return f'{{"value": {before * depth}1{after * depth}}}'.encode()

    assert json.dumps(call.from_result(answer(100))).encode() in answer(100)
    for depth in (101, 900, 100_000):
        with pytest.raises(BadValue):
            call.from_result(answer(depth))


def test_a_parcel_comes_out_as_it_went_in(tmp_path):
    files = {"a": b"one", "out/b": b"", "out/deep/c": bytes(100_000)}
    (tmp_path / "parcel").write_bytes(parcel.pack(files))
    with (tmp_path / "parcel").open("rb") as file:
        parcel.write(file.fileno(), str(tmp_path / "work"))
    (tmp_path / "work" / "link").symlink_to("/etc/passwd")
    packed = parcel.collect(str(tmp_path / "work"), 1_000_000)
    assert parcel.unpack(packed, 1_000_000) == files
    assert parcel.collect(str(tmp_path / "work"), 50_000) is None


@pytest.mark.parametrize("path", ["/etc/passwd", "../up", "a/../../up"])
def test_a_parcel_from_a_sandbox_stays_in_its_folder(path):
    with pytest.raises(ValueError, match="outside"):
        parcel.unpack(parcel.pack({path: b"x"}), 1000)


@pytest.mark.parametrize("damaged", [b"", b"\0\0\0\5[]", parcel.pack({"a": b"long"})[:-1]])
def test_a_damaged_parcel_is_refused(damaged):
    with pytest.raises(ValueError):  # noqa: PT011 - JSON's own error is one, too
        parcel.unpack(damaged, 1000)


def test_a_typed_language_needs_types():
    languages = find_languages()
    untyped = FunctionSpec(name="f", parameters=[Parameter(name="a", type="int")])
    with pytest.raises(BadValue, match="needs the type"):
        Call(untyped, languages["c"])
    typed = untyped.model_copy(update={"returns": "int"})
    with pytest.raises(BadValue, match="takes 1"):
        Call(typed, languages["c"]).to_input([1, 2])
    assert Call(untyped, languages["python"]).to_input([1, {"any": "json"}]) == b'[1, {"any": "json"}]'


def test_what_makes_no_sense_is_not_even_sent():
    test = ProgramTest(id="a", expected="")
    for wrong in (
        {"kind": "function"},
        {"checker": Checker(kind="custom")},
        {"code": "x" * 10_001},
        {"tests": []},
        {"tests": [test, test]},
        {"kind": "function", "function": {"name": "f(); import os"}},
    ):
        with pytest.raises(ValidationError):
            ProgramRequest.model_validate(
                {"request_id": "x", "language": "python", "code": "", "tests": [test]} | wrong
            )
