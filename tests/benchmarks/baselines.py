"""What scikit-learn's classifiers reach on the same strings, chosen by validation."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from leanlab.synthesis.splits import Split


def accuracies(train: Split, val: Split, test: Split) -> Iterator[tuple[str, float]]:
    """Yield test accuracies on characters as categories, 0 where a string is shorter."""
    from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier
    from sklearn.svm import SVC

    alphabet = sorted({c for x in train.strings for c in x})
    width = max(map(len, train.strings))
    inputs = [_encoded(split, alphabet, width) for split in (train, val, test)]
    families = {
        "SVM": [SVC(C=c, kernel=k) for c in (0.1, 1, 10) for k in ("linear", "rbf", "poly")],
        "forest": [RandomForestClassifier(n, random_state=0) for n in (100, 300)],
        "boosting": [GradientBoostingClassifier(max_depth=d, random_state=0) for d in (1, 3, 5)],
    }
    for name, models in families.items():
        fitted = [model.fit(inputs[0], train.labels) for model in models]
        best = max(fitted, key=lambda model: model.score(inputs[1], val.labels))
        yield name, float(best.score(inputs[2], test.labels))


def _encoded(split: Split, alphabet: list[str], width: int) -> np.ndarray:
    rows = np.zeros((len(split), width * len(alphabet)), dtype=np.int8)
    for i, x in enumerate(split.strings):
        for j, c in enumerate(x[:width]):
            if c in alphabet:
                rows[i, j * len(alphabet) + alphabet.index(c)] = 1
    return rows
