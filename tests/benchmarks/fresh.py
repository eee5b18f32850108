"""Hidden rules that the learner's grammar was not written for, and balanced strings for each."""

from __future__ import annotations

import math
from collections.abc import Callable

import msgspec

from leanlab.synthesis.splits import Split
from leanlab.synthesis.stream import Stream

BITS, DIGITS = "01", "0123456789"


class Fresh(msgspec.Struct, frozen=True, kw_only=True):
    """A rule with the strings that it is asked about."""

    name: str
    kind: str
    label: Callable[[str], bool]
    alphabet: str = BITS
    length: int = 40
    spread: int = 0
    """Lengths go from `length` to `length + spread`."""
    positive: Callable[[Stream], str] | None = None
    """Makes strings that are positive more often than uniform ones are."""
    near: int = 0
    """Negatives, too, are made of positive ones, by changing up to so many characters."""
    noise: int = 0
    """Percent of the training and validation labels that are flipped."""

    def uniform(self, stream: Stream) -> str:
        length = self.length + (stream.below(self.spread + 1) if self.spread else 0)
        return "".join(self.alphabet[stream.below(len(self.alphabet))] for _ in range(length))

    def draw(self, stream: Stream, wanted: bool) -> str:
        """Return one string that has the label."""
        for _ in range(100_000):
            made = self.positive and (wanted or self.near or not self.alphabet)
            make = self.positive if self.positive and made else self.uniform
            x = make(stream)
            if self.near and not wanted:
                x = self.changed(x, stream)
            if bool(self.label(x)) == wanted:
                return x
        raise AssertionError(f"{self.name}: no string with label {wanted} in 100,000")

    def changed(self, x: str, stream: Stream) -> str:
        for _ in range(1 + stream.below(self.near)):
            i = stream.below(len(x))
            x = x[:i] + self.alphabet[stream.below(len(self.alphabet))] + x[i + 1 :]
        return x

    def splits(self, seed: int, test: int = 1000) -> tuple[Split, Split, Split]:
        """Return train, validation and test: balanced, disjoint, noise in the first two only."""
        stream = Stream("fresh", self.name, seed)
        sizes = (100, 100, test)
        pools: list[list[str]] = []
        for wanted in (False, True):
            found: dict[str, None] = {}
            while len(found) < sum(sizes) // 2:
                found[self.draw(stream, wanted)] = None
            pools.append(list(found))
        made, start = [], 0
        for number, size in enumerate(sizes):
            part = [(x, y) for y in (0, 1) for x in pools[y][start : start + size // 2]]
            start += size // 2
            stream.shuffle(part)
            flipped = set(stream.sample(size, size * self.noise // 100)) if number < 2 else set()
            made.append(
                Split(
                    strings=tuple(x for x, _ in part),
                    labels=tuple(y ^ (i in flipped) for i, (_, y) in enumerate(part)),
                )
            )
        return made[0], made[1], made[2]


def _runs(x: str) -> list[str]:
    found: list[str] = []
    for c in x:
        if found and found[-1][0] == c:
            found[-1] += c
        else:
            found.append(c)
    return found


def _longest(x: str, c: str) -> int:
    return max((len(run) for run in _runs(x) if run[0] == c), default=0)


def _automaton(table: tuple[tuple[int, ...], ...], accepting: set[int]) -> Callable[[str], bool]:
    def label(x: str) -> bool:
        state = 0
        for c in x:
            state = table[state][int(c, 36) % len(table[0])]
        return state in accepting

    return label


def _prime(n: int) -> bool:
    return n > 1 and all(n % p for p in range(2, math.isqrt(n) + 1))


def _ca(x: str, rule: int) -> str:
    padded = "0" + x + "0"
    return "".join(str(rule >> int(padded[i : i + 3], 2) & 1) for i in range(len(x)))


def _random(alphabet: str, length: int) -> Callable[[Stream], str]:
    return lambda stream: "".join(alphabet[stream.below(len(alphabet))] for _ in range(length))


def _square(stream: Stream) -> str:
    half = _random(BITS, 20)(stream)
    return half + "".join("10"[int(c)] for c in half)


def _rotated(stream: Stream) -> str:
    half = _random("abc", 12)(stream)
    return half + half[::-1]


def _brackets(stream: Stream, kinds: str, size: int) -> str:
    """A balanced word: opens or closes at random where both are allowed."""
    stack: list[str] = []
    word = ""
    while len(word) < size:
        left = size - len(word)
        if stack and (len(stack) == left or stream.below(2)):
            word += stack.pop()
        else:
            i = 2 * stream.below(len(kinds) // 2)
            stack.append(kinds[i + 1])
            word += kinds[i]
    return word


def _balanced(x: str, kinds: str) -> bool:
    while any(kinds[i : i + 2] in x for i in range(0, len(kinds), 2)):
        for i in range(0, len(kinds), 2):
            x = x.replace(kinds[i : i + 2], "")
    return not x


def _edges(vertices: int, count: int) -> Callable[[Stream], str]:
    def make(stream: Stream) -> str:
        pairs = []
        while len(pairs) < count:
            u, v = stream.below(vertices), stream.below(vertices)
            if u != v:
                pairs.append(f"{u}-{v}")
        return ",".join(pairs)

    return make


def _graph(x: str) -> list[tuple[int, int]]:
    return [(int(a), int(b)) for a, _, b in (edge.partition("-") for edge in x.split(","))]


def _triangle(x: str) -> bool:
    edges = {frozenset(edge) for edge in _graph(x)}
    points = sorted({v for edge in edges for v in edge})
    return any(
        {frozenset((a, b)), frozenset((b, c)), frozenset((a, c))} <= edges
        for a in points
        for b in points
        for c in points
        if a < b < c
    )


def _connected(x: str) -> bool:
    edges = _graph(x)
    reached = {edges[0][0]}
    for _ in edges:
        reached |= {w for u, v in edges for w in (u, v) if u in reached or v in reached}
    return {v for edge in edges for v in edge} <= reached


def _walk(x: str) -> int:
    here = best = 0
    for c in x:
        here += 1 if c == "1" else -1
        best = max(best, here)
    return best


def _half(x: str) -> tuple[str, str]:
    return x[: len(x) // 2], x[len(x) // 2 :]


def _digits(x: str) -> list[int]:
    return [int(c) for c in x]


FRESH: tuple[Fresh, ...] = (
    # counts
    Fresh(name="ones mod 3", kind="count", label=lambda x: x.count("1") % 3 == 1),
    Fresh(name="ones mod 5 set", kind="count", label=lambda x: x.count("1") % 5 in (0, 3)),
    Fresh(name="01 as often as 8", kind="count", label=lambda x: 9 <= x.count("01") <= 10),
    Fresh(name="vowels", kind="count", label=lambda x: sum(c in "ae" for c in x) >= 10,
          alphabet="abcdef", length=30),
    Fresh(name="even places", kind="count", label=lambda x: x[::2].count("1") % 4 == 2),
    # runs
    Fresh(name="runs mod 3", kind="run", label=lambda x: len(_runs(x)) % 3 == 0),
    Fresh(name="longest run", kind="run", label=lambda x: _longest(x, "1") >= 5),
    Fresh(name="longer ones", kind="run", label=lambda x: _longest(x, "1") > _longest(x, "0")),
    Fresh(name="single runs", kind="run", label=lambda x: sum(len(r) == 1 for r in _runs(x)) > 9),
    Fresh(name="odd run", kind="run", label=lambda x: len(_runs(x)[-1]) % 2 == 1),
    # comparisons of parts
    Fresh(name="left heavier", kind="comparison",
          label=lambda x: _half(x)[0].count("1") > _half(x)[1].count("1")),
    Fresh(name="halves differ", kind="comparison",
          label=lambda x: sum(a != b for a, b in zip(*_half(x), strict=False)) % 3 == 0),
    Fresh(name="complement half", kind="comparison", positive=_square, near=3,
          label=lambda x: all(a != b for a, b in zip(*_half(x), strict=False))),
    Fresh(name="palindrome abc", kind="comparison", alphabet="abc", length=24, positive=_rotated,
          near=3, label=lambda x: x == x[::-1]),
    Fresh(name="even over odd", kind="comparison", alphabet=DIGITS, length=24,
          label=lambda x: sum(_digits(x[::2])) > sum(_digits(x[1::2]))),
    Fresh(name="a before b", kind="comparison", alphabet="abc", length=10, spread=10,
          label=lambda x: x.count("a") > x.count("b")),
    Fresh(name="order of halves", kind="comparison", alphabet=DIGITS, length=12,
          label=lambda x: _half(x)[0][::-1] > _half(x)[1]),
    # modular arithmetic
    Fresh(name="weighted mod 7", kind="modular",
          label=lambda x: sum(i * int(c) for i, c in enumerate(x, 1)) % 7 < 3),
    Fresh(name="binary mod 5", kind="modular", length=30, label=lambda x: int(x, 2) % 5 == 2),
    Fresh(name="check sum 11", kind="modular", alphabet=DIGITS, length=12,
          label=lambda x: sum(i * d for i, d in enumerate(_digits(x), 2)) % 11 == 0),
    Fresh(name="pair sums mod 4", kind="modular",
          label=lambda x: sum(int(x[i : i + 2], 2) for i in range(0, 40, 2)) % 4 == 1),
    Fresh(name="places of ones", kind="modular",
          label=lambda x: sum(i for i, c in enumerate(x) if c == "1") % 2 == 0),
    # automata
    Fresh(name="automaton 4", kind="automaton", length=24,
          label=_automaton(((1, 2), (1, 3), (0, 3), (2, 0)), {0, 3})),
    Fresh(name="automaton 5", kind="automaton", length=20,
          label=_automaton(((1, 0), (2, 3), (4, 1), (0, 4), (3, 2)), {1, 4})),
    Fresh(name="automaton abc", kind="automaton", alphabet="abc", length=15, spread=10,
          label=_automaton(((1, 0, 2), (1, 2, 0), (0, 1, 2)), {0})),
    Fresh(name="no 11 after 00", kind="automaton", length=12,
          label=lambda x: "00" in x and "11" in x[x.index("00") :]),
    Fresh(name="last a then b", kind="automaton", alphabet="abc", length=10, spread=20,
          label=lambda x: x.rfind("a") > x.rfind("b")),
    # two-step rules
    Fresh(name="sorted change", kind="two-step",
          label=lambda x: sum(a != b for a, b in zip(_half(x)[0], _half(x)[0][1:], strict=False))
          % 2 == 0),
    Fresh(name="parity and first", kind="two-step",
          label=lambda x: (x.count("1") % 2 == 1) != (_longest(x, "0") >= 4)),
    Fresh(name="if first", kind="two-step",
          label=lambda x: x.count("1") % 2 == 0 if x[0] == "1" else x.count("01") >= 10),
    Fresh(name="both heavy", kind="two-step",
          label=lambda x: _half(x)[0].count("1") >= 10 and _longest(x, "1") >= 5),
    Fresh(name="rule 110 majority", kind="two-step", label=lambda x: _ca(x, 110).count("1") > 24),
    Fresh(name="rule 30 twice", kind="two-step", length=30,
          label=lambda x: _ca(_ca(x, 30), 30).count("1") % 2 == 1),
    Fresh(name="highest walk", kind="two-step", label=lambda x: _walk(x) >= 5),
    Fresh(name="mirror count", kind="two-step",
          label=lambda x: sum(a == b for a, b in zip(x, x[::-1], strict=True)) >= 22),
    Fresh(name="folded parity", kind="two-step",
          label=lambda x: sum(a == b == "1" for a, b in zip(*_half(x), strict=False)) % 2 == 1),
    Fresh(name="three places", kind="two-step",
          label=lambda x: (x[3] + x[17] + x[31]).count("1") >= 2),
    Fresh(name="multiplexer", kind="two-step", length=20,
          label=lambda x: x[4 + int(x[:2], 2)] == "1"),
    # noisy labels
    Fresh(name="noisy parity of 4", kind="noise", length=30, noise=10,
          label=lambda x: (x[2] + x[9] + x[14] + x[27]).count("1") % 2 == 1),
    Fresh(name="noisy majority", kind="noise", length=31, noise=5,
          label=lambda x: x.count("1") >= 16),
    Fresh(name="noisy pattern", kind="noise", noise=10, label=lambda x: "01101" in x),
    Fresh(name="noisy runs", kind="noise", noise=15, label=lambda x: len(_runs(x)) % 2 == 0),
    Fresh(name="noisy remainder", kind="noise", alphabet=DIGITS, length=9, noise=10,
          label=lambda x: int(x) % 3 == 1),
    # decimal rules
    Fresh(name="divisible by 7", kind="decimal", alphabet=DIGITS, length=12,
          label=lambda x: int(x) % 7 == 0),
    Fresh(name="mod 13 low", kind="decimal", alphabet=DIGITS, length=10,
          label=lambda x: int(x) % 13 < 6),
    Fresh(name="prime digit sum", kind="decimal", alphabet=DIGITS, length=15,
          label=lambda x: _prime(sum(_digits(x)))),
    Fresh(name="prime plus 12", kind="decimal", alphabet=DIGITS, length=8,
          label=lambda x: _prime(int(x) + 12)),
    Fresh(name="coprime halves", kind="decimal", alphabet=DIGITS, length=12,
          label=lambda x: math.gcd(int(x[:6]), int(x[6:])) == 1),
    Fresh(name="sum of halves", kind="decimal", alphabet=DIGITS, length=12,
          label=lambda x: (int(x[:6]) + int(x[6:])) % 9 in (0, 4, 5)),
    Fresh(name="different digits", kind="decimal", alphabet=DIGITS, length=12,
          label=lambda x: len(set(x)) >= 8),
    Fresh(name="even digits lead", kind="decimal", alphabet=DIGITS, length=15,
          label=lambda x: sum(d % 2 == 0 for d in _digits(x)) > sum(d % 2 for d in _digits(x))),
    # patterns
    Fresh(name="gapped pattern", kind="pattern", length=30,
          label=lambda x: any(x[i] == x[i + 1] == "1" and x[i + 4] == "0" and x[i + 5] == "1"
                              and x[i + 3] == "0" for i in range(25))),
    Fresh(name="two substrings", kind="pattern", length=30,
          label=lambda x: "0110" in x and "1010" in x),
    Fresh(name="abca inside", kind="pattern", alphabet="abc", length=20, near=2,
          label=lambda x: "abc" in x, positive=_random("abc", 20)),
    # brackets and graphs
    Fresh(name="two brackets", kind="brackets", alphabet="()[]", length=20, near=3,
          positive=lambda stream: _brackets(stream, "()[]", 20),
          label=lambda x: _balanced(x, "()[]")),
    Fresh(name="deep brackets", kind="brackets", alphabet="()", length=24,
          positive=lambda stream: _brackets(stream, "()", 24), near=4,
          label=lambda x: _balanced(x, "()")),
    Fresh(name="triangle", kind="graph", positive=_edges(9, 9), near=0, alphabet="",
          label=_triangle),
    Fresh(name="connected", kind="graph", positive=_edges(8, 11), near=0, alphabet="",
          label=_connected),
)  # fmt: skip
