"""The cone of one node's entries: what changes in a graph when each entry moves, and nothing else.

Moving entry (p, q) of W moves one row of W @ x: the other rows stay. A *tied* stack keeps only what
moves: its axes are the sign of the step, the entry that moved (one axis per axis of the source),
then the axes of the node that are free. A tied axis of the node has no axis of its own, because it
equals an axis of the entry. Elementwise functions keep the ties; an einsum, linear in each operand,
passes differences on and unties the axes it sums over. Everything else gets a full stack.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..calculus.batching import lift, repeat
from ..tape import ops, sizes
from ..tape.builder import Builder
from ..tape.sizes import Dim, Shape

Ties = tuple[int | None, ...]  # per axis of a node: the axis of the entry that it equals, or None
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


@dataclass(frozen=True, slots=True)
class Tied:
    """A stack that keeps what moves: node id of shape (signs, *entry, *free axes)."""

    id: int
    ties: Ties


class Cone:
    """Adds to a builder the stacks of nodes for every entry of `source` moved by signs * steps.

    `signs` and `steps` are node ids, of shape (count,) and the source's shape. A full stack has
    `rows` = count * (number of entries) in front, the sign varying slowest.
    """

    def __init__(self, b: Builder, source: int, signs: int, steps: int) -> None:
        self.b, self.source = b, source
        self.entry: Shape = b.shapes[source]
        self.count: Dim = b.shapes[signs][0]
        self.rows = self.count * sizes.product(self.entry)
        self.full: dict[int, int] = {}
        self.tied: dict[int, Tied] = {}
        rank = len(self.entry)
        place = LETTERS[1 : 1 + rank]
        moved = b.contract(f"A,{place}->A{place}", signs, steps)
        ties: Ties = tuple(range(rank))
        self.tied[source] = Tied(b.map("add", self.local(source, ties), moved), ties)

    def __contains__(self, at: int) -> bool:
        return at in self.tied or at in self.full

    def step(self, at: int) -> None:
        """Add the stack of a node, one of whose operands has one."""
        op, args = self.b.ops[at], self.b.args[at]
        found = {ops.Map: self._map, ops.Contract: self._contract, ops.Broadcast: self._broadcast}
        rule = found.get(type(op))
        tied = rule(at) if rule is not None and not any(arg in self.full for arg in args) else None
        if tied is None:
            flags = tuple(arg in self for arg in args)
            mapped = tuple(self.stack(arg) if arg in self else arg for arg in args)
            self.full[at] = lift(self.b, op, mapped, flags, self.rows)
        elif any(tie is not None for tie in tied.ties):
            self.tied[at] = tied
        else:
            self.full[at] = self.b.emit(ops.Reshape((self.rows, *self.b.shapes[at])), tied.id)

    def stack(self, at: int) -> int:
        """The id of the full stack of a node, of shape (rows, *shape of the node)."""
        if at not in self.full:
            b, tied = self.b, self.tied[at]
            delta, have = self._difference(at), self._letters(tied.ties)
            names = self._names(at, "")
            for axis, tie in enumerate(tied.ties):
                if tie is not None:
                    eye = b.emit(ops.Eye(self.entry[tie]))
                    pair = LETTERS[1 + tie] + names[axis]
                    delta = b.contract(f"{have},{pair}->{have}{names[axis]}", delta, eye)
                    have += names[axis]
            lead = have[: 1 + len(self.entry)]
            delta = b.contract(f"{have}->{lead}{''.join(names)}", delta)
            delta = b.emit(ops.Reshape((self.rows, *b.shapes[at])), delta)
            self.full[at] = b.map("add", repeat(b, at, self.rows), delta)
        return self.full[at]

    def local(self, at: int, ties: Ties) -> int:
        """A node that does not move, laid out as a stack with these ties."""
        free = [axis for axis, tie in enumerate(ties) if tie is None]
        shape = self.b.shapes[at]
        target = (self.count, *self.entry, *(shape[axis] for axis in free))
        lead = 1 + len(self.entry)
        axes = (lead + free.index(a) if tie is None else 1 + tie for a, tie in enumerate(ties))
        return self.b.spread(at, target, tuple(axes))

    def _difference(self, at: int) -> int:
        """By how much the entries that move have moved."""
        tied = self.tied[at]
        return self.b.map("sub", tied.id, self.local(at, tied.ties))

    def _names(self, at: int, taken: str) -> list[str]:
        """A letter for each axis of a node, none of the stack's."""
        lead = LETTERS[: 1 + len(self.entry)]
        fresh = (letter for letter in LETTERS if letter not in lead + taken)
        return [next(fresh) for _ in self.b.shapes[at]]

    def _letters(self, ties: Ties) -> str:
        lead = LETTERS[: 1 + len(self.entry)]
        fresh = [letter for letter in LETTERS if letter not in lead][: len(ties)]
        return lead + "".join(fresh[axis] for axis, tie in enumerate(ties) if tie is None)

    # -------------------------------------------------------------- operations that keep ties

    def _map(self, at: int) -> Tied | None:
        """Elementwise: entries that do not move stay as they are."""
        args = self.b.args[at]
        ties = {self.tied[arg].ties for arg in args if arg in self.tied}
        if len(ties) != 1:
            return None
        (kept,) = ties
        operands = [self.tied[a].id if a in self.tied else self.local(a, kept) for a in args]
        return Tied(self.b.emit(self.b.ops[at], *operands), kept)

    def _broadcast(self, at: int) -> Tied:
        """The new axes are free."""
        op: Any = self.b.ops[at]
        inner = self.tied[self.b.args[at][0]]
        ties: list[int | None] = [None] * len(op.shape)
        for axis, tie in zip(op.axes, inner.ties, strict=True):
            ties[axis] = tie
        free = [axis for axis, tie in enumerate(ties) if tie is None]
        lead = 1 + len(self.entry)
        kept = (axis for axis, tie in zip(op.axes, inner.ties, strict=True) if tie is None)
        axes = (*range(lead), *(lead + free.index(axis) for axis in kept))
        target = (self.count, *self.entry, *(op.shape[axis] for axis in free))
        return Tied(self.b.spread(inner.id, target, axes), tuple(ties))

    def _contract(self, at: int) -> Tied | None:
        """Linear in the one operand that moves: y + the einsum of its difference."""
        op: Any = self.b.ops[at]
        args = self.b.args[at]
        moving = [slot for slot, arg in enumerate(args) if arg in self.tied]
        letters = op.inputs[moving[0]]
        if len(moving) > 1 or len(set(letters)) < len(letters):
            return None
        ties = self.tied[args[moving[0]]].ties
        fresh = iter(letter for letter in LETTERS if letter not in op.spec)
        lead = [next(fresh) for _ in range(1 + len(self.entry))]
        at_entry = {
            letter: lead[1 + tie]
            for letter, tie in zip(letters, ties, strict=True)
            if tie is not None
        }
        table = str.maketrans(at_entry)
        inputs = [part.translate(table) for part in op.inputs]
        free = "".join(letter for letter in letters if letter not in at_entry)
        inputs[moving[0]] = "".join(lead) + free
        kept = "".join(letter for letter in op.output if letter not in at_entry)
        operands = [*args]
        operands[moving[0]] = self._difference(args[moving[0]])
        delta = self.b.contract(f"{','.join(inputs)}->{''.join(lead)}{kept}", *operands)
        index = dict(zip(letters, ties, strict=True))
        new: Ties = tuple(index.get(letter) for letter in op.output)
        return Tied(self.b.map("add", self.local(at, new), delta), new)
