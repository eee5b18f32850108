"""Functions of numbers that learned programs carry; see pieces.py."""

# mypy: disable-error-code="no-untyped-def, no-untyped-call, var-annotated"


def number(s, base):
    value = 0
    for c in s:
        value = value * base + c
    return value


def is_prime(n):
    if n < 2:
        return False
    bases = (2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37)
    for p in bases:
        if n % p == 0:
            return n == p
    d, twos = n - 1, 0
    while d % 2 == 0:
        d, twos = d // 2, twos + 1
    for a in bases:
        y = pow(a, d, n)
        if y not in (1, n - 1) and all((y := y * y % n) != n - 1 for _ in range(twos - 1)):
            return False
    return True


def gcd(a, b):
    while b:
        a, b = b, a % b
    return abs(a)


def is_square(n):
    from math import isqrt

    return n >= 0 and isqrt(n) ** 2 == n


def is_power_of_two(n):
    return n > 0 and n & (n - 1) == 0


def integers(x):
    from re import findall

    return [int(word) for word in findall(r"\d+", x)]
