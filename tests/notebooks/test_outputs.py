"""A notebook's text without what earlier runs left in it."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from studyhall_notebooks import outputs
from studyhall_notebooks.outputs import without_outputs

KEYS = st.one_of(
    st.sampled_from(["outputs", "widgets", "source", 'outputs"', "\\", "[", "}"]), st.text(max_size=3)
)
VALUES = st.recursive(
    st.one_of(
        st.none(),
        st.integers(),
        st.sampled_from(["outputs", '"outputs": [', "]}", '\\"', "\\", "{"]),
        st.text(max_size=5),
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(KEYS, inner, max_size=4)),
    max_leaves=20,
)


def expected(value):
    if isinstance(value, list):
        return [expected(one) for one in value]
    if isinstance(value, dict):
        return {
            key: []
            if key == "outputs" and isinstance(one, list)
            else {}
            if key == "widgets" and isinstance(one, dict)
            else expected(one)
            for key, one in value.items()
        }
    return value


@given(value=VALUES, indent=st.sampled_from([None, 0, 1]), ascii_only=st.booleans())
def test_only_outputs_and_the_state_of_widgets_go(value, indent, ascii_only):
    text = json.dumps(value, indent=indent, ensure_ascii=ascii_only)
    assert json.loads(without_outputs(text)) == expected(value)


@given(VALUES, st.integers(min_value=0))
def test_whatever_is_cut_off_or_is_no_notebook_raises_nothing_and_grows_by_nothing(value, end):
    text = json.dumps({"cells": value})
    cut = text[: end % (len(text) + 1)]
    assert len(without_outputs(cut)) <= len(cut) + len("[]")


def test_a_file_that_ends_within_an_output_keeps_what_came_before():
    assert without_outputs('{"cells": [{"source": "a", "outputs": [{"text": ["b') == (
        '{"cells": [{"source": "a", "outputs": []'
    )


@pytest.mark.parametrize("parts", [outputs._MAX_TOKENS - 10, outputs._MAX_TOKENS + 10])
def test_what_has_too_many_parts_comes_back_as_it_is(parts):
    text = '{"outputs":[' + "[]" * (parts // 2) + "]}"
    assert (without_outputs(text) == text) is (parts > outputs._MAX_TOKENS)
