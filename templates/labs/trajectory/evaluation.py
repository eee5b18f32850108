"""Score one experiment: the share of hidden tasks that its solve() solves in the CPU time given."""

import msgspec

from leanlab import labkit
from leanlab.trajectory import hidden, taskfile
from leanlab.trajectory.execution import Executor
from leanlab.trajectory.library import FunctionLibrary


def make_data(lab: labkit.Lab) -> None:
    """Write the library and the tasks that the parameters ask for, the same bytes everywhere."""
    hidden.make_data(msgspec.convert(lab.params, hidden.Recipe), lab.data)


def evaluate(candidate: labkit.Candidate, lab: labkit.Lab) -> labkit.Verdict:
    """Solve one training task of each length in the open, then the hidden ones, all in one call.

    Every answer is run here, on the examples that were given and on those that were held out.
    """
    recipe = msgspec.convert(lab.params, hidden.Recipe)
    library = FunctionLibrary.read(lab.data / "library.json")
    train, val, test = (taskfile.read(lab.data / f"{name}.jsonl") for name in hidden.SPLITS)
    executor, data = Executor(library), hidden.as_data(library)

    def solved(records: list[taskfile.TaskRecord], public: bool) -> list[labkit.Each]:
        asked = [hidden.arguments(one, data, recipe.seconds) for one in records]
        return candidate.call_each(
            "solve", asked, cpu_seconds=recipe.seconds, returns=hidden.Reply, public=public
        )

    shown = train[:: recipe.train]
    text = hidden.told(shown, solved(shown, True), executor)
    every = solved(val + test, False)
    metrics = hidden.metrics("val", val, every[: len(val)], executor)
    metrics |= hidden.metrics("test", test, every[len(val) :], executor)
    return labkit.Verdict(metrics=metrics, feedback=text)


if __name__ == "__main__":
    labkit.main(evaluate)
