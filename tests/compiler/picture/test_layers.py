"""No two boxes of a drawing touch, no link runs through a box, and the same flow is always drawn alike."""

from __future__ import annotations

from itertools import combinations

from hypothesis import given, settings
from hypothesis import strategies as st

from pgflowc.picture.layers import Arrangement, Place, Segment, Size, arrange


@st.composite
def graphs(draw: st.DrawFn) -> tuple[list[Size], list[tuple[int, int]]]:
    count = draw(st.integers(1, 40))
    extent = st.sampled_from([20.0, 34.0, 72.0, 160.0, 320.0])
    sizes = [Size(draw(extent), draw(extent)) for _ in range(count)]
    links = []
    for target in range(1, count):
        sources = draw(st.lists(st.integers(0, target - 1), max_size=3, unique=True))
        links += [(source, target) for source in sources]
    return sizes, links


@settings(max_examples=25, deadline=None)
@given(graphs())
def test_boxes_and_links_keep_apart(graph: tuple[list[Size], list[tuple[int, int]]]) -> None:
    sizes, links = graph
    drawn = arrange(sizes, links)
    assert [box.size for box in drawn.boxes] == sizes
    for one, other in combinations(drawn.boxes, 2):
        assert not _overlap(_area(one), _area(other))
    for index, box in enumerate(drawn.boxes):
        for piece in (*drawn.lanes, *drawn.segments):
            if piece.box != index and not (piece.source == index and _starts_at(piece, box)):
                for part in _parts(piece):
                    assert not _overlap(_area(box), part)
    assert arrange(sizes, links) == drawn


@settings(max_examples=25, deadline=None)
@given(graphs())
def test_following_the_pieces_leads_from_each_source_to_its_targets(
    graph: tuple[list[Size], list[tuple[int, int]]],
) -> None:
    sizes, links = graph
    drawn = arrange(sizes, links)
    for source, box in enumerate(drawn.boxes):
        assert _reached(drawn, source, box) == {target for start, target in links if start == source}


def test_nothing_to_draw_is_an_empty_drawing() -> None:
    assert arrange([], []) == Arrangement((), (), (), Size(0.0, 0.0))


def test_a_link_that_passes_layers_is_straight_where_nothing_is_in_its_way() -> None:
    size = Size(80.0, 30.0)
    drawn = arrange([size] * 4, [(0, 1), (1, 2), (2, 3), (0, 3)])
    (first, second) = drawn.lanes
    assert abs(first.leave[1] - second.leave[1]) < 1.0


def _reached(drawn: Arrangement, source: int, box: Place) -> set[int]:
    pieces = [piece for piece in (*drawn.lanes, *drawn.segments) if piece.source == source]
    ends, found = {(box.along + box.size.along, box.middle)}, set()
    for piece in sorted(pieces, key=lambda piece: piece.leave[0]):
        if piece.leave in ends:
            ends.add(piece.arrive)
            if piece.box is not None:
                found.add(piece.box)
    return found


def _starts_at(piece: Segment, box: Place) -> bool:
    return piece.leave == (box.along + box.size.along, box.middle)


Area = tuple[float, float, float, float]


def _area(place: Place) -> Area:
    return (place.along, place.across, place.along + place.size.along, place.across + place.size.across)


def _parts(piece: Segment) -> list[Area]:
    """What the piece covers: two straight stretches, and the hull of the curve in the gap."""
    (start, from_), (end, to) = piece.leave, piece.arrive
    near, far = piece.gap
    if near == far:
        return [(start, from_, end, to)]
    return [(start, from_, near, from_), (near, min(from_, to), far, max(from_, to)), (far, to, end, to)]


def _overlap(one: Area, other: Area) -> bool:
    slack = 0.01
    return (
        one[0] < other[2] - slack
        and other[0] < one[2] - slack
        and one[1] < other[3] - slack
        and other[1] < one[3] - slack
    )
