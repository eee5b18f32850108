"""A lab with 100,000 records opens in under a second and stays small; charts lose no extreme."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leanlab.dashboard import charts
from tests.dashboard.filled import fill

RECORDS = 100_000
OPEN = r"""
import msgspec, re, sys, time
from pathlib import Path
from starlette.testclient import TestClient
from leanlab.dashboard.app import make_app
from leanlab.dashboard.library import Library

app = make_app(Library(Path(sys.argv[1])), token="t", host="127.0.0.1", port=80, read_only=False)
client = TestClient(app, base_url="http://127.0.0.1")
client.cookies.set("leanlab_80", "t")
from leanlab import records
decoder = msgspec.json.Decoder(records.AnyRecord)
since = time.process_time()
for line in (Path(sys.argv[1]) / "lengths" / "results.jsonl").open("rb"):
    decoder.decode(line)
floor = time.process_time() - since
since = time.process_time()
assert client.get("/lab/lengths").status_code == 200
first = time.process_time() - since
for page in ("?sort=value", "?page=40", "?metric=secret", "?q=attempt+99", "/trial/80000"):
    assert client.get(f"/lab/lengths{page}").status_code == 200
since = time.process_time()
client.get("/lab/lengths")
again = time.process_time() - since
# Not ru_maxrss, which begins with what the process that started this one had taken.
most = re.search(r"VmHWM:\s*(\d+) kB", Path("/proc/self/status").read_text())
print(floor, first, again, int(most[1]) / 1024)
"""


@pytest.mark.slow
def test_100_000_records_open_in_a_second_and_stay_under_200_megabytes(lab: Path) -> None:
    """CPU time, the best of three processes.

    A second, or five times what decoding every line takes by itself, where the machine is slow.
    """
    fill(lab, RECORDS * 5 // 6)
    assert (lab / "results.jsonl").read_bytes().count(b"\n") >= RECORDS - 1
    for _ in range(3):
        floor, *measured = opened(lab.parent)
        print(f"decoded in {floor:.2f} s; {measured}")
        limits = (max(1.0, 5 * floor), max(0.5, 2 * floor), 200)
        if all(one < limit for one, limit in zip(measured, limits, strict=True)):
            return
    raise AssertionError(f"{measured} exceeds {limits}")


def opened(place: Path) -> tuple[float, float, float, float]:
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", OPEN, str(place)],
        capture_output=True, text=True, check=True, env=environment,
    )  # fmt: skip
    floor, first, again, megabytes = map(float, done.stdout.split())
    return floor, first, again, megabytes


numbers = st.floats(allow_nan=False, allow_infinity=False)


@given(values=st.lists(numbers, min_size=1, max_size=400), buckets=st.integers(1, 20))
def test_a_reduced_chart_keeps_every_buckets_extremes(values: list[float], buckets: int) -> None:
    points = [(float(place), value) for place, value in enumerate(values)]
    kept = charts.reduced(points, buckets)
    assert kept == sorted(set(kept))
    assert {0, len(points) - 1} <= set(kept)
    assert max(values[place] for place in kept) == max(values)
    assert min(values[place] for place in kept) == min(values)
    assert len(kept) <= max(2 * buckets, 4 * (buckets + 1))


@given(values=st.lists(numbers, min_size=1, max_size=200))
def test_the_best_so_far_never_falls_and_ends_at_the_best(values: list[float]) -> None:
    for direction, choose in (("maximize", max), ("minimize", min)):
        rises = charts.best_so_far(values, direction)
        assert values[rises[-1]] == choose(values)
        assert values.index(choose(values)) == rises[-1], "the earliest on a tie"


@given(values=st.lists(numbers | st.floats(1e-9, 1e-3), min_size=0, max_size=50))
def test_every_value_has_its_place_and_labels_are_few(values: list[float]) -> None:
    scale = charts.upright(values)
    for value in values:
        assert -0.01 <= scale(value) <= charts.HEIGHT + 0.01
    labels = [tick.label for tick in charts.ticks(scale, 4)]
    assert 2 <= len(labels) <= 12
    assert len(set(labels)) == len(labels)
