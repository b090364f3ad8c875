"""A board holds places as bytes: whoever reads it finds the ranks that counting would."""

import uuid

from hypothesis import given
from hypothesis import strategies as st
from studyhall.rewards.boards import Board, Place

XP = st.integers(min_value=-50, max_value=50) | st.integers(min_value=-(2**62), max_value=2**62)


def board_of(learners):
    """Return the board as PostgreSQL would send it, and its order."""
    order = sorted(learners.items(), key=lambda one: (-one[1], one[0]))
    ids = b"".join(user_id.bytes for user_id, _ in order)
    turned = b"".join((-xp).to_bytes(8, "big", signed=True) for _, xp in order)
    return Board(ids, turned, len(order)), order


@given(st.dictionaries(st.uuids(), XP, max_size=30), st.integers(min_value=0, max_value=40), XP)
def test_ranks_are_those_of_counting(learners, limit, somebodys):
    board, order = board_of(learners)

    def rank(xp):
        return 1 + sum(other > xp for other in learners.values())

    assert board.first(limit) == [Place(user_id, xp, rank(xp)) for user_id, xp in order[:limit]]
    for user_id, xp in learners.items():
        assert board.place_of(user_id) == Place(user_id, xp, rank(xp))
    assert board.rank_of(somebodys) == rank(somebodys)
    stranger = uuid.uuid4()
    assert board.place_of(stranger) is None


def test_an_empty_board_has_a_first_place_to_take():
    assert Board().first(10) == []
    assert Board().rank_of(5) == 1
    assert Board().is_small
