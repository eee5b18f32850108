"""`leanlab synth learn`: files in, a rule with its certificate out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from leanlab.labkit import ConfigError
from leanlab.synthesis import splits
from leanlab.synthesis.learning.learned import answers, learn

if TYPE_CHECKING:
    from leanlab.synthesis.learning.learned import Learned
    from leanlab.synthesis.splits import Split


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """The command's arguments."""

    train: Path
    val: Path | None
    test: Path | None
    predict: Path | None
    out: Path | None
    seconds: float | None


def run(asked: Asked, *, as_json: bool) -> str:
    """Learn, write predictions where they are asked for, and return what to print."""
    if (asked.predict is None) != (asked.out is None):
        raise ConfigError("--predict FILE and --out LABELS go together; give both or neither.")
    if asked.seconds is not None and not asked.seconds > 0:
        raise ConfigError(f"--seconds {asked.seconds:g}: give a number above 0.")
    train = splits.read(asked.train)
    val = splits.read(asked.val, train.classes) if asked.val else None
    test = splits.read(asked.test, train.classes) if asked.test else None
    unlabelled = splits.read_strings(asked.predict) if asked.predict else ()
    learned = learn(train, val, asked.seconds)
    if asked.out:
        told = _labels(learned, unlabelled, train)
        asked.out.write_bytes("".join(f"{train.classes[y]}\n" for y in told).encode())
    facts = _facts(learned, train, test)
    return json.dumps(facts) if as_json else _text(facts, len(train), val)


def _labels(learned: Learned, strings: tuple[str, ...], train: Split) -> tuple[int, ...]:
    if learned.rules:
        return answers(learned.rules[0].code, strings)
    return (int(2 * sum(train.labels) > len(train)),) * len(strings)


def _facts(learned: Learned, train: Split, test: Split | None) -> dict[str, Any]:
    rules = [
        {
            "code": rule.code,
            "description": rule.description,
            "bits": round(rule.bits, 1),
            "train_errors": rule.train_errors,
            "val_errors": errors,
        }
        for rule, errors in zip(learned.rules, learned.val_errors, strict=True)
    ]
    disagreement = None
    if learned.disagreement:
        text, told = learned.disagreement
        disagreement = {"input": text, "answers": [train.classes[y] for y in told]}
    return {
        "verdict": learned.verdict,
        "error_bound": round(learned.error_bound, 6),
        "rules": rules,
        "disagreement": disagreement,
        "test_accuracy": test.accuracy(_labels(learned, test.strings, train)) if test else None,
        "seconds": round(learned.seconds, 3),
    }


def _text(facts: dict[str, Any], train: int, val: Split | None) -> str:
    if not facts["rules"]:
        return "abstain: no rule was found that is shorter than the labels."
    first, *others = facts["rules"]
    lines = [first["code"]]
    fit = f"{first['train_errors']} of {train} training strings wrong"
    if val:
        fit += f", {first['val_errors']} of {len(val)} validation strings wrong"
    lines.append(f"{facts['verdict']}: {first['bits']} bits; {fit}.")
    lines.append(f"With probability 95% its error is at most {facts['error_bound']:.4f}.")
    if facts["test_accuracy"] is not None:
        lines.append(f"Test accuracy: {facts['test_accuracy']:.4f}")
    if others:
        lines += ["", "Other rules that the data leave open:"]
        lines += [f"- {rule['description']} ({rule['bits']} bits)" for rule in others]
    if facts["disagreement"]:
        told = facts["disagreement"]
        lines.append(f"They differ on {told['input']}: {', '.join(told['answers'])}.")
    return "\n".join(lines)
