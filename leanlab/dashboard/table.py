"""The table of trials: which rows a question asks for, in which order."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlencode

import msgspec

from leanlab.dashboard.index import STATUSES
from leanlab.memory import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from leanlab.dashboard.index import Index
    from leanlab.records import Trial

PAGE = 25
SORTS = ("trial", "value", "status", "seconds", "cost", "tokens")
Direction = Literal["up", "down"]


class Query(msgspec.Struct, frozen=True, kw_only=True):
    """What a reader asks of the table."""

    search: str = ""
    status: str = ""
    sort: str = "trial"
    order: Direction = "down"
    page: int = 1

    @staticmethod
    def of(parameters: Mapping[str, str]) -> Query:
        """Read an address; what is no valid value counts as not given."""
        page = parameters.get("page", "")
        sort, status = parameters.get("sort", ""), parameters.get("status", "")
        return Query(
            search=parameters.get("q", "")[:200].strip(),
            status=status if status in STATUSES else "",
            sort=sort if sort in SORTS else "trial",
            order="up" if parameters.get("order") == "up" else "down",
            page=int(page) if page.isdecimal() and int(page[:9]) > 0 else 1,
        )

    def address(self, **changes: object) -> str:
        """The query string of this question with something changed."""
        asked = msgspec.structs.asdict(self) | changes
        usual = msgspec.structs.asdict(Query())
        names = {"search": "q"}
        return "?" + urlencode(
            {names.get(key, key): value for key, value in asked.items() if value != usual[key]}
        )

    def sorted_by(self, sort: str) -> str:
        """The address that sorts by a column, or turns its order where it is sorted already."""
        turned = "up" if self.sort == sort and self.order == "down" else "down"
        return self.address(sort=sort, order=turned, page=1)


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """A row as it is shown."""

    trial: int
    status: str
    file: str
    metrics: tuple[float | None, ...]
    """In the order of the table's columns; None where there is none, or it may not be seen."""
    concealed: tuple[bool, ...]
    seconds: float
    cost_usd: float | None
    tokens: int | None
    ts: str
    words: str
    """The Worker's notes, or what went wrong."""
    is_best: bool
    counts: bool


class Table(msgspec.Struct, frozen=True, kw_only=True):
    """One page of rows."""

    query: Query
    columns: tuple[str, ...]
    lines: tuple[Line, ...]
    found: int
    total: int
    pages: int


def table(
    index: Index, columns: Sequence[str], query: Query, shown: Callable[[int, str], bool]
) -> Table:
    """Answer a question. columns are metrics, the objective's first."""
    rows = _sorted(index, _matching(index, query), query, columns[0])
    pages = max(1, -(-len(rows) // PAGE))
    page = min(query.page, pages)
    here = rows[(page - 1) * PAGE : page * PAGE]
    return Table(
        query=msgspec.structs.replace(query, page=page),
        columns=tuple(columns),
        lines=tuple(
            _line(index, row, record, columns, shown)
            for row, record in zip(here, index.records(here), strict=True)
        ),
        found=len(rows),
        total=len(index),
        pages=pages,
    )


def _matching(index: Index, query: Query) -> list[int]:
    rows: Sequence[int] = range(len(index))
    if query.status:
        wanted = STATUSES.index(query.status)
        rows = [row for row in rows if index.status[row] == wanted]
    if query.search:
        words = query.search.lower().split()
        # Texts are not kept: a search reads the ledger again.
        pairs = zip(rows, index.records(rows), strict=True)
        rows = [row for row, record in pairs if _has(record, words)]
    return list(rows)


def _has(record: Trial, words: Sequence[str]) -> bool:
    error = f"{record.error.category} {record.error.text}" if record.error else ""
    text = " ".join(
        (str(record.trial), record.status, record.experiment_file or "", record.notes, error,
         record.feedback, record.backend, record.model, record.move, record.run)
    ).lower()  # fmt: skip
    return all(word in text for word in words)


def _sorted(index: Index, rows: list[int], query: Query, metric: str) -> list[int]:
    """What is not known comes last, whichever way."""
    columns: dict[str, Callable[[], Sequence[float]]] = {
        "trial": lambda: index.trials,
        "value": lambda: index.values(metric),
        "status": lambda: index.status,
        "seconds": lambda: list(map(operator.add, index.propose, index.evaluate)),
        "cost": lambda: index.cost,
        "tokens": lambda: index.tokens,
    }
    column = columns[query.sort]()
    known = [row for row in rows if column[row] == column[row]]
    unknown = [row for row in rows if column[row] != column[row]]
    return sorted(known, key=column.__getitem__, reverse=query.order == "down") + unknown


def _line(
    index: Index,
    row: int,
    record: Trial,
    columns: Sequence[str],
    shown: Callable[[int, str], bool],
) -> Line:
    trial = record.trial
    values = [index.values(name)[row] for name in columns]
    words = record.notes or (record.error.text if record.error else "")
    return Line(
        trial=trial,
        status=STATUSES[index.status[row]],
        file=(record.experiment_file or "").rpartition("/")[2],
        metrics=tuple(
            value if value == value and shown(trial, name) else None
            for name, value in zip(columns, values, strict=True)
        ),
        concealed=tuple(
            value == value and not shown(trial, name)
            for name, value in zip(columns, values, strict=True)
        ),
        seconds=index.propose[row] + index.evaluate[row],
        cost_usd=record.cost_usd,
        tokens=record.tokens,
        ts=record.ts,
        words=printable(words)[:300],
        is_best=index.best == trial,
        counts=bool(index.counts[row]),
    )
