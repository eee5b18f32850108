"""A linear model that is held back too much, to show the form."""

from sklearn.linear_model import Ridge


def fit(rows, numbers):
    return Ridge(alpha=1.0).fit(rows, numbers)


def predict(model, rows):
    return model.predict(rows).tolist()
