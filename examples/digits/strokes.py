"""Draws digits the way a hurried hand does: random strokes, slant, thickness, smudges and noise."""

import numpy as np

SIZE = 20  # pixels a side

# Every digit has one or more ways to be written; every way is a list of
# strokes; every stroke is a list of points (x right, y down, unit square) that
# a smooth curve goes through. A stroke that starts with "line" has corners.
WAYS = {
    0: [[[(.5, .05), (.15, .3), (.17, .72), (.5, .95), (.83, .7), (.83, .28), (.5, .05)]],
        [[(.6, .08), (.25, .2), (.2, .75), (.5, .93), (.8, .6), (.75, .2), (.5, .05)]]],
    1: [[["line", (.3, .25), (.55, .05), (.55, .95)]],
        [["line", (.5, .05), (.5, .95)]],
        [["line", (.3, .25), (.55, .05), (.55, .95)], ["line", (.25, .95), (.82, .95)]]],
    2: [[[(.2, .25), (.45, .05), (.8, .22), (.65, .55), (.2, .93)], ["line", (.2, .93), (.85, .93)]],
        [[(.18, .3), (.5, .04), (.8, .3), (.45, .68), (.25, .9), (.3, .78), (.55, .85), (.85, .92)]]],
    3: [[[(.2, .12), (.6, .05), (.78, .25), (.45, .47)], [(.45, .47), (.85, .65), (.65, .93), (.17, .85)]],
        [["line", (.2, .06), (.8, .06), (.45, .42)], [(.45, .42), (.85, .6), (.65, .94), (.17, .85)]]],
    4: [[["line", (.6, .05), (.15, .65), (.88, .65)], ["line", (.65, .35), (.65, .95)]],
        [["line", (.2, .05), (.2, .5), (.8, .5)], ["line", (.75, .08), (.75, .95)]]],
    5: [[["line", (.8, .06), (.28, .06), (.25, .45)], [(.25, .45), (.65, .38), (.85, .68), (.6, .93), (.17, .87)]]],
    6: [[[(.7, .05), (.3, .35), (.2, .75), (.5, .95), (.8, .75), (.6, .5), (.22, .68)]]],
    7: [[["line", (.15, .07), (.83, .07), (.4, .95)]],
        [["line", (.15, .07), (.83, .07), (.4, .95)], ["line", (.35, .5), (.78, .5)]]],
    8: [[[(.5, .5), (.2, .28), (.5, .05), (.8, .28), (.5, .5), (.17, .73), (.5, .95), (.83, .73), (.5, .5)]]],
    9: [[[(.78, .3), (.5, .06), (.2, .28), (.45, .52), (.78, .3)], [(.78, .3), (.76, .65), (.6, .95)]],
        [[(.78, .3), (.5, .06), (.2, .28), (.45, .52), (.78, .3)], ["line", (.78, .15), (.75, .95)]]],
}


def curve(points, per_span=5):
    """Catmull-Rom spline through the points, as a polyline."""
    p = np.concatenate([2 * points[:1] - points[1:2], points, 2 * points[-1:] - points[-2:-1]])
    t = np.linspace(0, 1, per_span, endpoint=False)[:, None]
    spans = []
    for a, b, c, d in zip(p, p[1:], p[2:], p[3:]):
        spans.append(.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - 3 * c + d - a) * t**3))
    return np.concatenate(spans + [points[-1:]])


def segments(rng, digit):
    """The digit as line segments [n, 2 ends, 2 coordinates] in pixels."""
    way = WAYS[digit][rng.integers(len(WAYS[digit]))]
    rotation, slant = rng.normal(0, .13), rng.normal(0.08, .16)
    size = SIZE * np.array([rng.uniform(.45, .75), rng.uniform(.62, .88)])
    turn = np.array([[np.cos(rotation), -np.sin(rotation)], [np.sin(rotation), np.cos(rotation)]])
    centre = SIZE / 2 + rng.normal(0, .9, 2)
    out = []
    for stroke in way:
        corners = stroke[0] == "line"
        points = np.array(stroke[1:] if corners else stroke, float)
        points += rng.normal(0, .045, points.shape)
        line = points if corners else curve(points)
        line = line - .5
        line[:, 0] -= slant * line[:, 1]
        line = (line * size) @ turn.T + centre
        out.append(np.stack([line[:-1], line[1:]], 1))
    return np.concatenate(out)


def ink(lines, thickness):
    """Grey image of the segments: 1 within the pen's width, falling off over a pixel."""
    y, x = np.mgrid[0:SIZE, 0:SIZE] + .5
    pixel = np.stack([x, y], -1).reshape(-1, 1, 2)
    a, b = lines[None, :, 0], lines[None, :, 1]
    along = b - a
    t = ((pixel - a) * along).sum(-1) / np.maximum((along**2).sum(-1), 1e-9)
    nearest = a + np.clip(t, 0, 1)[..., None] * along
    distance = np.sqrt(((pixel - nearest) ** 2).sum(-1)).min(1).reshape(SIZE, SIZE)
    return np.clip(thickness / 2 + .5 - distance, 0, 1)


def draw(rng, digit):
    """One image, uint8 [SIZE, SIZE], ink is bright."""
    image = ink(segments(rng, digit), rng.uniform(1.1, 2.9)) * rng.uniform(.55, 1)
    if rng.random() < .15:  # a stray mark
        start = rng.uniform(0, SIZE, 2)
        mark = np.stack([start, start + rng.normal(0, 3, 2)])[None]
        image = np.maximum(image, ink(mark, rng.uniform(.6, 1.4)) * rng.uniform(.3, .8))
    image += rng.normal(0, rng.uniform(.01, .09), image.shape) + rng.uniform(0, .08)
    return np.round(np.clip(image, 0, 1) * 255).astype(np.uint8)


def dataset(seed, count):
    """`count` images, uint8 [count, SIZE, SIZE], and their labels, uint8 [count]."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 10, count).astype(np.uint8)
    return np.stack([draw(rng, int(d)) for d in labels]), labels
