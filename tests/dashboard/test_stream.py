"""What an open page is sent, and that it can stay open."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from leanlab.dashboard.moments import MOST, moment
from leanlab.dashboard.stream import Place, latest, news, stream
from tests.dashboard.conftest import Visit


def line(**event: object) -> bytes:
    return msgspec.json.encode(event) + b"\n"


async def first(messages: AsyncIterator[bytes], count: int) -> list[bytes]:
    """The first messages of a stream, without the comments between them."""
    found: list[bytes] = []
    async for chunk in messages:
        found += [each for each in chunk.split(b"\n\n") if b"data:" in each]
        if len(found) >= count:
            break
    return found[:count]


def texts(messages: list[bytes]) -> list[str]:
    found = [re.search(rb"data: (.*)", each) for each in messages]
    return [json.loads(match[1]).get("text", "") for match in found if match]


async def unchanged() -> str:
    return "same"


def watching(path: Path, place: Place) -> AsyncIterator[bytes]:
    return stream(path, place, ("accuracy",), unchanged, "same", look=0.01)


def test_a_page_that_comes_back_goes_on_after_the_last_event_it_saw(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_bytes(line(event="notice", text="one") + line(event="notice", text="two"))

    async def play() -> None:
        before = await first(watching(path, Place()), 2)
        assert texts(before) == ["one", "two"]
        place = Place.of(re.search(rb"id: (\S+)", before[-1])[1].decode())  # type: ignore[index]
        assert place is not None
        with path.open("ab") as file:
            file.write(line(event="notice", text="three") + b'{"event":"notice","te')
        assert texts(await first(watching(path, place), 1)) == ["three"]

    asyncio.run(play())


def test_an_event_that_is_half_written_waits_for_its_other_half(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    whole = line(event="notice", text="whole")
    path.write_bytes(whole[:10])
    lines, place = news(path, Place())
    assert lines == []
    path.write_bytes(whole)
    assert news(path, place)[0] == [whole[:-1]]


def test_a_reset_lab_starts_again(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_bytes(line(event="notice", text="old") * 5)
    _, place = news(path, Place())
    path.rename(tmp_path / "archived")
    path.write_bytes(line(event="notice", text="new"))
    lines, after = news(path, place)
    assert [json.loads(each)["text"] for each in lines] == ["new"]
    assert after.inode != place.inode


def test_a_day_of_events_comes_in_pieces(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    count = 20_000
    path.write_bytes(b"".join(line(event="notice", text=str(n)) for n in range(count)))
    place, seen = Place(), 0
    while True:
        lines, after = news(path, place)
        if after == place:
            break
        assert sum(map(len, lines)) < 200_000
        seen, place = seen + len(lines), after
    assert seen == count


def test_a_page_starts_with_the_trial_that_is_on(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    assert latest(path, ()) == ([], Place())
    old = line(event="trial_started", trial=1, left=2) + line(event="notice", text="x" * 50) * 9_000
    new = line(event="trial_started", trial=2, left=1) + line(event="evaluating", trial=2, file="f")
    path.write_bytes(old + new)
    moments, place = latest(path, ())
    kinds = [(each.kind, each.trial) for each in moments]
    assert kinds == [("started", 2), ("evaluating", 2)]
    assert place.offset == path.stat().st_size


def test_pages_hear_that_something_changed_and_that_the_stream_is_alive(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("leanlab.dashboard.stream.BEAT", 0.05)
    states = iter(["same", "same", "other"])

    async def state() -> str:
        return next(states, "other")

    async def play() -> list[bytes]:
        chunks: list[bytes] = []
        async for chunk in stream(None, Place(), (), state, "same", look=0.01):
            chunks.append(chunk)
            if b"still here" in chunk:
                return chunks
        return chunks

    chunks = asyncio.run(play())
    assert [chunk for chunk in chunks if b"event: changed" in chunk] == [chunks[1]]
    assert chunks[0] == b"retry: 2000\n\n"


def test_unknown_events_are_told_as_they_are_without_what_may_be_hidden() -> None:
    one = moment(
        line(event="tool_call", role="worker", trial=7, name="read", text="task.md", best={"x": 1},
             metrics={"secret": 0.123}, record={"metrics": {"secret": 0.123}},
             deep=[{"cases": {"a": 0.5}}]),
        (),
    )  # fmt: skip
    assert one is not None
    assert (one.kind, one.who, one.trial) == ("tool call", "worker", 7)
    assert one.text == "task.md\nname read, deep [{}]"
    long = moment(line(event="text", text="y" * 100_000), ())
    assert long is not None
    assert len(long.text) < MOST + 10


@pytest.mark.parametrize(
    "raw", [b"", b"{", b"[1]", b'{"event":1}', b"[" * 100_000, b'{"text":"no kind"}']
)
def test_a_line_that_is_no_event_is_passed_over(raw: bytes) -> None:
    assert moment(raw, ()) is None


def test_an_event_of_another_version_is_told_generically() -> None:
    one = moment(b'{"event":"recorded","record":7,"is_best":true,"text":"odd"}', ())
    assert one is not None
    assert one.text.startswith("odd")


@pytest.mark.parametrize("since", ["", "x", "1", "-1-2", "1-2-3", "9" * 80 + "-1", "1-1e9"])
def test_a_place_that_is_none_is_not_taken_for_one(since: str) -> None:
    assert Place.of(since) is None


def test_an_unknown_lab_has_no_stream(lab: Path, visit: Visit) -> None:
    assert visit(lab.parent).get("/lab/nothing/events").status_code == 404
