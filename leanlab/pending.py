"""What is known of a trial before it has a verdict, kept on disk in case the run is cut off."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from leanlab.files import write_whole

if TYPE_CHECKING:
    from leanlab.lab import Lab


class Pending(msgspec.Struct, frozen=True, kw_only=True):
    """A trial on its way: the fields of its record that come from roles and policy."""

    trial: int
    notes: str = ""
    backend: str = ""
    model: str = ""
    policy: str = ""
    move: str = ""
    parents: tuple[int, ...] = ()
    fixes: int = 0
    session: str = ""
    unfenced: bool = False
    prompt_sha256: str = ""
    propose_seconds: float = 0.0

    def trial_fields(self) -> dict[str, Any]:
        """The fields of a trial's record of the same names."""
        own = msgspec.structs.asdict(self)
        del own["propose_seconds"]
        return own


def save(lab: Lab, pending: Pending) -> None:
    write_whole(lab.state / "pending.json", msgspec.json.encode(pending))


def load(lab: Lab, trial: int) -> Pending | None:
    """Return what was saved of that trial; None when nothing usable was."""
    try:
        raw = (lab.state / "pending.json").read_bytes()
        pending = msgspec.json.decode(raw, type=Pending)
    except (OSError, msgspec.DecodeError):
        return None
    return pending if pending.trial == trial else None
