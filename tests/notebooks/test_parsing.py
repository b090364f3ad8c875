import codecs
import json

import nbformat
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from studyhall_notebooks.errors import NotebookError
from studyhall_notebooks.parsing import parse_notebook, read_notebook, write_notebook

CODE = {"cell_type": "code", "metadata": {}, "source": "x = 1", "outputs": [], "execution_count": None}


def text_of(*cells, **more):
    return json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": list(cells), **more})


def code_of(data, **limits):
    with pytest.raises(NotebookError) as caught:
        read_notebook(data, **limits)
    assert caught.value.message
    assert "Error" not in caught.value.message
    return caught.value.code


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "not_json"),
        (b"   \n", "not_json"),
        (b"\xef\xbb\xbf", "not_json"),
        (b"hello", "not_json"),
        (b'{"cells": [', "not_json"),
        (b'{"cells": ["half a te', "not_json"),
        (b"\xff\xfe\x00", "not_json"),
        (text_of(CODE).encode().replace(b"x = 1", b"x = \xe9"), "not_json"),
        (b"[]", "not_a_notebook"),
        (b"null", "not_a_notebook"),
        (b'"text"', "not_a_notebook"),
        (b"{}", "not_a_notebook"),
        (b'{"nbformat": 4}', "not_a_notebook"),
        (b'{"nbformat": 4, "cells": {}}', "not_a_notebook"),
        (b'{"nbformat": "4", "cells": []}', "not_a_notebook"),
        (b'{"nbformat": true, "cells": []}', "not_a_notebook"),
        (b'{"nbformat": 3}', "not_a_notebook"),
        (b'{"nbformat": 2, "worksheets": []}', "unsupported_version"),
        (b'{"nbformat": 5, "cells": []}', "unsupported_version"),
        (b'{"nbformat": ' + b"9" * 5000 + b', "cells": []}', "not_a_notebook"),
        (b"[" * 500_000, "too_deep"),
        (b'{"a":' * 500_000, "too_deep"),
        (b'{"nbformat":4,"cells":[],"metadata":' + b"[" * 200 + b"]" * 200 + b"}", "too_deep"),
        (b"x" * 10_000_001, "too_large"),
        ("x" * 10_000_001, "too_large"),
        ("é" * 5_000_001, "too_large"),
        (b'{"cells":[' + b"[]," * 400_000 + b"[]]}", "too_large"),
    ],
    ids=range(27),
)
def test_what_is_no_notebook_is_refused_in_words(data, code):
    assert code_of(data) == code


def test_limits_are_the_callers():
    data = text_of(CODE)
    assert code_of(data, max_bytes=20) == "too_large"
    assert code_of(data, max_depth=2) == "too_deep"
    with pytest.raises(NotebookError, match="larger than 20 bytes"):
        read_notebook(data, max_bytes=20)


def test_a_broken_file_says_where_it_breaks():
    with pytest.raises(NotebookError, match="line 2, column"):
        read_notebook('{"cells": [],\n oops}')


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.encode(),
        lambda text: codecs.BOM_UTF8 + text.encode(),
        lambda text: bytearray(text.encode()),
        lambda text: "\ufeff" + text,
        lambda text: text.encode("utf-16"),
        lambda text: json.dumps(json.loads(text), indent=1).replace("\n", "\r\n").encode(),
    ],
    ids=["utf-8", "bom", "bytearray", "bom in text", "utf-16", "crlf"],
)
def test_the_ways_a_file_may_be_saved(change):
    notebook = read_notebook(change(text_of({**CODE, "source": "naïve = 'ü'"})))
    assert notebook.cells[0].source == "naïve = 'ü'"
    nbformat.validate(notebook)


def test_version_3_becomes_version_4():
    old = {
        "nbformat": 3,
        "nbformat_minor": 0,
        "metadata": {"name": "Old one", "signature": "sha256:1"},
        "worksheets": [
            {
                "cells": [
                    {"cell_type": "heading", "level": 2, "metadata": {}, "source": ["A\n", "title"]},
                    {
                        "cell_type": "code",
                        "collapsed": True,
                        "input": ["a = 1\n", "a"],
                        "language": "python",
                        "metadata": {"nbgrader": {"grade": True}},
                        "prompt_number": 4,
                        "outputs": [
                            {"output_type": "pyout", "prompt_number": 4, "text": ["1"], "metadata": {}},
                            {"output_type": "stream", "stream": "stderr", "text": "careful"},
                            {"output_type": "pyerr", "ename": "E", "evalue": "v", "traceback": ["t"]},
                            {"output_type": "display_data", "png": "AAAA", "html": ["<b>", "</b>"]},
                        ],
                    },
                    {"cell_type": "html", "metadata": {}, "source": "<i>hi</i>"},
                ]
            },
            {"cells": [{"cell_type": "markdown", "metadata": {}, "source": "second sheet"}]},
        ],
    }
    notebook = read_notebook(json.dumps(old))
    nbformat.validate(notebook)
    assert [cell.source for cell in notebook.cells] == ["## A title", "a = 1\na", "<i>hi</i>", "second sheet"]
    code = notebook.cells[1]
    assert code.metadata == {"nbgrader": {"grade": True}, "collapsed": True}
    assert code.execution_count == 4
    assert [output.output_type for output in code.outputs] == [
        "execute_result",
        "stream",
        "error",
        "display_data",
    ]
    assert code.outputs[0].data == {"text/plain": "1"}
    assert code.outputs[1].name == "stderr"
    assert code.outputs[3].data == {"image/png": "AAAA", "text/html": "<b></b>"}
    assert notebook.metadata == {"title": "Old one"}


def test_missing_and_repeated_ids_are_made_anew_and_stay_the_same():
    cells = [
        {**CODE, "id": "same"},
        {**CODE, "id": "same"},
        CODE,
        {**CODE, "id": "not an id!"},
        {**CODE, "id": 7},
    ]
    parsed = parse_notebook(text_of(*cells))
    ids = [cell.id for cell in parsed.notebook.cells]
    assert ids[0] == "same"
    assert len(set(ids)) == 5
    assert [cell.id for cell in read_notebook(text_of(*cells)).cells] == ids
    assert [(repair.code, repair.message) for repair in parsed.repairs] == [
        ("repeated_cell_id", "Cell 2 had the id of another cell and got a new one."),
        ("missing_cell_id", "Cells 3, 4 and 5 had no usable id and got a new one."),
    ]


def test_many_cells_without_ids_are_one_sentence():
    repairs = parse_notebook(text_of({**CODE, "id": "a"}, *[CODE] * 50)).repairs
    assert [repair.message for repair in repairs] == [
        "50 cells, the first of them cell 2, had no usable id and got a new one."
    ]


def test_cells_are_counted_as_they_stand_in_the_file():
    parsed = parse_notebook(
        text_of(5, {**CODE, "id": "a"}, {"cell_type": "no", "source": 5, "id": "b"}, CODE)
    )
    assert [repair.message for repair in parsed.repairs] == [
        "Cell 1 could not be read and was left out.",
        "Cell 3 had no known type and was read as markdown.",
        "Part of cell 3 was not text.",
        "Cell 4 had no usable id and got a new one.",
    ]


@pytest.mark.parametrize(
    ("lines", "text"),
    [
        (["def f():", "    return 1"], "def f():\n    return 1"),
        (["a", "", "b\n"], "a\n\nb\n"),
        (["a\n", "b"], "a\nb"),
        (["a\n", "b", "c"], "a\nbc"),
        (["a"], "a"),
        (["x", "=", "1"], "x=1"),
        ([], ""),
    ],
)
def test_lines_without_their_ends_stay_lines(lines, text):
    parsed = parse_notebook(text_of({**CODE, "id": "a", "source": lines}))
    assert parsed.notebook.cells[0].source == text
    lost = text != "".join(lines)
    assert [repair.code for repair in parsed.repairs] == ["lines_without_ends"] * lost


def test_control_characters_that_were_written_as_they_are():
    text = text_of({**CODE, "source": "x = 'MARK'"})
    assert read_notebook(text.replace("MARK", "a\x01\tb")).cells[0].source == "x = 'a\x01\tb'"


def test_an_old_notebook_without_ids_is_no_damage():
    assert parse_notebook(text_of(CODE, nbformat_minor=0)).repairs == []
    assert parse_notebook(text_of({**CODE, "id": "a"})).repairs == []


def test_made_ids_do_not_tell_the_text():
    ids = [read_notebook(text_of({**CODE, "source": source})).cells[0].id for source in ("secret", "guess")]
    assert ids[0] == ids[1]


def test_damage_is_mended_and_told():
    damaged = text_of(
        {"source": "no type"},
        {"cell_type": "heading", "metadata": None, "source": ["a", 1, "b"]},
        {"outputs": "?", "source": 5},
        "not a cell",
        {
            **CODE,
            "id": "ok",
            "outputs": [1, {"output_type": "surprise"}, {"output_type": "stream", "text": ["a", 2]}],
        },
    )
    parsed = parse_notebook(damaged)
    nbformat.validate(parsed.notebook)
    assert [(cell.cell_type, cell.source) for cell in parsed.notebook.cells] == [
        ("markdown", "no type"),
        ("markdown", "ab"),
        ("code", ""),
        ("code", "x = 1"),
    ]
    assert [output.text for output in parsed.notebook.cells[3].outputs] == ["a"]
    codes = {repair.code for repair in parsed.repairs}
    assert codes == {"unknown_cell_type", "unreadable_source", "unreadable_cell", "missing_cell_id"}
    assert all(repair.message.endswith(".") for repair in parsed.repairs)


def test_a_missing_version_is_guessed_from_cells():
    parsed = parse_notebook(json.dumps({"cells": [CODE], "metadata": {}}))
    assert parsed.notebook.nbformat == 4
    assert parsed.repairs[0].code == "missing_version"
    assert read_notebook('{"nbformat": 4.0, "cells": []}').nbformat == 4


def test_numbers_and_letters_that_no_file_should_hold():
    raw = (
        '{"nbformat": 4, "nbformat_minor": 5, "metadata": {"a": NaN, "b": Infinity, "c": 1e999, "d": '
        + "9" * 5000
        + '}, "cells": [{"cell_type": "markdown", "id": "a", "metadata": {"\\ud800": "\\udfff"}, '
        '"source": "half \\ud83d and whole \\ud83d\\ude00"}]}'
    )
    notebook = read_notebook(raw)
    assert notebook.metadata.a is None
    assert notebook.metadata.b is None
    assert notebook.metadata.c is None
    assert notebook.metadata.d == "9" * 5000
    assert notebook.cells[0].source == "half \ufffd and whole 😀"
    assert notebook.cells[0].metadata == {"\ufffd": "\ufffd"}
    write_notebook(notebook).encode("utf-8")
    assert read_notebook('{"nbformat": 4, "cells": [], "metadata": {"x": "\udcff"}}').metadata.x == "\ufffd"


def test_metadata_that_the_format_forbids_is_left_out():
    notebook = read_notebook(
        text_of(
            {
                **CODE,
                "id": "a",
                "metadata": {
                    "tags": ["a", "a", "b,c", 3],
                    "name": "",
                    "collapsed": "yes",
                    "scrolled": "auto",
                    "x": 1,
                },
            },
            {
                "cell_type": "markdown",
                "id": "b",
                "metadata": {"tags": "a"},
                "source": "",
                "attachments": {"a.png": 3},
            },
            metadata={
                "kernelspec": {"name": "python3", "language": 3},
                "language_info": {"name": "python", "file_extension": 3},
                "title": 3,
                "authors": "me",
                "orig_nbformat": 3,
            },
        )
    )
    nbformat.validate(notebook)
    assert notebook.cells[0].metadata == {"tags": ["a"], "scrolled": "auto", "x": 1}
    assert notebook.cells[1].attachments == {}
    assert notebook.metadata == {
        "kernelspec": {"name": "python3", "display_name": "python3"},
        "language_info": {"name": "python"},
    }
    nameless = read_notebook(text_of(metadata={"kernelspec": {"name": ""}, "language_info": []}))
    assert nameless.metadata == {}


def test_written_notebooks_read_the_same():
    notebook = read_notebook(text_of({**CODE, "id": "a", "source": "a = 'é'\nb"}, {**CODE, "id": "b"}))
    text = write_notebook(notebook)
    assert text.endswith("}\n")
    assert "é" in text
    assert read_notebook(text) == notebook
    assert write_notebook(read_notebook(text)) == text


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=15,
)
maybe = lambda known: st.sampled_from(known) | json_values  # noqa: E731 - a strategy, not a function
output_like = st.fixed_dictionaries(
    {},
    optional={
        "output_type": maybe(["stream", "error", "execute_result", "display_data"]),
        "text": json_values,
        "name": json_values,
        "data": st.dictionaries(maybe(["text/plain", "application/json"]).map(str), json_values, max_size=3)
        | json_values,
        "metadata": json_values,
        "execution_count": json_values,
        "traceback": json_values,
    },
)
cell_like = st.fixed_dictionaries(
    {},
    optional={
        "cell_type": maybe(["code", "markdown", "raw", "heading", "html"]),
        "source": maybe(["x"]) | st.lists(st.text(max_size=5), max_size=3),
        "input": json_values,
        "metadata": st.dictionaries(
            st.sampled_from(
                ["tags", "name", "nbgrader", "studyhall", "collapsed", "execution", "jupyter", "format"]
            ),
            json_values,
        )
        | json_values,
        "outputs": st.lists(output_like | json_values, max_size=3) | json_values,
        "execution_count": json_values,
        "attachments": st.dictionaries(st.text(max_size=4), json_values, max_size=2) | json_values,
        "id": maybe(["a", "b"]),
        "level": json_values,
    },
)
cells_like = st.lists(cell_like | json_values, max_size=4)
notebook_like = st.fixed_dictionaries(
    {},
    optional={
        "nbformat": maybe([3, 4, 4, 4]),
        "nbformat_minor": maybe([0, 4, 5]),
        "metadata": st.dictionaries(
            st.sampled_from(["kernelspec", "language_info", "title", "authors", "name"]),
            json_values
            | st.fixed_dictionaries({"name": json_values}, optional={"codemirror_mode": json_values}),
        )
        | json_values,
        "cells": cells_like | json_values,
        "worksheets": st.lists(
            st.fixed_dictionaries({"cells": cells_like | json_values}) | json_values, max_size=2
        ),
    },
)


def read_or_refuse(data):
    """Nothing but a valid notebook or a NotebookError may come out."""
    try:
        parsed = parse_notebook(data)
    except NotebookError:
        return
    nbformat.validate(parsed.notebook)
    text = write_notebook(parsed.notebook)
    text.encode("utf-8")
    again = parse_notebook(text)
    assert again.notebook == parsed.notebook
    assert again.repairs == []


@given(st.binary(max_size=300))
@example(b"\xef\xbb\xbf\xef\xbb\xbf{}")
@example(b"\xff\xfe{")
def test_any_bytes(data):
    read_or_refuse(data)


@given(st.text(max_size=300))
@example("\ud800")
@example('"\\')
def test_any_text(data):
    read_or_refuse(data)


@given(notebook_like | json_values)
@settings(max_examples=300)
def test_any_json(content):
    read_or_refuse(json.dumps(content))


@given(notebook_like, st.data())
@settings(max_examples=100)
def test_any_torn_file(content, data):
    text = json.dumps(content).encode()
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, len(text)))
    read_or_refuse(text[:start] + data.draw(st.binary(max_size=3)) + text[end:])


@pytest.mark.parametrize("version", ['"4"', "null", "true", "3", "[4]", "5", "2", "1", "0", "-4", "4.5"])
def test_a_wrong_version_does_not_cost_the_cells(version):
    parsed = parse_notebook(text_of(CODE).replace('"nbformat": 4,', f'"nbformat": {version},', 1))
    assert [cell.source for cell in parsed.notebook.cells] == [CODE["source"]]
    assert "wrong_version" in [repair.code for repair in parsed.repairs]


def test_text_after_the_notebook_is_left_out_and_said():
    parsed = parse_notebook(text_of(CODE) + "\n  ]\n}\n")
    assert [cell.source for cell in parsed.notebook.cells] == [CODE["source"]]
    assert "trailing_text" in [repair.code for repair in parsed.repairs]


def test_two_values_that_are_no_notebook_are_refused():
    assert code_of(b"[] []") == "not_json"


@pytest.mark.parametrize(
    ("start", "word"),
    [
        (b"\n\n<!DOCTYPE html>\n<html>", "web page"),
        (b"\xef\xbb\xbf<HTML>", "web page"),
        (b"PK\x03\x04\x14\x00", "archive"),
        (b"\x1f\x8b\x08\x00", "archive"),
        (b"%PDF-1.4\n\xe2\xe3", "PDF"),
        (b"#!/usr/bin/env python\n# coding: utf-8\n", "program"),
        (b"# %%\nimport numpy as np\n", "program"),
        (b"\nimport math\ndef f(x): return x\n", "program"),
        (b"# Values and names\n\nA name stands for a value.\n", "text"),
    ],
)
@pytest.mark.parametrize("decoded", [False, True])
def test_another_kind_of_file_is_named_with_the_way_out(start, word, decoded):
    data = start.decode("cp1252") if decoded else start
    with pytest.raises(NotebookError) as caught:
        read_notebook(data)
    assert word.lower() in caught.value.message.lower()


def test_a_file_with_the_marks_of_a_merge_says_so():
    ours, theirs = text_of(CODE), text_of(CODE, CODE)
    with pytest.raises(NotebookError, match="Git could not merge"):
        read_notebook(f"{{\n<<<<<<< HEAD\n{ours}\n=======\n{theirs}\n>>>>>>> other\n}}")
    told = {**CODE, "source": "<<<<<<< HEAD\n=======\n>>>>>>> other"}
    assert len(read_notebook(text_of(told)).cells) == 1
