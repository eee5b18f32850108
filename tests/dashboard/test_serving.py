"""`leanlab serve` as a user starts and ends it."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest

from tests.dashboard.filled import fill


@contextmanager
def serving(place: Path, *options: str) -> Iterator[tuple[subprocess.Popen[str], list[str]]]:
    """The command in a process of its own, and the lines that it said first."""
    words = [sys.executable, "-m", "leanlab", "serve", str(place), "--no-open", *options]
    with subprocess.Popen(
        words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        assert process.stdout is not None
        try:
            yield process, [process.stdout.readline().strip() for _ in range(2)]
        finally:
            process.kill()


def test_it_prints_a_link_serves_and_ends_on_ctrl_c(lab: Path) -> None:
    fill(lab, 3)
    with serving(lab, "--port", "0", "--read-only") as (process, (head, link)):
        assert head.endswith("read-only; Ctrl-C ends it")
        with httpx2.Client(follow_redirects=True) as client:
            assert "lengths" in client.get(link).text
            home = link.partition("?")[0]
            with client.stream("GET", f"{home}lab/lengths/events") as stream:
                assert next(stream.iter_lines()) == "retry: 2000"
                # An open stream does not keep it from ending.
                process.send_signal(signal.SIGINT)
                rest, _ = process.communicate(timeout=20)
        assert process.returncode == 0
        assert "Traceback" not in rest
    with pytest.raises(httpx2.HTTPError):
        httpx2.get(home)


def test_every_start_has_a_token_of_its_own(lab: Path) -> None:
    with serving(lab, "--port", "0") as (_, (_, first)), serving(lab, "--port", "0") as (
        _, (_, second),
    ):  # fmt: skip
        tokens = [link.partition("token=")[2] for link in (first, second)]
        assert tokens[0] != tokens[1]
        assert min(map(len, tokens)) >= 43
        swapped = first.replace(tokens[0], tokens[1])
        assert httpx2.get(swapped).status_code == 403


def test_a_port_that_is_taken_is_said(lab: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        with serving(lab, "--port", port) as (process, (said, _)):
            assert process.wait(timeout=20) == 2
        assert "cannot listen on" in said
        assert "--port 0" in said
