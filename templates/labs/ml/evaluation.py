"""Score one experiment: R² of its predictions on rows whose numbers it never sees.

The data are those of B. Efron, T. Hastie, I. Johnstone and R. Tibshirani, "Least angle regression",
The Annals of Statistics 32, 2004, as scikit-learn bundles them.
"""

import csv
import hashlib
import math

from leanlab import labkit

SPLITS = ("train", "val", "test")
Rows = list[list[float]]


def make_data(lab: labkit.Lab) -> None:
    """Deal the 442 rows out, alike on every machine; the test gets what is left."""
    from sklearn.datasets import load_diabetes

    found = load_diabetes()
    order = sorted(range(len(found.target)), key=lambda i: digest(lab.params["seed"], i))
    first, second = lab.params["train"], lab.params["train"] + lab.params["val"]
    parts = zip(SPLITS, (order[:first], order[first:second], order[second:]), strict=True)
    for name, chosen in parts:
        with (lab.data / f"{name}.csv").open("w", newline="") as file:
            for i in chosen:
                csv.writer(file).writerow([*map(float, found.data[i]), float(found.target[i])])
    columns = ", ".join(found.feature_names)
    (lab.data / "columns.txt").write_text(
        f"The columns of a row are {columns}: age, sex, body mass index, mean blood pressure and "
        "six blood serum measurements, each centred and scaled alike.\n"
    )


def digest(*parts: int) -> bytes:
    """Random enough to sort by, and the same on every machine."""
    return hashlib.sha256(repr(parts).encode()).digest()


def evaluate(candidate: labkit.Candidate, lab: labkit.Lab) -> labkit.Verdict:
    """Fit on the training rows, then predict the rows of all three splits."""
    splits = {name: read(lab, name) for name in SPLITS}
    rows, numbers = splits["train"]
    unseen = splits["val"][0] + splits["test"][0]
    replies = candidate.fit_predict(rows, numbers, rows + unseen, max_failed=0.0)
    metrics, start = {}, 0
    for name, (inputs, wanted) in splits.items():
        said = replies.values[start : start + len(inputs)]
        start += len(inputs)
        value, error = r2(said, wanted)
        metrics |= {f"{name}_r2": value, f"{name}_r2_se": error}
    return labkit.Verdict(metrics=metrics)


def read(lab: labkit.Lab, name: str) -> tuple[Rows, list[float]]:
    with (lab.data / f"{name}.csv").open(newline="") as file:
        rows = [[float(cell) for cell in row] for row in csv.reader(file)]
    return [row[:-1] for row in rows], [row[-1] for row in rows]


def r2(said: list[float], wanted: list[float]) -> tuple[float, float]:
    """R² and its standard error by the delta method, with the spread of the numbers as given."""
    n = len(wanted)
    mean = math.fsum(wanted) / n
    spread = math.fsum((y - mean) ** 2 for y in wanted) / n
    misses = [(a - y) ** 2 / spread for a, y in zip(said, wanted, strict=True)]
    missed = math.fsum(misses) / n
    error = math.sqrt(math.fsum((miss - missed) ** 2 for miss in misses) / (n - 1) / n)
    return 1 - missed, error


if __name__ == "__main__":
    labkit.main(evaluate)
