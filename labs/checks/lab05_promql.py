"""Lab 05, the language: read a PromQL expression into a small tree.

The part of the language that alerts are made of: selectors with a range and an offset, functions,
aggregations, arithmetic, comparisons, ``and``/``or``/``unless``, and vector matching. Subqueries,
``@`` and the aggregations with a parameter are left out.

Grammar and precedence: https://prometheus.io/docs/prometheus/latest/querying/operators/
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

AGGREGATIONS = ("sum", "avg", "min", "max", "count", "group")
OF_RANGES = ("rate", "increase", "irate", "delta", "avg_over_time", "max_over_time")
OF_VECTORS = ("abs", "ceil", "floor", "round", "sort", "absent")
FUNCTIONS = (*OF_RANGES, *OF_VECTORS, "histogram_quantile", "clamp_min", "clamp_max", "vector")

_TOKEN = re.compile(
    r"""(?P<blank>\s+|\#[^\n]*)
      |(?P<duration>(?:\d+(?:ms|[smhdwy]))+(?![\w.]))
      |(?P<number>(?:0[xX][0-9a-fA-F]+|(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)(?![\w.]))
      |(?P<name>[a-zA-Z_:][\w:]*)
      |(?P<text>"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|`[^`]*`)
      |(?P<sign>=~|!~|==|!=|<=|>=|[-+*/%^=<>(){}\[\],@:])""",
    re.X,
)
_SECONDS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800, "y": 31536000}
_LEVELS: tuple[tuple[str, ...], ...] = (
    ("or",),
    ("and", "unless"),
    ("==", "!=", "<=", "<", ">=", ">"),
    ("+", "-"),
    ("*", "/", "%"),
)
SETS = ("and", "or", "unless")
COMPARISONS = _LEVELS[2]


class PromQLError(ValueError):
    """The text is no expression."""


class BeyondError(PromQLError):
    """Prometheus may know this; this reader does not."""


@dataclass(frozen=True)
class Number:
    """A number."""

    value: float


@dataclass(frozen=True)
class Selector:
    """Series by name and labels; ``seconds`` is the range in brackets, None without one."""

    matchers: tuple[tuple[str, str, str], ...]
    seconds: float | None = None
    offset: float = 0.0


@dataclass(frozen=True)
class Call:
    """A function and its arguments."""

    name: str
    arguments: tuple[Node, ...]


@dataclass(frozen=True)
class Aggregation:
    """One value of many; ``labels`` are kept (``by``) or dropped (``without``)."""

    name: str
    of: Node
    labels: frozenset[str]
    by: bool


@dataclass(frozen=True)
class Binary:
    """Two sides and an operator; ``labels`` are matched ``on``, or ignored."""

    sign: str
    left: Node
    right: Node
    labels: frozenset[str] = frozenset()
    on: bool = False
    many: Literal["", "left", "right"] = ""
    included: frozenset[str] = frozenset()
    as_bool: bool = False


Node = Number | Selector | Call | Aggregation | Binary


def walk(node: Node) -> Iterator[Node]:
    """Yield a node and all below it."""
    yield node
    children: tuple[Node, ...] = ()
    if isinstance(node, Call):
        children = node.arguments
    elif isinstance(node, Aggregation):
        children = (node.of,)
    elif isinstance(node, Binary):
        children = (node.left, node.right)
    for child in children:
        yield from walk(child)


def seconds_of(duration: str) -> float:
    """Return a duration such as ``5m`` or ``1h30m`` in seconds.

    Raises
    ------
    PromQLError
        If it is none.
    """
    if not re.fullmatch(r"(?:\d+(?:ms|[smhdwy]))+|0", duration):
        raise PromQLError(f"{duration!r} is no duration; write one as 5m")
    parts = re.findall(r"(\d+)(ms|[smhdwy])", duration)
    return float(sum(int(number) * _SECONDS[unit] for number, unit in parts))


def parse(text: str) -> Node:
    """Return the tree of an expression.

    Raises
    ------
    PromQLError
        If it is none, or beyond this reader.
    """
    reader = _Reader(list(_tokens(text)))
    node = reader.binary(0)
    if reader.kind != "end":
        raise PromQLError(f"{reader.text!r} was not expected here")
    if isinstance(node, Selector) and node.seconds is not None:
        raise PromQLError("an expression cannot end as a range; a function such as rate takes it")
    return node


def _tokens(text: str) -> Iterator[tuple[str, str]]:
    place = 0
    while place < len(text):
        match = _TOKEN.match(text, place)
        if match is None:
            raise PromQLError(f"{text[place : place + 12]!r} cannot be read")
        place = match.end()
        if match.lastgroup != "blank":
            yield str(match.lastgroup), match[0]
    yield "end", "the end"


class _Reader:
    """Reads tokens from left to right."""

    def __init__(self, tokens: list[tuple[str, str]]) -> None:
        self._tokens = tokens
        self._place = 0

    @property
    def kind(self) -> str:
        return self._tokens[self._place][0]

    @property
    def text(self) -> str:
        return self._tokens[self._place][1]

    def take(self) -> str:
        text = self.text
        self._place += 1
        return text

    def skip(self, *texts: str) -> str:
        """Take the next token if it is one of *texts*; return it, or an empty text."""
        return self.take() if self.kind != "text" and self.text.lower() in texts else ""

    def expect(self, text: str) -> None:
        if not self.skip(text):
            raise PromQLError(f"{text!r} was expected before {self.text!r}")

    def binary(self, level: int) -> Node:
        if level == len(_LEVELS):
            return self.unary()
        left = self.binary(level + 1)
        while sign := self.skip(*_LEVELS[level]):
            left = self._matched(sign.lower(), left, level)
        return left

    def _matched(self, sign: str, left: Node, level: int) -> Node:
        as_bool = bool(self.skip("bool"))
        kind = self.skip("on", "ignoring").lower()
        labels = self.labels() if kind else frozenset()
        many: Literal["", "left", "right"] = ""
        included: frozenset[str] = frozenset()
        if group := self.skip("group_left", "group_right").lower():
            many = "left" if group == "group_left" else "right"
            included = self.labels() if self.text == "(" else frozenset()
        right = self.binary(level + 1)
        _no_range(left, sign)
        _no_range(right, sign)
        if sign in SETS and (isinstance(left, Number) or isinstance(right, Number)):
            raise PromQLError(f"{sign} stands between series, not numbers")
        return Binary(sign, left, right, labels, kind == "on", many, included, as_bool)

    def unary(self) -> Node:
        sign = self.skip("-", "+")
        if sign:
            inner = self.unary()
            return Binary("*", Number(-1.0), inner) if sign == "-" else inner
        base = self.postfix()
        return Binary("^", base, self.unary()) if self.skip("^") else base

    def postfix(self) -> Node:
        node = self.primary()
        if self.text == "[" and self.kind == "sign":
            self.take()
            if not isinstance(node, Selector):
                raise PromQLError(
                    "[…] belongs right behind the name of a metric; first rate(…[5m]), then sum"
                )
            node = Selector(node.matchers, self.duration(), node.offset)
            if self.text.startswith(":"):
                raise BeyondError("a subquery […:…] is more than this check can compute")
            self.expect("]")
        if self.skip("offset"):
            if not isinstance(node, Selector):
                raise PromQLError("offset belongs right behind a selector")
            node = Selector(node.matchers, node.seconds, self.duration())
        return node

    def duration(self) -> float:
        if self.kind != "duration":
            raise PromQLError(f"a duration such as 5m was expected, not {self.text!r}")
        return seconds_of(self.take())

    def primary(self) -> Node:
        if self.kind == "number":
            text = self.take()
            return Number(float(int(text, 16)) if text.lower().startswith("0x") else float(text))
        if self.skip("("):
            node = self.binary(0)
            self.expect(")")
            return node
        if self.text == "{":
            return Selector(self.matchers())
        if self.kind != "name":
            raise PromQLError(f"an expression was expected, not {self.text!r}")
        name = self.take()
        if name.lower() in ("inf", "nan"):
            return Number(float(name))
        if name.lower() in AGGREGATIONS and self.text.lower() in ("(", "by", "without"):
            return self.aggregation(name.lower())
        if self.text == "(":
            return self.call(name)
        own = (("__name__", "=", name),)
        return Selector(own + (self.matchers() if self.text == "{" else ()))

    def aggregation(self, name: str) -> Node:
        kind = self.skip("by", "without").lower()
        labels = self.labels() if kind else frozenset()
        self.expect("(")
        of = self.binary(0)
        self.expect(")")
        if not kind and (kind := self.skip("by", "without").lower()):
            labels = self.labels()
        _no_range(of, name)
        return Aggregation(name, of, labels, kind != "without")

    def call(self, name: str) -> Node:
        if name not in FUNCTIONS:
            raise BeyondError(
                f"{name} is no function that this check can compute; it knows "
                + ", ".join(sorted((*FUNCTIONS, *AGGREGATIONS)))
            )
        self.expect("(")
        arguments = [self.binary(0)]
        while self.skip(","):
            arguments.append(self.binary(0))
        self.expect(")")
        wanted = 2 if name in ("histogram_quantile", "clamp_min", "clamp_max") else 1
        if len(arguments) != wanted:
            raise PromQLError(f"{name} takes {wanted} argument{'s' * (wanted > 1)}")
        for argument in arguments:
            if name not in OF_RANGES:
                _no_range(argument, name)
            elif not (isinstance(argument, Selector) and argument.seconds is not None):
                raise PromQLError(f"{name} takes a metric with a range: {name}(metric[5m])")
        return Call(name, tuple(arguments))

    def labels(self) -> frozenset[str]:
        self.expect("(")
        found = []
        while not self.skip(")"):
            if self.kind != "name":
                raise PromQLError(f"the name of a label was expected, not {self.text!r}")
            found.append(self.take())
            if self.text != ")":
                self.expect(",")
        return frozenset(found)

    def matchers(self) -> tuple[tuple[str, str, str], ...]:
        self.expect("{")
        found = []
        while not self.skip("}"):
            label = self.take()
            sign = self.skip("=", "!=", "=~", "!~")
            if not sign or self.kind != "text":
                raise PromQLError(f'label="value" was expected between the braces, at {label!r}')
            raw = self.take()
            found.append((label, sign, _matched_text(raw, sign)))
            if self.text != "}":
                self.expect(",")
        return tuple(found)


def _matched_text(raw: str, sign: str) -> str:
    """Return what stands between quotes; for =~ and !~ it has to be a regular expression."""
    try:
        text = raw[1:-1] if raw[0] == "`" else str(ast.literal_eval(raw))
        return re.compile(text).pattern if "~" in sign else text
    except (ValueError, SyntaxError, re.error):
        raise PromQLError(f"{raw} is no text, or no regular expression") from None


def _no_range(node: Node, name: str) -> None:
    if isinstance(node, Selector) and node.seconds is not None:
        raise PromQLError(f"{name} takes one value a series, and […] gives many; use rate(…)")
