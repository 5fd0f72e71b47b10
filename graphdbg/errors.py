"""The exception tree. Every error says what was found, what was expected, where, and what to do.

    GraphError                    anything graphdbg refuses, with the span and the node where known
    +-- SourceError               the text is not a program of the language
    |   +-- UnknownNameError      a name or function nobody defined
    |   +-- UnsupportedError      valid Python or mathematics that is not (yet) in it
    +-- ShapeError                operands do not fit together
    +-- ValueGivenError           a value is missing, ragged, unreadable, of a wrong shape
    +-- FileError                 a file cannot be read or written, or is none
    +-- LimitError                more work than a limit allows; nothing of it was begun
    +-- DifferentiationError      a derivative was asked for that does not exist or is too large
    +-- UncheckedFormulaError     a formula disagreed with the numbers, so it is not shown
    +-- DrawingError              Graphviz is missing, or failed
        +-- SlowDrawingError      it took longer than it may
"""

from __future__ import annotations

from .source import Span, shown


class GraphError(Exception):
    """Anything graphdbg refuses; `span` and `node` tell where, when they are known.

    As text it is `shown`: a quoted name or line of a program shows every character it has.

    >>> raise GraphError("no output named 'g'")
    Traceback (most recent call last):
    ...
    graphdbg.errors.GraphError: no output named 'g'
    """

    def __init__(self, message: str, *, span: Span | None = None, node: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.span = span
        self.node = node

    def __str__(self) -> str:
        message = shown(self.message, lines=True)
        if self.span is None:
            return message
        return f"{shown(self.span.where())}: {message}\n{self.span.excerpt()}"


class SourceError(GraphError):
    """The text is not a program of the language."""


class UnknownNameError(SourceError):
    """A name or a function that nobody defined; the message suggests near ones."""


class UnsupportedError(SourceError):
    """Valid Python or mathematics that the language does not have (yet)."""


class ShapeError(GraphError):
    """Operands whose shapes do not fit together; the message names both."""


class ValueGivenError(GraphError):
    """A value that is missing, ragged, not finite, unreadable, or of a wrong shape."""


class FileError(GraphError):
    """A file that cannot be read or written, or is none: a folder, a device, a socket."""


class LimitError(GraphError):
    """More calls, nodes, bytes or products than a limit allows; nothing of it was begun."""


class DifferentiationError(GraphError):
    """A derivative that does not exist or would be too large to write out."""


class UncheckedFormulaError(GraphError):
    """A formula that disagreed with the numbers: it is withheld, never shown."""


class DrawingError(GraphError):
    """A picture that cannot be made: Graphviz is missing, or failed."""


class SlowDrawingError(DrawingError):
    """Graphviz took longer than it may, and was stopped."""
