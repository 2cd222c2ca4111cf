"""The layered drawing of a graph without cycles: who stands in which layer, in which order, and where.

The steps of Sugiyama, Tagawa and Toda (1981): layers by longest path, crossings reduced by sweeps of
barycentres, positions by least squares. A link that passes layers gets a place in each of them, so it never
runs through a box; links with one source share these places, since they carry the same thing.

Geometry is along (from layer to layer) and across (within a layer); the caller decides which of them is x.
Everything is deterministic.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

_SWEEPS = 24
_RELAXATIONS = 30
# Beyond this size the last few crossings are not worth the time.
_EXCHANGES_UP_TO = 1_000
_GAP_ACROSS = 22.0
_LANE = 10.0
_SHORTEST_GAP = 40.0
_LONGEST_GAP = 150.0
# A link that passes layers should be straight, before anything else.
_WEIGHTS = {0: 1.0, 1: 3.0, 2: 12.0}


@dataclass(frozen=True, slots=True)
class Size:
    """How much room a box takes along and across."""

    along: float
    across: float


@dataclass(frozen=True, slots=True)
class Place:
    """A box's or a lane's rectangle: the near corner and the size. A lane is as long as its layer."""

    along: float
    across: float
    size: Size

    @property
    def middle(self) -> float:
        """The centre, across."""
        return self.across + self.size.across / 2


@dataclass(frozen=True, slots=True)
class Segment:
    """A piece of a link through the gap between two layers. `box`: the box at which it ends, if it does.

    `leave` and `arrive` are (along, across) points; `gap` is the stretch along in which nothing else stands.
    """

    source: int
    leave: tuple[float, float]
    arrive: tuple[float, float]
    gap: tuple[float, float]
    box: int | None


@dataclass(frozen=True, slots=True)
class Arrangement:
    """Where everything goes: boxes in the order given, lanes of long links, and the links' pieces."""

    boxes: tuple[Place, ...]
    lanes: tuple[Segment, ...]
    segments: tuple[Segment, ...]
    size: Size


@dataclass(slots=True)
class _Graph:
    """The boxes and the places of long links, from `boxes` on: `source` says whose link it is."""

    sizes: list[Size]
    rank: list[int]
    source: list[int]
    boxes: int
    after: list[list[int]] = field(default_factory=list)
    before: list[list[int]] = field(default_factory=list)

    def is_lane(self, node: int) -> bool:
        return node >= self.boxes

    def weight(self, one: int, other: int) -> float:
        return _WEIGHTS[self.is_lane(one) + self.is_lane(other)]


def arrange(sizes: Sequence[Size], links: Sequence[tuple[int, int]]) -> Arrangement:
    """Places for the boxes and their links; `links` go from earlier boxes to later ones."""
    graph = _with_lanes(sizes, sorted(set(links)))
    layers = _ordered(graph)
    middles = _across(graph, layers)
    return _measured(graph, layers, middles)


def _with_lanes(sizes: Sequence[Size], links: Sequence[tuple[int, int]]) -> _Graph:
    rank = [0] * len(sizes)
    for source, target in sorted(links, key=lambda link: link[1]):
        rank[target] = max(rank[target], rank[source] + 1)
    targets: list[list[int]] = [[] for _ in sizes]
    fed = set()
    for source, target in links:
        targets[source].append(target)
        fed.add(target)
    for node in reversed(range(len(sizes))):
        # A root stands beside what needs it.
        if node not in fed and targets[node]:
            rank[node] = min(rank[target] for target in targets[node]) - 1
    graph = _Graph(list(sizes), rank, list(range(len(sizes))), len(sizes))
    graph.after = [[] for _ in sizes]
    for source, reached in enumerate(targets):
        _lay_lanes(graph, source, reached)
    graph.before = [[] for _ in graph.after]
    for node, reached in enumerate(graph.after):
        for target in reached:
            graph.before[target].append(node)
    return graph


def _lay_lanes(graph: _Graph, source: int, targets: Sequence[int]) -> None:
    """Links of one source: one lane through the layers, left at each target's."""
    lane = source
    for target in sorted(targets, key=lambda node: graph.rank[node]):
        while graph.rank[lane] < graph.rank[target] - 1:
            graph.after[lane].append(len(graph.sizes))
            graph.sizes.append(Size(0.0, _LANE))
            graph.rank.append(graph.rank[lane] + 1)
            graph.source.append(source)
            graph.after.append([])
            lane = len(graph.sizes) - 1
        graph.after[lane].append(target)


def _ordered(graph: _Graph) -> list[list[int]]:
    layers: list[list[int]] = [[] for _ in range(max(graph.rank, default=-1) + 1)]
    for node in sorted(range(len(graph.rank)), key=lambda node: graph.source[node]):
        layers[graph.rank[node]].append(node)
    best, fewest = [list(layer) for layer in layers], _crossings(graph, layers)
    for sweep in range(_SWEEPS):
        if fewest == 0:
            break
        forward = sweep % 2 == 0
        for fixed, free in pairwise(layers if forward else layers[::-1]):
            _sort_by_neighbours(free, fixed, graph.before if forward else graph.after)
        if len(graph.sizes) <= _EXCHANGES_UP_TO:
            _exchange(graph, layers)
        found = _crossings(graph, layers)
        if found < fewest:
            best, fewest = [list(layer) for layer in layers], found
    return best


def _sort_by_neighbours(free: list[int], fixed: Sequence[int], neighbours: Sequence[Sequence[int]]) -> None:
    """Order a layer by the mean places of its neighbours; those without any keep their place."""
    place = {node: index for index, node in enumerate(fixed)}
    scale = max(len(fixed), 1) / max(len(free), 1)
    keys = {}
    for index, node in enumerate(free):
        linked = [place[other] for other in neighbours[node]]
        keys[node] = sum(linked) / len(linked) if linked else index * scale
    free.sort(key=keys.__getitem__)


def _exchange(graph: _Graph, layers: Sequence[list[int]]) -> None:
    """Swap neighbours in a layer while that takes crossings away."""
    for index, layer in enumerate(layers):
        sides = []
        for near, neighbours in ((index - 1, graph.before), (index + 1, graph.after)):
            if 0 <= near < len(layers):
                place = {node: at for at, node in enumerate(layers[near])}
                sides.append({node: sorted(place[other] for other in neighbours[node]) for node in layer})
        for at in range(len(layer) - 1):
            one, other = layer[at], layer[at + 1]
            now = sum(_inversions(side[one], side[other]) for side in sides)
            swapped = sum(_inversions(side[other], side[one]) for side in sides)
            if swapped < now:
                layer[at], layer[at + 1] = other, one


def _inversions(first: Sequence[int], second: Sequence[int]) -> int:
    """Crossings of the links of two neighbours, whose other ends are these sorted places."""
    return sum(bisect_left(second, place) for place in first)


def _crossings(graph: _Graph, layers: Sequence[Sequence[int]]) -> int:
    total = 0
    for layer, following in pairwise(layers):
        place = {node: index for index, node in enumerate(following)}
        seen: list[int] = []
        for node in layer:
            ends = sorted(place[other] for other in graph.after[node])
            total += sum(len(seen) - bisect_left(seen, end + 1) for end in ends)
            for end in ends:
                insort(seen, end)
    return total


def _across(graph: _Graph, layers: Sequence[Sequence[int]]) -> list[float]:
    """The middle of each node, across: near its neighbours, and apart from the next in its layer."""
    middles = [0.0] * len(graph.sizes)
    for layer in layers:
        for offset, node in zip(_offsets(graph, layer), layer, strict=True):
            middles[node] = offset
    order = range(len(layers))
    for round_ in range(_RELAXATIONS):
        for index in order if round_ % 2 == 0 else reversed(order):
            _settle(graph, layers[index], middles, both=round_ >= 2, forward=round_ % 2 == 0)
    lowest = min((middles[node] - graph.sizes[node].across / 2 for node in range(len(middles))), default=0.0)
    return [middle - lowest for middle in middles]


def _settle(graph: _Graph, layer: Sequence[int], middles: list[float], *, both: bool, forward: bool) -> None:
    wanted, weights = [], []
    for node in layer:
        linked = (
            [*graph.before[node], *graph.after[node]]
            if both
            else (graph.before if forward else graph.after)[node]
        )
        total = sum(graph.weight(node, other) for other in linked)
        pull = sum(graph.weight(node, other) * middles[other] for other in linked)
        wanted.append(pull / total if total else middles[node])
        weights.append(total or 0.1)
    offsets = _offsets(graph, layer)
    free = [want - offset for want, offset in zip(wanted, offsets, strict=True)]
    for node, place, offset in zip(layer, _isotonic(free, weights), offsets, strict=True):
        middles[node] = place + offset


def _offsets(graph: _Graph, layer: Sequence[int]) -> list[float]:
    """Where the middles would be if the layer were packed as tightly as it may."""
    offsets: list[float] = []
    end = 0.0
    for node in layer:
        half = graph.sizes[node].across / 2
        offsets.append(end + half)
        end += half * 2 + (_LANE if graph.is_lane(node) else _GAP_ACROSS)
    return offsets


def _isotonic(values: Sequence[float], weights: Sequence[float]) -> list[float]:
    """The nearest sequence, by weighted squares, that never falls: pool adjacent violators."""
    pools: list[tuple[float, float, int]] = []  # mean, weight, length
    for value, weight in zip(values, weights, strict=True):
        mean, total, length = value, weight, 1
        while pools and pools[-1][0] > mean:
            before, heavy, many = pools.pop()
            mean = (before * heavy + mean * total) / (heavy + total)
            total, length = heavy + total, many + length
        pools.append((mean, total, length))
    return [mean for mean, _, length in pools for _ in range(length)]


def _measured(graph: _Graph, layers: Sequence[Sequence[int]], middles: Sequence[float]) -> Arrangement:
    starts, ends = [], []
    at = 0.0
    for index, layer in enumerate(layers):
        starts.append(at)
        ends.append(at + max(graph.sizes[node].along for node in layer))
        steepest = max((abs(middles[n] - middles[m]) for n in layer for m in graph.after[n]), default=0.0)
        at = ends[index] + min(_SHORTEST_GAP + 0.22 * steepest, _LONGEST_GAP)
    places = []
    for node, size in enumerate(graph.sizes):
        start, end = starts[graph.rank[node]], ends[graph.rank[node]]
        along = end - start if graph.is_lane(node) else size.along
        place = Size(along, size.across)
        places.append(Place(start + (end - start - along) / 2, middles[node] - size.across / 2, place))
    segments = [
        Segment(
            source=graph.source[node],
            leave=(places[node].along + places[node].size.along, places[node].middle),
            arrive=(places[target].along, places[target].middle),
            gap=(ends[graph.rank[node]], starts[graph.rank[target]]),
            box=None if graph.is_lane(target) else target,
        )
        for node in range(len(graph.sizes))
        for target in graph.after[node]
    ]
    lanes = [
        Segment(
            source=graph.source[node],
            leave=(place.along, place.middle),
            arrive=(place.along + place.size.along, place.middle),
            gap=(place.along, place.along),
            box=None,
        )
        for node, place in enumerate(places)
        if graph.is_lane(node)
    ]
    across = max((place.across + place.size.across for place in places), default=0.0)
    whole = Size(max(ends, default=0.0), across)
    return Arrangement(tuple(places[: graph.boxes]), tuple(lanes), tuple(segments), whole)
