"""events.jsonl: what a full disk does to it, and how it goes on."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from leanlab.events import Notice, Recorded, RunEnded, from_file, to_file
from leanlab.records import Trial

# The kernel stops a file at so many bytes in the middle of a line, as a full disk does.
FILLS = """
import resource, sys
from pathlib import Path
from leanlab.events import Notice, to_file
path = Path(sys.argv[1])
write = to_file(path)
write(Notice(text="first"))
resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + 20,) * 2)
try:
    write(Notice(text="second"))
except OSError:
    sys.exit(7)
"""


def test_after_a_full_disk_events_go_on_on_a_line_of_their_own(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    assert subprocess.run([sys.executable, "-c", FILLS, str(path)]).returncode == 7
    assert not path.read_bytes().endswith(b"\n")
    assert list(from_file(path)) == [Notice(text="first")]
    write = to_file(path)
    for text in ("third", "fourth"):
        write(Notice(text=text))
    told = [event.text for event in from_file(path) if isinstance(event, Notice)]
    assert told == ["first", "third", "fourth"]
    assert len(path.read_bytes().splitlines()) == 4


def test_what_is_read_is_what_was_written(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    assert list(from_file(path)) == []
    record = Trial(
        run="r", trial=1, status="scored", metrics={"accuracy": 0.5}, evaluator="e", tier="A"
    )
    events = [
        Recorded(record=record, is_best=True),
        RunEnded(end="1 trial", new_records=1, best=record, target_reached=False),
    ]
    write = to_file(path)
    for event in events:
        write(event)
    assert list(from_file(path)) == events
