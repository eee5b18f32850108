"""What an open lab cannot promise, in words, from what attacks came to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from leanlab.attacks.catalogue import attacks

if TYPE_CHECKING:
    from collections.abc import Iterable

    from leanlab.attacks.findings import Verdict

REMEDY = "make the lab native: define evaluate(candidate, lab), as docs/lab.md shows"
KEPT = (
    "It has no network and no key, writes nothing outside its copy of the lab, and all that it "
    "starts ends with it"
)
_NOT_PROMISED: dict[Verdict, str] = {
    "forged": "that a score was not forged",
    "read": "that the lab's hidden files stay unread",
}


def measured() -> str:
    """What an open lab cannot promise, as it was measured against one that is all targets."""
    return not_promised((attack.number, attack.open) for attack in attacks())


def not_promised(came_to: Iterable[tuple[int, Verdict]]) -> str:
    """Each promise with the numbers of the attacks that won against it; empty if none did."""
    numbers: dict[Verdict, list[int]] = {}
    for number, verdict in came_to:
        numbers.setdefault(verdict, []).append(number)
    return ", or ".join(
        f"{words} ({_named(numbers[verdict])} won)"
        for verdict, words in _NOT_PROMISED.items()
        if verdict in numbers
    )


def _named(numbers: list[int]) -> str:
    *most, last = numbers
    return f"attacks {', '.join(map(str, most))} and {last}" if most else f"attack {last}"
