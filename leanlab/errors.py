"""Everything leanlab raises on purpose. The command line prints it as one line, with status 2."""

from __future__ import annotations


class LeanlabError(Exception):
    """An expected fault: the message says what happened, where, and what to do."""


class ConfigError(LeanlabError):
    """lab.json, an option or a variant's parameter cannot be used as it is."""


class LabError(LeanlabError):
    """The lab's folder is missing something, or a file in it cannot be used."""


class LabBusy(LeanlabError):
    """Another process is writing to the same lab."""


class SealBroken(LeanlabError):
    """A frozen file is not what the seal says."""


class LedgerError(LeanlabError):
    """results.jsonl cannot be read or written as it is."""


class EvaluatorError(LeanlabError):
    """The lab's own evaluation cannot run; no experiment is to blame."""


class Disturbed(EvaluatorError):
    """A process that an evaluation needs was ended from outside; evaluating again may work."""


class ConfinementUnavailable(LeanlabError):
    """This machine cannot confine a candidate as asked."""


class BackendUnavailable(LeanlabError):
    """The chosen backend cannot answer, and waiting did not help."""


class CandidateFailed(LeanlabError):
    """A candidate gave no usable reply.

    status is the trial's status (crashed or timed_out). category is short and safe to show to
    anyone: it never carries the candidate's own words. log is what the candidate printed, kept
    only when it had seen nothing but public inputs, and empty otherwise.
    """

    def __init__(self, status: str, category: str, text: str, log: str = "") -> None:
        super().__init__(text)
        self.status = status
        self.category = category
        self.text = text
        self.log = log
