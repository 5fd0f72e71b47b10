"""Command lines: what each replies, what is refused in words, and that no text does any harm."""

from __future__ import annotations

import time
from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

import graphdbg as gd
from graphdbg import GraphError, Session
from graphdbg.stepping.commands import COMMANDS, described, find, overview, unknown
from graphdbg.stepping.expressions import Expression, one_expression
from graphdbg.stepping.interpreter import Interpreter, Reply

SLOWEST = 20.0  # seconds of a command on a small program: what takes longer hangs
FUZZ = settings(
    max_examples=400, deadline=None, database=None, suppress_health_check=list(HealthCheck)
)
PROGRAM = """
def two(a, b):
    return a + b, a*b
W: Real[2, 2]
u, v = two(x, y)
h = softmax(W @ [u, v])
f = sum(h*h) + x
"""
POINT = {"W": [[1, 2], [3, 4]], "x": 0.1, "y": -0.2}


def fresh() -> Interpreter:
    return Interpreter(Session(gd.parse(PROGRAM), POINT))


def lecture() -> Interpreter:
    return Interpreter(Session(gd.parse("f=(x+y)z"), {"x": -2, "y": 5, "z": -4}))


def replies(talk: Interpreter, *lines: str) -> str:
    return [talk.execute(line).text for line in lines][-1]


# ------------------------------------------------------------------ the table of commands


def test_every_command_has_its_method_and_no_word_means_two() -> None:
    words = [word for each in COMMANDS if each.method for word in each.words]
    assert len(words) == len({*words})
    for each in COMMANDS:
        if each.method:
            assert callable(getattr(Interpreter, each.method)), each.name
            assert find(each.name) is each
            assert each.name in described(each) and each.help in described(each)
    text = "\n".join(overview())
    assert all(f"  {each.name}" in text for each in COMMANDS if each.method)


def test_lower_case_goes_on_and_upper_case_reverses() -> None:
    for key, name in {
        "n": "next", "N": "reverse-next", "s": "step", "S": "reverse-step", "c": "continue",
        "C": "reverse-continue", "f": "finish", "F": "reverse-finish", "G": "last",
        "g": "restart", "t": "until", "T": "reverse-until", "w": "where", "z": "undo",
    }.items():  # fmt: skip
        found = find(key)
        assert found is not None and found.name == name


def test_names_may_be_shortened_while_they_are_clear() -> None:
    assert find("reverse-c").name == "reverse-continue"  # type: ignore[union-attr]
    assert find("sea").name == "search"  # type: ignore[union-attr]
    assert find("re") is None and find("") is None
    assert "may be reverse-step" in unknown("re")
    assert "did you mean 'continue'?" in unknown("contine")
    assert "moves in the picture of the terminal app" in unknown("zoom")


# ------------------------------------------------------------------ replies


@pytest.mark.parametrize(
    ("lines", "text"),
    [
        (["print x + y"], "x + y = 3"),
        (["p q"], "q = — (not computed yet at this position)"),
        (["s", "p q"], "q = 3"),
        (["s", "p value"], "value = 3"),
        (["last", "p grad(x) + upstream(z)"], "grad(x) + upstream(z) = -1"),
        (["last", "p local(f, q)"], "local(f, q) = -4"),
        (["s", "p value(q) == value"], "value(q) == value = 1"),
        (["s 3", "p position"], "position = 3"),
        (["p [x, y, z]"], "[x, y, z] = [-2.  5. -4.]   shape (3,)"),
        (["p max(x, y) > 3 and z < 0"], "max(x, y) > 3 and z < 0 = 1"),
        (["s 6", "p f.d_x"], "f.d_x = — (not computed yet at this position)"),
        (["s 10", "p f.d_x + 1"], "f.d_x + 1 = -3"),
        (["s 6", "info node f.d_x"], "f.d_x = input\n  shape    ()\n  value    —\n"),
        (["# a comment"], ""),
        (["", "", ""], ""),
        (["s", "", ""], "<text>:1  backward, 3 of 12: seed\n-> f=(x+y)z\n   ∂f/∂f = 1"),
        (["display x*2", "undisplay 1", "display"], "nothing is displayed"),
        (["set x = y", "p x"], "x = 5"),
        (["/q"], "q = x + y\nf = q·z"),
        (["check q"], "check of f: passed"),
        (["last", "info node x"], "x = input\n  shape    ()\n  value    -2\n  gradient -4"),
    ],
)
def test_replies(lines: list[str], text: str) -> None:
    found = replies(lecture(), *lines)
    assert found.startswith(text) if text else found == ""


def test_printing_a_matrix_keeps_its_columns_together() -> None:
    assert replies(fresh(), "print W") == "W = shape (2, 2)\n[[1. 2.]\n [3. 4.]]"


def test_an_empty_line_repeats_a_motion_and_nothing_else() -> None:
    talk = lecture()
    talk.execute("step 2")
    talk.execute("")
    assert talk.session.position == 4
    talk.execute("nudge x 1")
    talk.execute("")
    assert float(talk.session.point["x"]) == -1


def test_repeated_steps_are_one_command_to_undo_and_stop_at_breakpoints() -> None:
    talk = lecture()
    talk.execute("step 5")
    talk.execute("undo")
    assert talk.session.position == 0
    talk.execute("break f")
    assert "breakpoint 1: node f" in talk.execute("step 9").text
    assert talk.session.position == 2


def test_messages_of_every_step_on_the_way_are_told() -> None:
    talk = lecture()
    talk.execute('log q "q = {q}"')
    talk.execute("log op mul f = {f}")
    assert talk.execute("step 3").text.startswith("q = 3\nf = -12\n")


def test_leaving() -> None:
    for word in ("quit", "q", "exit"):
        assert lecture().execute(word) == Reply(leaves=True)


def test_undo_says_which_input_has_its_old_value_again() -> None:
    talk = lecture()
    talk.execute("set z = 7")
    assert talk.execute("undo").text.startswith("z = -4\n")
    with pytest.raises(GraphError, match="there is nothing to take back"):
        talk.execute("undo")


def test_set_reads_files(tmp_path: Path) -> None:
    (tmp_path / "W.csv").write_text("1,2\n3,5\n")
    talk = fresh()
    talk.execute(f"set W = @ {tmp_path / 'W.csv'}")
    assert talk.session.point["W"].tolist() == [[1, 2], [3, 5]]
    with pytest.raises(GraphError, match="cannot read '.*none.npy' for 'W': No such file"):
        talk.execute(f"set W = @{tmp_path / 'none.npy'}")


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("ste", ["step"]),
        ("rev", ["reverse-step", "reverse-next", "reverse-finish", "reverse-continue",
                 "reverse-until", "reverse-iterate"]),
        ("catch ch", ["check-failed"]),
        ("help pri", ["print"]),
        ("info w", ["watches"]),
        ("break q", ["q"]),
        ("print grad(z", ["grad(z"]),
        ("print x+y", ["x+y"]),
        ("print local(f,q", ["local(f,q"]),
        ("", [each.name for each in COMMANDS if each.method]),
        ("bogus x", ["x"]),
        ("print nope", []),
    ],
)  # fmt: skip
def test_completions(line: str, found: list[str]) -> None:
    assert lecture().completions(line) == found


# ------------------------------------------------------------------ expressions

HOSTILE = (
    "().__class__", "x.__class__.__bases__", "().__class__.__mro__[1].__subclasses__()",
    "__import__('os').system('true')", "eval('1')", "exec('1')", "open('/etc/passwd')",
    "9**9**9**9", "2**10**10", "x**9**9**9", "(" * 10_000, "(" * 10_000 + "x" + ")" * 10_000,
    "[" * 5_000 + "]" * 5_000, "-" * 10_000 + "x", "x" + "+x" * 10_000, "not " * 3_000 + "x",
    "1" + "0" * 10_000, "0x" + "f" * 5_000, "1e99999", "zeros(10**9)", "zeros((10**5, 10**5))",
    "eye(10**6)", "ones((4000, 4000)) @ ones((4000, 4000)) @ ones((4000, 4000))",
    "range(10**12)", "sum(x for i in range(10**9))", "[x]*10**9", "arange(10**10)",
    "[[[[[x]*30]*30]*30]*30]*30", "broadcast_to(x, (10**5, 10**5))", "reshape(x, (1,)*1000)",
    "einsum('i,j,k,l->', ones(2000), ones(2000), ones(2000), ones(2000))",
    "lambda: 1", "x if y else z", "[i for i in [1]]", "{x: y}", "{x}", "f'{x}'", "'x'", "b'x'",
    "x; y", "x = 3", "x := 3", "(x := 3)", "x\ny", "x\ry", "x\x0cy", "import os", "del x",
    "while 1: x", "for i in range(10**9): x", "yield x", "await x", "*x", "**x", "x.y.z", "...",
    "grad", "grad()", "grad(x, y)", "grad(grad(x))", "grad(3)", "grad(x + 1)", "grad(*x)",
    "local(x)", "local(f, f)", "value()", "value(value)", "upstream(position)", "\x00", "\ud800",
    "x\u202ey", "𝕩", "ｘ", "x # y", "x \\", "@", "$x", "`x`", "?x", "!", "norm", "max()",
    "isnan()", "float('nan')", "print(x)", "_here", "value_here", "position_here", "True", "None",
)  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: ascii(text[:30]))
@pytest.mark.parametrize("command", ["print", "break h if", "watch", "display", "set x =", "log h"])
def test_hostile_expressions(command: str, text: str) -> None:
    talk = fresh()
    talk.execute("step")
    harmless(talk, f"{command} {text}")
    harmless(talk, f"{command} {{{text}}}")
    harmless(talk, "continue")


def harmless(talk: Interpreter, line: str) -> None:
    """Run a line, which answers in time or raises GraphError, and the session goes on."""
    begin = time.monotonic()
    try:
        reply = talk.execute(line)
        assert isinstance(reply.text, str)
        reply.text.encode("utf-8", "surrogatepass")
    except GraphError as error:
        assert str(error)
    assert time.monotonic() - begin < SLOWEST, line[:200]
    assert 0 <= talk.session.position <= talk.session.end


NAMES = ("value", "upstream", "position", "grad", "local", "accumulated")


@pytest.mark.parametrize("name", NAMES)
def test_a_programs_own_names_go_first(name: str) -> None:
    talk = Interpreter(Session(gd.parse(f"{name} = x*2; f = {name}*{name}"), {"x": 3}))
    assert replies(talk, "step", f"print {name}") == f"{name} = 6"
    assert replies(talk, f"print {name} + 1") == f"{name} + 1 = 7"
    talk.execute(f"break {name} if {name} > 5")
    assert "breakpoint 1" in replies(talk, "restart", "continue")


@pytest.mark.parametrize(
    "text", ["x", "max(x, axis=0)", "x == y", "x[1:2, ::-1]", "f(a=1, b=[2, {3: 4}])", "x != y"]
)
def test_what_is_one_expression(text: str) -> None:
    one_expression(text)


@pytest.mark.parametrize("text", ["x = 1", "x; y", "x: y", "x\ny", "(x); y", "f(a=1) = 2"])
def test_what_is_more_than_one_expression(text: str) -> None:
    with pytest.raises(GraphError, match="not an expression|an expression is one line"):
        one_expression(text)


def test_expressions_are_parsed_once_and_read_what_is_known() -> None:
    session = lecture().session
    found = Expression(session.graph, "grad(x) + q", session.scope.lookup(session.end))
    assert found.evaluate(session.scope.lookup(1)) is None
    assert float(found.evaluate(session.scope.lookup(session.end))) == -1  # type: ignore[arg-type]
    assert not found.reads_here


# ------------------------------------------------------------------ fuzz

LINES = (
    "step", "next 2", "finish", "continue", "until h", "reverse-step", "rn", "rf", "rc",
    "reverse-until v", "restart", "last", "undo", "goto 7", "break h if max(h) > 0 hits % 2",
    "break 4 log 'at {position}, {value}'", "tbreak call two", "condition 1 grad(x) < 3",
    "hits 1 >= 2", "ignore 1 3", "log op exp {value}", "watch accumulated(x) if x > 0",
    "catch nan", "catch kink off", "enable 1", "disable 1", "delete 1", "delete", "print grad(W)",
    "display h[0] + position", "undisplay", "explain", "path x 3", "path", "check W", "where",
    "list", "list 3", "search soft", "/x", "info", "info node u", "info inputs", "set x = y*2",
    "set W[0, 1] = -3", "set W = W + 1", "nudge x 0.1", "nudge W[1, 1]", "help", "help break",
    "? path", "help expressions", "", "# note",
)  # fmt: skip
WORDS = ("if", "hits", "log", "=", "[", "]", "(", ")", "{", "}", "'", '"', "0", "-1", "1e308",
         "x", "W", "grad(", "%", "h", "line", "op", "call", "two", ";", "\t",
         "  ", "∂")  # fmt: skip


@st.composite
def mutated(draw: st.DrawFn) -> str:
    """A valid command with a few words and characters dropped, doubled, swapped or put in."""
    random = Random(draw(st.integers(0, 2**32)))
    line = list(random.choice(LINES))
    for _ in range(random.randrange(4)):
        at = random.randrange(len(line) + 1)
        kind = random.randrange(4)
        if kind == 0:
            del line[at : at + random.randrange(1, 4)]
        elif kind == 1:
            line[at:at] = random.choice(WORDS)
        elif kind == 2:
            line[at:at] = f" {random.choice(WORDS)} "
        else:
            line[at:at] = line[max(0, at - 3) : at]
    return "".join(line)


def is_file_command(line: str) -> bool:
    """Whether a line would read or write files: a fuzzer is not to write about in the folder."""
    found = find(line.split(" ")[0].strip()) if line.strip() else None
    return "@" in line or (found is not None and found.name in ("save", "load"))


@FUZZ
@given(st.lists(mutated().filter(lambda line: not is_file_command(line)), max_size=12))
def test_mutated_commands_do_no_harm(lines: list[str]) -> None:
    talk = fresh()
    for line in lines:
        harmless(talk, line)


@FUZZ
@example("p ²")
@example("step ٣")
@given(st.text(max_size=60).filter(lambda line: not is_file_command(line)))
def test_random_texts_do_no_harm(line: str) -> None:
    talk = fresh()
    harmless(talk, line)
    harmless(talk, f"print {line}")
    harmless(talk, f"break h if {line}")
    talk.completions(line)


@FUZZ
@given(st.lists(st.sampled_from(LINES), max_size=15))
def test_valid_commands_in_any_order(lines: list[str]) -> None:
    talk = fresh()
    for line in lines:
        harmless(talk, line)
    while talk.session.undo():
        pass
    assert talk.session.position == 0
    assert {name: value.tolist() for name, value in talk.session.point.items()} == POINT
