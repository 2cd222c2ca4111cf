"""What is right in a YAML text in spite of its syntax errors, and where the others are.

A parser stops at the first error, and the place may be far below the slip: an open quote ends at the next
one. So the text is taken apart by its indentation, and the smallest block that the parser refuses by itself
is the one at fault. It is reported, its value is cut out, and the parser goes on with the rest. Nothing is
concluded from what is missing: cut values become `Refused`, and mappings that may have lost keys are
`incomplete`.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from pgflowc.diagnostics import Code, Diagnostic, Report
from pgflowc.diagnostics.codes import syntax
from pgflowc.document.source import Source
from pgflowc.document.yaml_blocks import Block, blocks, inner, is_entry, margin
from pgflowc.document.yaml_cuts import MAX_DEPTH, ROOT, TOO_DEEP, Cuts
from pgflowc.document.yaml_fault import diagnose

_MOST_FAULTS = 20
_MOST_TRIED = 8
_LONGEST = 3_000_000
_MOST_CHARACTERS = 6_000_000
_PLACEHOLDER = "~"
_SEPARATOR = re.compile(r"[ \t]*(?:-[ \t]?-|—|\.\.\.)|.*---")
_WORD = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class Failure:
    """The parser's refusal, as offsets into what it read: `last` is where its last event began."""

    problem: str
    offset: int
    context: int | None
    last: int
    cost: int

    @property
    def places(self) -> list[int]:
        """All the places: that of the last event, of the refusal and, if there is one, of its context."""
        return [self.last, self.offset, *([] if self.context is None else [self.context])]


class UnrecoverableError(Exception):
    """The rest of the text makes no sense; the faults that are certain were reported."""


Try = Callable[[str], Failure | None]
"""Has a parser read a text; None if it could."""


def recover(source: Source, start: int, text: str, attempt: Try, report: Report) -> tuple[str, Cuts]:
    """`text`, the document that begins at `start` of the source, without its faults, and what was cut.

    The faults are reported, at least one. What is cut becomes blank, so that every offset stays. Raises
    UnrecoverableError.
    """
    return _Recovery(source, start, text, attempt, report).run()


class _Recovery:
    def __init__(self, source: Source, start: int, text: str, attempt: Try, report: Report) -> None:
        self._source = source
        self._base = start
        self._text = text
        self._attempt = attempt
        self._report = report
        self._left = _MOST_CHARACTERS
        self._cuts = Cuts()
        self._faults: list[Diagnostic] = []

    def run(self) -> tuple[str, Cuts]:
        first = failure = self._attempt(self._text)
        try:
            for _ in range(_MOST_FAULTS):
                if failure is None:
                    return self._text, self._moved()
                self._mend(failure)
                failure = self._fails(self._text)
            raise UnrecoverableError
        except UnrecoverableError:
            if first is not None and not self._faults:
                # What follows from a cut is not told from a fault, but this is one.
                self._report.add(self._diagnose(self._source, 0, first))
            raise
        finally:
            self._report.extend(self._faults)

    def _mend(self, failure: Failure) -> None:
        located = self._locate(self._content(), (), failure) if len(self._text) <= _LONGEST else None
        if located is None:
            raise UnrecoverableError  # Nothing is wrong with any block alone.
        chain, failure = located
        fault = self._fault(chain, failure)
        self._faults.append(fault)
        self._cut(chain, fault)

    def _moved(self) -> Cuts:
        """The cuts as offsets into the source."""
        base = self._base
        return Cuts(
            {place + base: (start + base, end + base) for place, (start, end) in self._cuts.values.items()},
            {ROOT if place == ROOT else place + base for place in self._cuts.incomplete},
            self._cuts.words,
        )

    def _content(self) -> list[Block]:
        """The outermost blocks, behind the line that begins the document."""
        start = 0
        if self._text.startswith("---"):
            start = self._text.find("\n") + 1
            if not start or self._text[3:start].split("#")[0].strip():
                return []
        return blocks(self._text, start, len(self._text))

    # Finding the block at fault.

    def _fails(self, text: str) -> Failure | None:
        failure = self._attempt(text)
        self._left -= failure.cost if failure else len(text)
        if self._left < 0:
            raise UnrecoverableError
        return failure

    def _locate(
        self, siblings: list[Block], above: tuple[Block, ...], failure: Failure
    ) -> tuple[tuple[Block, ...], Failure] | None:
        """The smallest block that fails by itself, behind those around it, and how; None if none does.

        `failure` is that of the siblings together.
        """
        starts = [block.start for block in siblings]
        at = [max(bisect_right(starts, offset) - 1, 0) for offset in failure.places]
        nearby = range(min(at[:2]), min(max(at[:2]), min(at[:2]) + _MOST_TRIED))
        for block in [siblings[place] for place in sorted({*at, *nearby})] if siblings else []:
            chain = (*above, block)
            own = self._fails_alone(self._text, chain)
            if own is not None:
                if own.problem == TOO_DEEP and len(chain) == MAX_DEPTH:
                    return chain, own
                return self._locate(inner(self._text, block), chain, own) or (chain, own)
        return None

    def _fails_alone(self, text: str, chain: tuple[Block, ...]) -> Failure | None:
        """How the last block of the chain fails beneath the mere keys of the others."""
        excerpt = _Excerpt(text, chain)
        failure = self._fails(excerpt.text)
        return excerpt.placed(failure) if failure else None

    def _fault(self, chain: tuple[Block, ...], failure: Failure) -> Diagnostic:
        end = self._base + chain[-1].end
        # What follows the block is not what made the parser give up.
        alone = Source(self._source.path, self._source.text[:end])
        fault = self._diagnose(alone, chain[-1].start, failure)
        # Tabs are mended everywhere at once.
        return self._diagnose(self._source, 0, failure) if fault.code is syntax.TAB else fault

    def _diagnose(self, source: Source, start: int, failure: Failure) -> Diagnostic:
        context = None if failure.context is None else self._base + failure.context
        offset = min(self._base + failure.offset, len(source.text))
        return diagnose(source, failure.problem, self._base + start, offset, context)

    # Cutting.

    def _cut(self, chain: tuple[Block, ...], fault: Diagnostic) -> None:
        """Cut as little around the fault as lets the parser read what is left of the block."""
        assert fault.span is not None
        line = self._source.offset(fault.span.start.line, 1) - self._base
        written = self._text[line : self._text.find("\n", line) + 1].rstrip()
        if _SEPARATOR.match(written):
            raise UnrecoverableError  # What follows was meant to be another document.
        if len(chain) > 1 and (
            # What follows belongs to a key that stands in the wrong line.
            (written.endswith(":") and line <= chain[-1].start) or self._is_doubtful(chain, line)
        ):
            chain = chain[:-1]
        for left, text, cuts in self._ways(chain, line, fault.code):
            if not left or self._fails_alone(text, left) is None:
                self._text = text
                self._cuts.values |= cuts.values
                self._cuts.incomplete |= cuts.incomplete
                self._cuts.words |= cuts.words
                break
        if fault.code is syntax.UNCLOSED and chain[-1].end == len(self._text):
            self._cuts.incomplete.add(ROOT)  # The rest of the text may not be written yet.

    def _is_doubtful(self, chain: tuple[Block, ...], line: int) -> bool:
        """Whether it may be the first of the blocks beside which is indented wrongly, and not the line."""
        block, parent = chain[-1], chain[-2]
        is_between = parent.indent < margin(self._text, line) < block.indent and line > block.start
        return is_between and inner(self._text, parent)[0].start == block.start

    def _ways(
        self, chain: tuple[Block, ...], line: int, code: Code
    ) -> Iterator[tuple[tuple[Block, ...], str, Cuts]]:
        """Texts with something cut, and the chain to what is left of the block, empty if nothing is."""
        block = chain[-1]
        column = margin(self._text, line)
        is_outside = block.start < line < block.end and column <= block.indent
        # Of a line behind a tab nobody knows where it belongs.
        if is_outside and code is not syntax.TAB and not any(one.is_item for one in chain):
            keys = [ROOT, *(one.start for one in chain[:-1])]
            place = bisect_right([one.indent for one in chain], column)
            around = {keys[max(place - 1, 0)], keys[min(place, len(keys) - 1)]}
            # The line belongs beside the block, or further out, unless it is a part of its value.
            if self._is_complete(block, line):
                yield chain, self._blanked(line, block.end), self._lost(line, block.end, around)
        while chain:
            block, parent = chain[-1], chain[-2] if len(chain) > 1 else None
            key = parent.start if parent else ROOT
            if block.value is not None and self._text[block.value : block.end].strip():
                # What stands behind the value may have been meant to stand beside it.
                lost = {key} if code is not syntax.UNCLOSED or self._has_entries(block) else set()
                yield chain, *self._without_value(block, lost)
            if parent is None or not parent.is_item:
                yield (), self._blanked(block.start, block.end), self._lost(block.start, block.end, {key})
            chain = chain[:-1]

    def _is_complete(self, block: Block, line: int) -> bool:
        """Whether the block has a value above the line, and that does not end with half a key."""
        above = self._text[block.start : line].rstrip()
        last = block.start + above.rfind("\n") + 1
        return block.value is None or (
            block.start + len(above) > block.value
            and (last == block.start or is_entry(self._text, last, line))
        )

    def _has_entries(self, block: Block) -> bool:
        at = self._text.find("\n", block.start, block.end) + 1
        while at:
            if is_entry(self._text, at, block.end):
                return True
            at = self._text.find("\n", at, block.end) + 1
        return False

    def _without_value(self, block: Block, incomplete: set[int]) -> tuple[str, Cuts]:
        assert block.value is not None
        written = self._text[block.value : block.end]
        start = block.value + len(written) - len(written.lstrip())
        end = block.value + len(written.rstrip())
        blank = f" {_PLACEHOLDER}".ljust(len(written))
        if written.endswith("\n"):
            blank = f" {_PLACEHOLDER}".ljust(len(written) - 1) + "\n"
        text = self._text[: block.value] + blank + self._text[block.end :]
        cuts = self._lost(block.start, block.end, incomplete)
        cuts.values[block.value + 1] = (start, end)
        return text, cuts

    def _lost(self, start: int, end: int, incomplete: set[int]) -> Cuts:
        return Cuts(incomplete=incomplete, words=set(_WORD.findall(self._text, start, end)))

    def _blanked(self, start: int, end: int) -> str:
        blank = "".join(sign if sign in "\r\n" else " " for sign in self._text[start:end])
        return self._text[:start] + blank + self._text[end:]


class _Excerpt:
    """A block beneath the mere keys of those around it, as a text of its own."""

    def __init__(self, text: str, chain: tuple[Block, ...]) -> None:
        lines: list[str] = []
        self._starts: list[int] = []
        self._origins: list[int] = []
        length = 0
        for block in chain:
            self._starts.append(length + block.indent)
            self._origins.append(block.start)
            part = text[block.start : block.end] if block is chain[-1] else block.head(text) + "\n"
            lines.append(" " * block.indent + part)
            length += len(lines[-1])
        self.text = "".join(lines)

    def _origin(self, offset: int) -> int:
        """The offset in the whole text."""
        place = max(bisect_right(self._starts, offset) - 1, 0)
        return self._origins[place] + max(offset - self._starts[place], 0)

    def placed(self, failure: Failure) -> Failure:
        """The failure with offsets into the whole text."""
        return replace(
            failure,
            offset=self._origin(failure.offset),
            context=None if failure.context is None else self._origin(failure.context),
            last=self._origin(failure.last),
        )
