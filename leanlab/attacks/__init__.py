"""The attacks that a score must survive, played against a lab of one's own.

    for finding in run_attacks(open_lab("labs/parity")):
        print(finding.number, finding.title, finding.verdict)

Each is a file in snippets/, put before the lab's sample experiment, or a step around it.
"""

from __future__ import annotations

from leanlab.attacks.catalogue import Attack, attacks
from leanlab.attacks.findings import Finding
from leanlab.attacks.running import run_attacks

__all__ = ["Attack", "Finding", "attacks", "run_attacks"]
