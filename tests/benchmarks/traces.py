"""What one run of a loop leaves behind, and when one run has become as good as another."""

import math


class Trace:
    """Times and pictures of one run at chosen numbers of evaluations; called after each evaluation."""

    def __init__(self, clock, counts):
        self.clock, self.counts = clock, counts
        self.evaluations, self.rows, self.pictures, self.paused = 0, [], [], [0.0, 0.0]
        self.began = clock()

    def __call__(self, picture, losses=None):
        self.evaluations += 1
        if self.evaluations not in self.counts:
            return
        now = self.clock()
        work, wall = (t - began - paused for t, began, paused in zip(now, self.began, self.paused))
        self.rows.append({"evaluations": self.evaluations, "work": work, "wall": wall, "reported": losses})
        self.pictures.append(picture().clone())
        self.paused = [paused + later - t for paused, later, t in zip(self.paused, self.clock(), now)]


def mark(ours, theirs, start):
    """When ours is as good as a peer in the end: by the total, and by the total with no more content loss than the
    peer's.
    """
    diverged = not math.isfinite(theirs["total"]) or theirs["total"] > start
    result = {
        "loss": theirs["total"],
        "content": theirs["content"],
        "evaluations": theirs["evaluations"],
        "diverged": diverged,
    }
    for kind, good in (
        ("total", lambda row: row["total"] <= theirs["total"]),
        ("both", lambda row: row["total"] <= theirs["total"] and row["content"] <= theirs["content"]),
    ):
        row = None if diverged else next(filter(good, ours), None)
        result[kind] = row and {key: row[key] for key in ("evaluations", "work", "wall", "total", "content")} | {
            "ratio": row["work"] / theirs["work"],
            "wall_ratio": row["wall"] / theirs["wall"],
        }
    return result
