"""A baseline, to show the form: random walks along functions that fit."""

import math
import random


def solve(inputs, outputs, library, budget):
    """Walk at random from the inputs, and hope to come past the outputs."""
    functions = [(f["name"], f["input_type"], f["output_type"], compiled(f)) for f in library]
    chance = random.Random(0)
    for _ in range(200):
        values, path = inputs, []
        while len(path) < 4:
            kind = type(values[0]).__name__
            name, _, makes, run = chance.choice([f for f in functions if f[1] == kind])
            try:
                values = [run(x) for x in values]
            except Exception:
                break
            if any(type(x).__name__ != makes for x in values):
                break
            path.append(name)
            if same(values, outputs):
                return path
    return []


def compiled(function):
    """Turn the code of a library's function, which is a body, into a function of x."""
    body = "".join(f"    {line}\n" for line in function["code"].splitlines())
    names = {"math": math}
    exec(f"def function(x):\n{body}", names)
    return names["function"]


def same(values, outputs):
    """Compare strictly: 1, 1.0 and True are three values, and NaN is itself."""
    return list(map(repr, values)) == list(map(repr, outputs))
