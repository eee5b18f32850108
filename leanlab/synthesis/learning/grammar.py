"""The grammar of views and features: code, English, and weight of every production.

A view turns a list of integers into another, a feature turns one into an integer. {0} stands for
the list, {v} and {w} for parameters. A production costs log2 of the weights' sum over its weight;
the argument and the parameters are paid on top.
"""

from __future__ import annotations

import math

import msgspec

BITS = "bits"
ANY = "any"


class Production(msgspec.Struct, frozen=True):
    """One way to make a list or a number out of a list."""

    code: str
    says: str
    weight: float = 1.0
    on: str = ANY
    """BITS where the list has to hold 0 and 1 only."""
    again: bool = False
    """Whether it is put on top of other views, too."""


VIEWS = (
    Production("first_half({0})", "the first half of {0}", 4, again=True),
    Production("second_half({0})", "the second half of {0}", 4, again=True),
    Production("larger_first_half({0})", "the first half, middle included, of {0}", 0.5),
    Production("smaller_second_half({0})", "the second half, middle left out, of {0}", 0.5),
    Production("third({0}, 0)", "the first third of {0}", 1),
    Production("third({0}, 1)", "the middle third of {0}", 1),
    Production("third({0}, 2)", "the last third of {0}", 1),
    Production("middle({0})", "the middle half of {0}", 1),
    Production("{0}[::2]", "every second item, from the first, of {0}", 4, again=True),
    Production("{0}[1::2]", "every second item, from the second, of {0}", 4, again=True),
    Production("{0}[::3]", "every third item, from the first, of {0}", 1),
    Production("{0}[1::3]", "every third item, from the second, of {0}", 1),
    Production("{0}[2::3]", "every third item, from the third, of {0}", 1),
    Production("{0}[::4]", "every fourth item, from the first, of {0}", 0.5),
    Production("{0}[1:]", "all but the first item of {0}", 1),
    Production("{0}[:-1]", "all but the last item of {0}", 1),
    Production("{0}[1:-1]", "all but the ends of {0}", 1),
    Production("{0}[::-1]", "{0} reversed", 1),
    Production("sorted({0})", "{0} sorted", 1),
    Production("changes({0}, 1)", "the changes between neighbours in {0}", 4, again=True),
    Production("changes({0}, 2)", "the changes two apart in {0}", 1),
    Production("changes({0}, 3)", "the changes three apart in {0}", 1),
    Production("ring_changes({0})", "the changes around the ring {0}", 1),
    Production("differences({0})", "the differences of neighbours in {0}", 2, again=True),
    Production("gaps({0})", "the absolute differences of neighbours in {0}", 2, again=True),
    Production("sums({0})", "the sums of neighbours in {0}", 2, again=True),
    Production("products({0}, 1)", "the products of neighbours in {0}", 2, again=True),
    Production("products({0}, 2)", "the products of items two apart in {0}", 1),
    Production("products({0}, 3)", "the products of items three apart in {0}", 0.5),
    Production("steps_up({0})", "the marks of rising steps in {0}", 1),
    Production("mirrored({0})", "the mismatches of {0} with its mirror image", 4, again=True),
    Production("mirrored_sums({0})", "the sums of mirrored items of {0}", 1),
    Production("mirrored_products({0})", "the products of mirrored items of {0}", 1),
    Production("halves_differ({0})", "the mismatches of the halves of {0}", 4, again=True),
    Production("halves_sums({0})", "the sums across the halves of {0}", 1, again=True),
    Production("halves_products({0})", "the products across the halves of {0}", 1, again=True),
    Production("halves_differences({0})", "the differences across the halves of {0}", 1),
    Production("pairs_differ({0})", "the mismatches in consecutive pairs of {0}", 2, again=True),
    Production("pairs_products({0})", "the products in consecutive pairs of {0}", 2, again=True),
    Production("pairs_differences({0})", "the differences in consecutive pairs of {0}", 1),
    Production("blocks({0}, 2, 2)", "the numbers of two bits in {0}", 2, BITS, again=True),
    Production("blocks({0}, 3, 2)", "the numbers of three bits in {0}", 1, BITS, again=True),
    Production("blocks({0}, 4, 2)", "the numbers of four bits in {0}", 1, BITS, again=True),
    Production("blocks({0}, 2, 10)", "the numbers of two digits in {0}", 1),
    Production("neighbours_read({0}, 10)", "the two-digit numbers of neighbours in {0}", 1),
    *(
        Production(
            f"block_sums({{0}}, {size})",
            f"the sums of each {size} items in turn of {{0}}",
            0.5,
            again=size <= 5,
        )
        for size in range(3, 11)
    ),
    Production("running_sums({0})", "the running sums of {0}", 2, again=True),
    Production("running_parity({0})", "the running parity of {0}", 2, again=True),
    Production("walk({0})", "the walk, up on 1 and down on 0, along {0}", 2, BITS, again=True),
    Production("drained({0})", "the walk, up on 1, down on 0, never below 0, along {0}", 1, BITS),
    Production("records({0})", "the records of {0}", 0.5),
    Production("run_values({0})", "the values of the runs of {0}", 1),
    Production("run_lengths({0})", "the lengths of the runs of {0}", 2, again=True),
    Production("run_lengths_of({0}, 0)", "the lengths of the runs of 0 in {0}", 1, again=True),
    Production("run_lengths_of({0}, 1)", "the lengths of the runs of 1 in {0}", 1, again=True),
    Production("places({0}, 0)", "the places, from 0, of 0 in {0}", 1, again=True),
    Production("places({0}, 1)", "the places, from 0, of 1 in {0}", 1, again=True),
    Production("weighted({0})", "the items of {0}, each times its place", 1, again=True),
    Production("in_turn({0}, (1, -1))", "the items with alternating signs of {0}", 0.5),
    Production("in_turn({0}, (1, 2))", "the items, times 1 and 2 in turn, of {0}", 1, again=True),
    Production("in_turn({0}, (2, 1))", "the items, times 2 and 1 in turn, of {0}", 1, again=True),
    Production("in_turn({0}, (1, 3))", "the items, times 1 and 3 in turn, of {0}", 1),
    Production("in_turn({0}, (3, 1))", "the items, times 3 and 1 in turn, of {0}", 1),
    Production("in_turn({0}, (1, 2, 3))", "the items, times 1, 2, 3 in turn, of {0}", 1),
    Production("in_turn({0}, (3, 7, 1))", "the items, times 3, 7, 1 in turn, of {0}", 0.5),
    Production("counts({0})", "the counts of each symbol of {0}", 1),
    Production("[c % 2 for c in {0}]", "the parities of {0}", 2, again=True),
    Production("[c % 3 for c in {0}]", "the residues modulo 3 of {0}", 1, again=True),
    Production("[c * c for c in {0}]", "the squares of {0}", 1),
    Production("[c // 10 + c % 10 for c in {0}]", "the digit sums of {0}", 1, again=True),
    Production("[c // 2 for c in {0}]", "the halves, rounded down, of {0}", 0.5),
    Production("[c for c in {0} if c]", "the items other than 0 of {0}", 1),
)

FEATURES = (
    Production("sum({0})", "the sum of {0}", 6),
    Production("len({0})", "the length of {0}", 2),
    Production("max({0}, default=0)", "the largest item of {0}", 3),
    Production("min({0}, default=0)", "the smallest item of {0}", 2),
    Production("len(set({0}))", "the number of different items of {0}", 3),
    Production("runs({0})", "the number of runs of {0}", 3),
    Production("longest_run({0})", "the longest run of {0}", 3),
    Production("rises({0})", "the number of rises in {0}", 2),
    Production("falls({0})", "the number of falls in {0}", 2),
    Production("repeats({0})", "the number of equal neighbours in {0}", 2),
    Production("alternating_sum({0})", "the alternating sum of {0}", 2),
    Production("weighted_sum({0})", "the sum of the items, each times its place, of {0}", 2),
    Production("head({0})", "the first item of {0}", 2),
    Production("tail({0})", "the last item of {0}", 2),
    Production("first_largest({0})", "the first place of the largest item of {0}", 0.5),
    Production("last_largest({0})", "the last place of the largest item of {0}", 0.5),
    Production("first_smallest({0})", "the first place of the smallest item of {0}", 0.5),
    Production("last_smallest({0})", "the last place of the smallest item of {0}", 0.5),
    Production("peaks({0})", "the number of peaks of {0}", 1),
    Production("xor_of({0})", "the exclusive or of the items of {0}", 1),
)

ROOT_FEATURES = (
    Production("inversions({0})", "the number of inversions of {0}", 2),
    Production("commonest({0})", "how often the commonest item comes in {0}", 2),
    Production("odd_counts({0})", "how many symbols come an odd number of times in {0}", 1),
    Production("product_of({0})", "the product of the items of {0}", 1),
    Production("border({0})", "the longest border of {0}", 1),
    Production("longest_rise({0})", "the longest rise in {0}", 1),
    Production("longest_palindrome({0})", "the longest palindrome in {0}", 1),
)

PARTS = (
    ("{0}", "x"),
    ("{0}[::-1]", "x reversed"),
    ("first_half({0})", "the first half of x"),
    ("second_half({0})", "the second half of x"),
    ("first_half({0})[::-1]", "the first half of x reversed"),
    ("second_half({0})[::-1]", "the second half of x reversed"),
    ("{0}[::2]", "every second item of x, from the first,"),
    ("{0}[1::2]", "every second item of x, from the second,"),
    ("third({0}, 0)", "the first third of x"),
    ("third({0}, 1)", "the middle third of x"),
    ("third({0}, 2)", "the last third of x"),
    ("{0}[1:] + {0}[:1]", "x turned by one"),
)
"""Parts of a string that are compared with one another."""

OF_TWO_PARTS = (
    Production("order({0}, {1})", "the order, -1 to 1, of {0} and {1}", 4),
    Production("alike({0}, {1})", "the number of places where {0} and {1} agree", 2),
    Production("unshared({0}, {1})", "the number of items not shared by {0} and {1}", 1),
    Production("common_prefix({0}, {1})", "how far {0} and {1} begin alike", 1),
)

OF_VALUE = (
    Production("{0}.count({v})", "the number of {v}s in {0}", 6),
    Production("sum(c >= {v} for c in {0})", "the number of items from {v} on in {0}", 2),
    Production("longest_run_of({0}, {v})", "the longest run of {v}s in {0}", 2),
    Production("first_place({0}, {v})", "the place of the first {v} in {0}", 2),
    Production("last_place({0}, {v})", "the place of the last {v} in {0}", 2),
)

OF_TWO_VALUES = (
    Production("neighbours({0}, {v}, {w})", "how often {v} is followed by {w} in {0}", 2),
)

_FEATURES = sum(p.weight for p in (*FEATURES, *ROOT_FEATURES, *OF_VALUE, *OF_TWO_VALUES))
_VIEWS = sum(p.weight for p in VIEWS)


def feature_bits(production: Production) -> float:
    """Return what a feature costs beside its argument."""
    return math.log2(_FEATURES / production.weight)


def view_bits(production: Production) -> float:
    """Return what one view on top of another costs: a bit that says it is there, and which."""
    return 1 + math.log2(_VIEWS / production.weight)
