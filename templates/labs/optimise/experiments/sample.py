"""Centres that push each other apart for some rounds; then each circle grows until it touches."""

import math

REACH = 0.16
PUSH = 0.1
ROUNDS = 8
TURN = 0.6


def pack(n):
    centres = [[TURN * i % 1, i / n] for i in range(n)]
    for _ in range(ROUNDS):
        centres = [pushed(centre, centres) for centre in centres]
    circles = []
    for x, y in sorted(centres, key=lambda centre: nearest(centre, centres)):
        room = [math.dist((x, y), (u, v)) - r for u, v, r in circles]
        half = nearest([x, y], centres) / 2
        r = min([x, 1 - x, y, 1 - y, half, *room])
        circles.append([x, y, r * (1 - 1e-12)])
    return circles


def pushed(centre, centres):
    x, y = centre
    for other in centres:
        distance = math.dist(centre, other)
        if 0 < distance < REACH:
            push = PUSH * (REACH - distance) / distance
            x += push * (centre[0] - other[0])
            y += push * (centre[1] - other[1])
    return [inside(x), inside(y)]


def inside(place):
    return min(max(place, 0.05), 0.95)


def nearest(centre, centres):
    return min(math.dist(centre, other) for other in centres if other != centre)
