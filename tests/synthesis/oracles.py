"""Every rule again, written in another way, to hold the generators against."""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from itertools import pairwise

import sympy

from leanlab.synthesis.targets.bits import random_monomials, random_positions

RULE_30 = {"111": 0, "110": 0, "101": 0, "100": 1, "011": 1, "010": 1, "001": 1, "000": 0}


def odd(bits):
    return len([c for c in bits if c == "1"]) % 2


def palindrome(x):
    return int(all(x[i] == x[len(x) - 1 - i] for i in range(len(x))))


def brackets(x):
    word = "".join(
        {"00": "(", "01": ")", "10": "[", "11": "]"}[pair] for pair in re.findall("..", x)
    )
    while (shorter := word.replace("()", "").replace("[]", "")) != word:
        word = shorter
    return int(not word)


def rule_30(x):
    padded = f"0{x}0"
    return sum(RULE_30[padded[i : i + 3]] for i in range(len(x))) % 2


def rule_30_published(x):
    pairs = sum(a == b == "1" for a, b in pairwise(x))
    return (x.count("1") + int(x[0]) + int(x[-1]) + pairs) % 2


def sha(x):
    return bin(int(hashlib.sha256(x.encode()).hexdigest(), 16)).count("1") % 2


def polynomial(x, length):
    total = 0
    for monomial in random_monomials(length):
        product = 1
        for i in monomial:
            product *= int(x[i])
        total += product
    return total % 2


def prime(x, plus=0):
    return int(sympy.isprime(int(x) - plus))


def halves(x):
    return x[: len(x) // 2], x[len(x) // 2 :]


def gcd_in_range(x):
    first, second = map(int, halves(x))
    return int(20 <= sympy.igcd(first, second) <= 51)


def many_cycles(x):
    edges = [(u, v) for u, v in re.findall(r"u(\d\d)v(\d\d)", x)]
    assert "".join(f"u{u}v{v}" for u, v in edges) == x
    near = defaultdict(set)
    for u, v in edges:
        near[u].add(v)
        near[v].add(u)
    seen, components = set(), 0
    for start in near:
        if start in seen:
            continue
        components += 1
        ahead = [start]
        while ahead:
            vertex = ahead.pop()
            if vertex not in seen:
                seen.add(vertex)
                ahead += near[vertex]
    return int(len(edges) - len(near) + components > max(1, len(edges) // 6))


def label(name, x, length):
    """The label of x by the rule that the target has for strings of that length."""
    rules = {
        "parity_all": odd,
        "parity_first_half": lambda x: odd(halves(x)[0]),
        "patternmatch1": lambda x: int(bool(re.search("10101010", x))),
        "patternmatch2": lambda x: int(bool(re.search("00111111", x))),
        "parity_rand_3": lambda x: odd(x[i] for i in random_positions(length, 3)),
        "parity_rand_10": lambda x: odd(x[i] for i in random_positions(length, 10)),
        "palindrome": palindrome,
        "dyck2": brackets,
        "automata_parity": rule_30,
        "sha256_parity": sha,
        "poly_f2_deg3": lambda x: polynomial(x, length),
        "prime_decimal": prime,
        "prime_decimal_tf_check": prime,
        "prime_plus_47": lambda x: prime(x, 47),
        "prime_minus_5": lambda x: prime(x, 5),
        "two_primes": lambda x: int(prime(halves(x)[0]) == prime(halves(x)[1])),
        "gcd_range": gcd_in_range,
        "graph_has_cycle": many_cycles,
    }
    return rules[name](x)
