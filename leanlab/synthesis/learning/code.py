"""Descriptions with their code and their length, and how they become programs."""

from __future__ import annotations

import ast
import inspect
import math
import textwrap
from functools import cache
from typing import TYPE_CHECKING, Any

import msgspec

from leanlab.synthesis.learning import arithmetic, networks, pieces

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


class Term(msgspec.Struct, frozen=True):
    """One expression of the grammar."""

    code: str
    """Python on `x`, the string, or on a name that Domain defines."""
    says: str
    bits: float
    """Length of the description in a prefix-free code."""
    measure: str = ""
    """The code of the integer that a yes-or-no question is about; empty where there is none."""


def natural(n: int) -> float:
    """Return the bits for an integer from 0 on: weights (n + 2) ** -1.5 / 1.62, summing below 1."""
    return 0.7 + 1.5 * math.log2(n + 2)


def integer(n: int) -> float:
    """Return the bits for any integer: natural() and a sign, of which minus is the rarer one."""
    return natural(abs(n)) + (0.3 if n >= 0 else 2.4)


class Domain(msgspec.Struct, frozen=True):
    """What a program has to know to read a string: its alphabet."""

    alphabet: str
    """The characters of the training strings in order; all digits where they are digits only."""
    numbered: bool = False
    """Whether strings are words of digits and something else, to be read as integers."""

    @property
    def is_numeric(self) -> bool:
        """Whether characters are digits, so that they stand for themselves."""
        return self.alphabet in ("01", "0123456789")

    def names(self, code: str) -> list[str]:
        """Return the lines that define the names which the code uses."""
        used = {node.id for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Name)}
        lines = []
        if "s" in used:
            read = "int(c)" if self.is_numeric else f"{self.alphabet!r}.find(c)"
            lines.append(f"s = [{read} for c in x]")
        if used & {"n", "e"}:
            lines.append("n = integers(x)")
        if "e" in used:
            lines.append("e = list(zip(n[::2], n[1::2]))")
        return lines


def domain_of(strings: Sequence[str]) -> Domain:
    """Read the alphabet off the strings; bits and digits count as whole alphabets."""
    seen = set().union(*map(set, strings))
    for whole in ("01", "0123456789"):
        if seen <= set(whole):
            return Domain(whole)
    digits = seen & set("0123456789")
    return Domain("".join(sorted(seen)), numbered=bool(digits) and digits != seen)


def render(term: Term, domain: Domain) -> str:
    """Return a module that defines f and needs nothing else."""
    lines = [f'"""{docstring(term, domain)}"""', *domain.names(term.code)]
    helpers = _helpers("\n".join([*lines[1:], term.code]))
    value = term.code if _is_number(term.code) else f"int({term.code})"
    body = textwrap.indent("\n".join([*lines, f"return {value}"]), "    ")
    return "\n\n\n".join([*helpers, f"def f(x: str) -> int:\n{body}\n"])


def sentence(term: Term, domain: Domain) -> str:
    """Return what the term says in one line, and how letters count where it speaks of them."""
    text = f"1 exactly when {term.says}."
    if domain.is_numeric or not any(line.startswith("s =") for line in domain.names(term.code)):
        return text
    return f"{text} Characters count as their places, from 0, in {domain.alphabet}"


def docstring(term: Term, domain: Domain) -> str:
    """Return the sentence as it can stand between triple quotes."""
    return sentence(term, domain).replace("\\", "\\\\").replace('"', "'")


def _is_number(code: str) -> bool:
    return code in ("0", "1")


def _helpers(code: str) -> list[str]:
    """Return the sources of the pieces that the code uses, and of those that they use."""
    wanted: dict[str, str] = {}
    pending = [code]
    while pending:
        for node in ast.walk(ast.parse(pending.pop())):
            if isinstance(node, ast.Name) and node.id in PIECES and node.id not in wanted:
                wanted[node.id] = _source(node.id)
                pending.append(wanted[node.id])
    return [wanted[name].rstrip() for name in PIECES if name in wanted]


PIECES: dict[str, Callable[..., Any]] = {
    name: piece
    for module in (arithmetic, networks, pieces)
    for name, piece in vars(module).items()
    if inspect.isfunction(piece)
}


@cache
def _source(name: str) -> str:
    return inspect.getsource(PIECES[name])


def run(program: str) -> Callable[[str], int]:
    """Load a rendered program and return its f."""
    space: dict[str, Any] = {}
    exec(compile(program, "<rule>", "exec"), space)  # noqa: S102 - our own grammar wrote it
    f: Callable[[str], int] = space["f"]
    return f


@cache
def function(template: str, argument: str = "") -> Callable[..., Any]:
    """Compile code with a named argument, or a template with {0} for it and {v}, {w} beside it."""
    text = template if argument else template.format("s", v="v", w="w")
    text = f"lambda {argument or 's'}, v=None, w=None: {text}"
    compiled: Callable[..., Any] = eval(text, dict(PIECES))  # noqa: S307 - a constant of grammar.py
    return compiled
