"""Score one experiment: the share of strings that its f labels as the hidden rule does."""

from leanlab import labkit
from leanlab.synthesis import data, splits


def make_data(lab: labkit.Lab) -> None:
    """Write the strings that the params ask for, the same bytes on every machine."""
    data.generate(lab.params, folder=lab.folder).write(lab.data)


def evaluate(candidate: labkit.Candidate, lab: labkit.Lab) -> labkit.Verdict:
    """Label the training strings first, in the open; then the unseen ones in one call.

    A reply that is no bit is wrong.
    """
    train, val, test = (splits.read(lab.data / f"{name}.txt") for name in data.NAMES)
    seen = candidate.call("f", train.strings, returns=labkit.Bit, public=True)
    unseen = candidate.call("f", val.strings + test.strings, returns=labkit.Bit)
    metrics = {
        "train_accuracy": train.accuracy(seen.values),
        "val_accuracy": val.accuracy(unseen.values[: len(val)]),
        "test_accuracy": test.accuracy(unseen.values[len(val) :]),
    }
    return labkit.Verdict(metrics=metrics, feedback=seen.text)


if __name__ == "__main__":
    labkit.main(evaluate)
