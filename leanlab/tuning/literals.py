"""The numbers in a source: found by its tokens, replaced without touching anything else."""

from __future__ import annotations

import hashlib
import io
import keyword
import math
import re
import tokenize

import msgspec

LARGEST = 2**62
DECIMAL = re.compile(r"\d[\d_]*(\.[\d_]*)?(e[+-]?\d+)?|\.\d[\d_]*(e[+-]?\d+)?", re.IGNORECASE)


class Literal(msgspec.Struct, frozen=True, kw_only=True):
    """A decimal number in a source, with a minus sign that stands right before it."""

    start: int
    """Offset of its first character."""
    end: int
    line: int
    value: int | float
    tight: bool
    """Whether what follows binds tighter than a minus sign."""


def literals(source: str) -> list[Literal]:
    """Find the numbers to tune, in order; none in strings, nor in a source that is no Python."""
    try:
        tokens = list(tokenize.generate_tokens(io.StringIO(source).readline))
    except (tokenize.TokenError, SyntaxError):
        return []
    tokens = [token for token in tokens if token.type not in (tokenize.NL, tokenize.COMMENT)]
    starts = [0, *(match.end() for match in re.finditer("\n", source))]
    found = []
    quoted = 0
    for i, token in enumerate(tokens):
        # From Python 3.12 on, the parts of an f-string are tokens of their own.
        kind = tokenize.tok_name[token.type]
        quoted += kind.endswith("STRING_START") - kind.endswith("STRING_END")
        if token.type != tokenize.NUMBER or quoted or not DECIMAL.fullmatch(token.string):
            continue
        tight = tokens[i + 1].string in ("**", ".")
        sign = tokens[i - 1]
        joined = sign.string == "-" and sign.end == token.start
        negative = joined and not tight and not (i > 1 and _operand(tokens[i - 2]))
        first = sign if negative else token
        value = float(token.string) if re.search("[.eE]", token.string) else int(token.string)
        if math.isfinite(value) and abs(value) <= LARGEST:
            found.append(
                Literal(
                    start=starts[first.start[0] - 1] + first.start[1],
                    end=starts[token.end[0] - 1] + token.end[1],
                    line=token.start[0],
                    value=-value if negative else value,
                    tight=tight,
                )
            )
    return found


def _operand(last: tokenize.TokenInfo) -> bool:
    """Tell whether a token ends an operand, so that a minus after it subtracts."""
    if last.type == tokenize.NAME:
        return not keyword.iskeyword(last.string) or last.string in ("None", "True", "False")
    closing = last.type in (tokenize.NUMBER, tokenize.STRING) or last.string in (")", "]", "}")
    return closing or tokenize.tok_name[last.type].endswith("STRING_END")


def replaced(source: str, found: list[Literal], values: dict[int, int | float]) -> str:
    """Return the source with new values for some numbers, by index, and nothing else changed."""
    for i in sorted(values, reverse=True):
        literal, text = found[i], repr(values[i])
        before = source[: literal.start]
        if literal.tight and values[i] < 0:
            text = f"({text})"
        elif before[-1:].isidentifier() and text[0] != "-":
            # `return-1` becomes `return 2`.
            text = f" {text}"
        source = before + text + source[literal.end :]
    return source


def sha256(source: str) -> str:
    return hashlib.sha256(source.encode()).hexdigest()


def shape_of(source: str, found: list[Literal]) -> str:
    """Return a short hash of the source without its numbers: equal shapes share their steps."""
    return sha256(replaced(source, found, dict.fromkeys(range(len(found)), 0)))[:8]
