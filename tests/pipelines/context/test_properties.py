"""Counting, cutting and sharing out, for all texts: what fits is whole, what is made fits, priorities hold."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pipelines.context import allot, chunks, count_tokens, cut, estimate_tokens, least_tokens, marker_size, most_tokens

TEXTS = st.text(max_size=400) | st.lists(
    st.sampled_from(
        ["word ", "Two words. ", "\n", "\n\n", "日本語。", "é", "e\u0301", "👍🏽", "🇩🇪", "x = 1\n", "1234", "\ud800"]
    ),
    max_size=120,
).map("".join)
SIZES = st.lists(st.tuples(st.integers(0, 500), st.integers(0, 60), st.integers(0, 4)), min_size=1, max_size=12)


@given(TEXTS)
def test_the_bounds_hold_the_likely_count_and_nothing_is_nothing(text: str) -> None:
    count = count_tokens(text)
    assert 0 <= count.least <= count.likely <= count.most
    assert (count.likely == 0) == (text == "")
    assert count.most <= len(text.encode("utf-8", "surrogatepass"))


@given(TEXTS, TEXTS)
def test_a_text_never_counts_less_than_a_part_of_it_nor_more_than_its_parts(one: str, other: str) -> None:
    whole = count_tokens(one + other)
    assert whole.likely >= estimate_tokens(one)
    assert whole.likely <= estimate_tokens(one) + estimate_tokens(other)
    assert whole.most <= most_tokens(one) + most_tokens(other)
    assert whole.least >= least_tokens(one) + least_tokens(other)


@given(TEXTS, st.integers(0, 300), st.sampled_from(["start", "end", "both"]))
def test_what_is_cut_fits_and_what_fits_is_not_cut(text: str, most: int, keep: str) -> None:
    made = cut(text, most, keep)  # type: ignore[arg-type]
    if estimate_tokens(text) <= most:
        assert made.text == text
        assert made.left_out == 0
    else:
        assert estimate_tokens(made.text) <= most
        assert made.left_out > 0
        assert "tokens left out" in made.text or most < marker_size(estimate_tokens(text))
    assert cut(made.text, most, keep).text == made.text  # type: ignore[arg-type]


@given(TEXTS, st.integers(20, 300), st.sampled_from(["start", "end", "both"]))
def test_what_is_left_is_the_beginning_or_the_end_of_the_text(text: str, most: int, keep: str) -> None:
    made = cut(text, most, keep)  # type: ignore[arg-type]
    if made.left_out:
        before, _, rest = made.text.partition("[... about ")
        _, _, after = rest.partition("left out ...]")
        assert text.startswith(before.removesuffix("\n"))
        assert text.endswith(after.removeprefix("\n"))


@given(TEXTS, st.integers(1, 60))
def test_chunks_joined_are_the_text_and_each_is_small(text: str, most: int) -> None:
    made = chunks(text, most)
    assert "".join(made) == text
    assert all(each and (estimate_tokens(each) <= most or len(each) == 1) for each in made)


@given(SIZES, st.integers(0, 3000))
def test_shares_fit_and_no_part_gives_while_a_lower_one_has_more_than_its_floor(
    parts: list[tuple[int, int, int]], room: int
) -> None:
    sizes, floors, priorities = (list(each) for each in zip(*parts, strict=True))
    granted = allot(sizes, floors, priorities, room)
    least = [min(size, floor) for size, floor, _ in parts]
    if granted is None:
        assert sum(least) > room
        return
    assert sum(granted) <= max(room, sum(least))
    assert all(low <= got <= size for low, got, size in zip(least, granted, sizes, strict=True))
    if sum(sizes) <= room:
        assert list(granted) == sizes
    for mine, got in enumerate(granted):
        if got < sizes[mine]:
            lower = [other for other, each in enumerate(priorities) if each < priorities[mine]]
            assert all(granted[other] == least[other] for other in lower)
    again = allot(list(granted), floors, priorities, room)
    assert again == granted


@given(SIZES, st.integers(0, 3000))
def test_more_room_never_gives_a_level_less(parts: list[tuple[int, int, int]], room: int) -> None:
    sizes, floors, priorities = (list(each) for each in zip(*parts, strict=True))
    one, other = allot(sizes, floors, priorities, room), allot(sizes, floors, priorities, room + 50)
    if one is not None and other is not None:
        top = [index for index, each in enumerate(priorities) if each == max(priorities)]
        assert sum(other[index] for index in top) >= sum(one[index] for index in top)
