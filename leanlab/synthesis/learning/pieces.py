"""Functions of lists that learned programs are made of; a program carries the source of its own.

`s` is a list of integers. An empty list is a fair argument everywhere. The source is copied as it
stands, so that it is short and plain: no types, no docstrings, nothing from outside but builtins.
"""

from leanlab.synthesis.learning.arithmetic import number

# ruff: noqa: B905, RUF005, RUF007
# mypy: disable-error-code="no-untyped-def, no-untyped-call, var-annotated"


def first_half(s):
    return s[: len(s) // 2]


def second_half(s):
    return s[len(s) // 2 :]


def larger_first_half(s):
    return s[: (len(s) + 1) // 2]


def smaller_second_half(s):
    return s[(len(s) + 1) // 2 :]


def third(s, i):
    return s[len(s) * i // 3 : len(s) * (i + 1) // 3]


def middle(s):
    return s[len(s) // 4 : len(s) - len(s) // 4]


def changes(s, lag):
    return [int(a != b) for a, b in zip(s, s[lag:])]


def repeats_at(s, lag):
    return [int(a == b) for a, b in zip(s, s[lag:])]


def differences(s):
    return [b - a for a, b in zip(s, s[1:])]


def gaps(s):
    return [abs(b - a) for a, b in zip(s, s[1:])]


def sums(s):
    return [a + b for a, b in zip(s, s[1:])]


def products(s, lag):
    return [a * b for a, b in zip(s, s[lag:])]


def steps_up(s):
    return [int(a < b) for a, b in zip(s, s[1:])]


def ring_changes(s):
    return [int(a != b) for a, b in zip(s, s[1:] + s[:1])]


def mirrored(s):
    return [int(a != b) for a, b in zip(s[: len(s) // 2], s[::-1])]


def mirrored_sums(s):
    return [a + b for a, b in zip(s[: len(s) // 2], s[::-1])]


def mirrored_products(s):
    return [a * b for a, b in zip(s[: len(s) // 2], s[::-1])]


def halves_differ(s):
    return [int(a != b) for a, b in zip(s[: len(s) // 2], s[(len(s) + 1) // 2 :])]


def halves_sums(s):
    return [a + b for a, b in zip(s[: len(s) // 2], s[(len(s) + 1) // 2 :])]


def halves_products(s):
    return [a * b for a, b in zip(s[: len(s) // 2], s[(len(s) + 1) // 2 :])]


def halves_differences(s):
    return [a - b for a, b in zip(s[: len(s) // 2], s[(len(s) + 1) // 2 :])]


def pairs_differ(s):
    return [int(a != b) for a, b in zip(s[::2], s[1::2])]


def pairs_products(s):
    return [a * b for a, b in zip(s[::2], s[1::2])]


def pairs_differences(s):
    return [a - b for a, b in zip(s[::2], s[1::2])]


def blocks(s, size, base):
    cut = [s[i : i + size] for i in range(0, len(s) - size + 1, size)]
    return [number(block, base) for block in cut]


def block_sums(s, size):
    return [sum(s[i : i + size]) for i in range(0, len(s) - size + 1, size)]


def neighbours_read(s, base):
    return [base * a + b for a, b in zip(s, s[1:])]


def running_sums(s):
    total, sums_so_far = 0, []
    for c in s:
        total += c
        sums_so_far.append(total)
    return sums_so_far


def running_parity(s):
    return [total % 2 for total in running_sums(s)]


def records(s):
    return [c for i, c in enumerate(s) if all(c > b for b in s[:i])]


def walk(s):
    return running_sums([1 if c else -1 for c in s])


def drained(s):
    level, levels = 0, []
    for c in s:
        level = max(0, level + (1 if c else -1))
        levels.append(level)
    return levels


def run_values(s):
    return [c for i, c in enumerate(s) if i == 0 or s[i - 1] != c]


def run_lengths(s):
    lengths = []
    for i, c in enumerate(s):
        if i and s[i - 1] == c:
            lengths[-1] += 1
        else:
            lengths.append(1)
    return lengths


def run_lengths_of(s, v):
    starts = [i for i, c in enumerate(s) if i == 0 or s[i - 1] != c]
    return [b - a for a, b in zip(starts, starts[1:] + [len(s)]) if s[a] == v]


def places(s, v):
    return [i for i, c in enumerate(s) if c == v]


def weighted(s):
    return [i * c for i, c in enumerate(s, 1)]


def in_turn(s, weights):
    return [c * weights[i % len(weights)] for i, c in enumerate(s)]


def ca_step(s, rule):
    padded = [0, *s, 0]
    return [rule >> (4 * a + 2 * b + c) & 1 for a, b, c in zip(padded, s, padded[2:])]


def ca_ring(s, rule):
    around = s[-1:] + s + s[:1]
    return [rule >> (4 * a + 2 * b + c) & 1 for a, b, c in zip(around, s, around[2:])]


def counts(s):
    return [s.count(c) for c in sorted(set(s))]


def runs(s):
    return sum(i == 0 or s[i - 1] != c for i, c in enumerate(s))


def longest_run(s):
    return max(run_lengths(s), default=0)


def longest_run_of(s, v):
    return max(run_lengths_of(s, v), default=0)


def first_place(s, v):
    return s.index(v) if v in s else len(s)


def last_place(s, v):
    return len(s) - 1 - s[::-1].index(v) if v in s else -1


def first_largest(s):
    return s.index(max(s)) if s else 0


def last_largest(s):
    return last_place(s, max(s)) if s else 0


def first_smallest(s):
    return s.index(min(s)) if s else 0


def last_smallest(s):
    return last_place(s, min(s)) if s else 0


def head(s):
    return s[0] if s else -1


def tail(s):
    return s[-1] if s else -1


def at(s, i):
    return s[i] if -len(s) <= i < len(s) else -1


def rises(s):
    return sum(a < b for a, b in zip(s, s[1:]))


def falls(s):
    return sum(a > b for a, b in zip(s, s[1:]))


def repeats(s):
    return sum(a == b for a, b in zip(s, s[1:]))


def neighbours(s, a, b):
    return sum(c == a and d == b for c, d in zip(s, s[1:]))


def alternating_sum(s):
    return sum(s[::2]) - sum(s[1::2])


def weighted_sum(s):
    return sum(i * c for i, c in enumerate(s, 1))


def peaks(s):
    return sum(a < b > c for a, b, c in zip(s, s[1:], s[2:]))


def xor_of(s):
    value = 0
    for c in s:
        value ^= c
    return value


def product_of(s):
    value = 1
    for c in s:
        value *= c
    return value


def inversions(s):
    return sum(a > b for i, a in enumerate(s) for b in s[i + 1 :])


def commonest(s):
    return max(map(s.count, set(s)), default=0)


def odd_counts(s):
    return sum(s.count(c) % 2 for c in set(s))


def order(s, t):
    return (s > t) - (s < t)


def alike(s, t):
    return sum(a == b for a, b in zip(s, t))


def unshared(s, t):
    return sum(abs(s.count(c) - t.count(c)) for c in {*s, *t})


def common_prefix(s, t):
    shared = 0
    for a, b in zip(s, t):
        if a != b:
            break
        shared += 1
    return shared


def border(s):
    return max((k for k in range(len(s)) if s[:k] == s[len(s) - k :]), default=0)


def longest_rise(s):
    best = here = min(len(s), 1)
    for a, b in zip(s, s[1:]):
        here = here + 1 if a < b else 1
        best = max(best, here)
    return best


def longest_palindrome(s):
    best = 0
    for i in range(2 * len(s) - 1):
        a, b = i // 2, (i + 1) // 2
        while a >= 0 and b < len(s) and s[a] == s[b]:
            a, b = a - 1, b + 1
        best = max(best, b - a - 1)
    return best


def unmatched(s, pairs):
    closing, stack = dict(pairs), []
    for c in s:
        if stack and closing.get(stack[-1]) == c:
            stack.pop()
        elif c in closing or c in closing.values():
            stack.append(c)
    return len(stack)


def deepest(s, pairs):
    opening, depth, most = dict(pairs), 0, 0
    for c in s:
        depth += 1 if c in opening else -1 if c in opening.values() else 0
        most = max(most, depth)
    return most


def occurrences(s, pattern):
    starts = range(len(s) - len(pattern) + 1)
    return sum(all(p is None or p == s[i + j] for j, p in enumerate(pattern)) for i in starts)


def has_subsequence(s, pattern):
    rest = iter(s)
    return int(all(c in rest for c in pattern))


def final_state(s, table):
    state = 0
    for c in s:
        state = table[state][c]
    return state
