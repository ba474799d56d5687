"""The commands themselves. The imports of each stand inside it: building the parser needs the standard library only."""
import argparse
import contextlib
import difflib
import functools
import operator
import os
import re
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from course_utils.lock import alone
from course_utils.setup import ROOT

STATE_ENDINGS = (".state", ".state.new", ".state.lock")     # what a run keeps beside its picture
FIRST_LESSON = "notebooks/00_start_here.ipynb"
JUPYTER = Path(__file__).with_name("jupyter")       # settings of the server, and a kernel that is always this Python


class Refused(ValueError):
    """A command that cannot be done; the message is one sentence that says what to do."""


class Parser(argparse.ArgumentParser):
    """Names the option that was meant where there is no such option."""

    def parse_args(self, args=None, namespace=None):
        options, unknown = self.parse_known_args(args, namespace)
        if unknown:
            command = self.commands.choices[options.command]
            known = sorted(set(re.findall(r"--[a-z-]+", command.format_help())))
            close = [match for word in unknown if word.startswith("--")
                     for match in difflib.get_close_matches(word.partition("=")[0].lower(), known, n=1)]
            hint = f" (did you mean {' and '.join(close)}?)" if close else ""
            command.error(f"unrecognized arguments: {' '.join(unknown)}{hint}")
        return options


def parser():
    top = Parser(
        prog="python3 -m course_utils", description="The course on neural style transfer. Each command first sets up what "
        "is missing (once, into .venv), then does its work.", epilog="`python3 -m course_utils COMMAND --help` tells more.")
    commands = top.commands = top.add_subparsers(dest="command", metavar="COMMAND", required=True,
                                                 parser_class=argparse.ArgumentParser)

    lab = commands.add_parser("lab", help="open JupyterLab on the first lesson",
                              description="Open JupyterLab on the first lesson. Stop it with Ctrl-C.")
    lab.add_argument("--no-browser", action="store_true", help="print the address and open no browser")
    lab.add_argument("--port", type=_whole(1, 65_000), default=8888,
                     help="port of the server; the next free one is taken (default: 8888)")
    lab.set_defaults(function=run_lab)

    test = commands.add_parser("test", help="run all the tests", description="Run all the tests: the package, every notebook "
                               "and, where a Chromium, Chrome or Edge is installed, the course in a real browser.")
    test.add_argument("--quick", action="store_true", help="only the tests that need no browser, kernel or other process, and no more than a second or two")
    test.add_argument("pytest", nargs="*", metavar="ARGUMENT", help="handed to pytest, after a `--`: -- -k transfer -x")
    test.set_defaults(function=run_tests)

    run = commands.add_parser("run", help="execute the notebooks without a browser",
                              description="Execute the notebooks from fresh kernels and show the progress. The results go "
                              "to build/: the executed notebooks and the pictures they painted.")
    run.add_argument("notebooks", nargs="*", metavar="NOTEBOOK", help="paths, or beginnings of names such as 06 (default: all)")
    run.add_argument("--in-place", action="store_true", help="renew the notebooks in notebooks/ instead")
    run.set_defaults(function=run_notebooks)

    paint = commands.add_parser(
        "transfer", help="paint a photo in the style of a painting",
        description="Paint a photo in the style of a painting. CONTENT and STYLE are paths or names of bundled pictures "
        "(see data/). Ctrl-C ends early and writes the best picture so far. A run that was stopped, or killed, goes on where it was "
        "with --resume: now and then it leaves its state in OUT.png.state, which goes when the picture is done.")
    paint.add_argument("content", metavar="CONTENT", help="the photo")
    paint.add_argument("style", metavar="STYLE", help="the painting")
    paint.add_argument("-o", "--output", required=True, metavar="OUT.png",
                       help="picture to write: .png, .jpg, .webp, .tif, .bmp or .avif")
    paint.add_argument("--size", type=_whole(16, 10_000), default=512, help="longer side in pixels (default: %(default)s)")
    paint.add_argument("--evaluations", type=_whole(1, 10**6), default=100, help="how often loss and gradient are computed (default: %(default)s)")
    paint.add_argument("--style-weight", type=_weight, default=1.0, help="less keeps more of the photo: try 0.1 and 0.01 (default: %(default)s)")
    paint.add_argument("--variation-weight", type=_weight, default=0.0,
                       help="more makes the picture smoother: try 10000 and 100000 (default: %(default)s)")
    paint.add_argument("--start", choices=["colour", "content", "noise"], default="colour",
                       help="begin with the photo in the painting's colours, the photo, or noise (default: %(default)s)")
    paint.add_argument("--colours", choices=["painting", "photo"], default="painting", help="whose colours to paint with (default: %(default)s)")
    paint.add_argument("--pooling", choices=["max", "average"], default="max", help="of the network; average is smoother (default: %(default)s)")
    paint.add_argument("--seed", type=_whole(0, 2**63 - 1), default=0, help="of the noise (default: %(default)s)")
    paint.add_argument("--device", help="cpu, cuda or mps (default: the fastest there is)")
    paint.add_argument("--resume", action="store_true", help="go on from OUT.png.state, if it is there, to the picture of an uninterrupted run")
    paint.add_argument("--checkpoint-every", type=_weight, default=30.0, metavar="SECONDS", help="time between two states (default: %(default)g)")
    paint.add_argument("--quiet", action="store_true", help="show no progress")
    paint.set_defaults(function=run_transfer)

    table = commands.add_parser(
        "top", help="find the strongest units of every channel over a folder of pictures",
        description="Find the strongest units of every channel of VGG-19 over a data set, for lesson 1's widget. Without "
        "FOLDER, over the bundled photos: this makes data/top_activations.npz.")
    table.add_argument("folder", nargs="?", metavar="FOLDER", help="a folder of pictures (default: the bundled photos)")
    table.add_argument("-o", "--output", metavar="FILE.npz", help="table to write (default: data/top_activations.npz, for the bundled photos)")
    table.add_argument("--size", type=_whole(16, 1024), default=224, help="side of the squares that are looked at, in pixels (default: %(default)s)")
    table.add_argument("-k", type=_whole(1, 1000), default=9, help="units to keep for each channel (default: %(default)s)")
    table.set_defaults(function=run_top)

    means = commands.add_parser(
        "means", help="mean activations of every channel over folders of pictures",
        description="Mean activation of every channel of VGG-19 after its ReLU, over pictures and positions, with standard errors: what lesson 3 "
        "normalises the weights by. Without FOLDER, over the bundled photos: this makes data/mean_activations.json. Several "
        "processes share the work: torchrun --nproc-per-node=4 -m course_utils means FOLDER -o FILE.json")
    means.add_argument("folders", nargs="*", metavar="FOLDER", help="folders of pictures (default: the bundled photos)")
    means.add_argument("-o", "--output", metavar="FILE.json", help="file to write (default: data/mean_activations.json, for the bundled photos)")
    means.add_argument("--size", type=_whole(16, 1024), default=224, help="side of the squares that are looked at, in pixels (default: %(default)s)")
    means.set_defaults(function=run_means)
    return top


def _whole(least, most):
    """Type of an argument: a whole number in a range."""
    def convert(text):
        if not (text.isascii() and text.isdecimal() and len(text) < 20 and least <= int(text) <= most):
            raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from {least} to {most}")
        return int(text)
    return convert


def _weight(text):
    try:
        value = float(text if text.isascii() else "none")
    except ValueError:
        value = -1.0
    if not 0 <= value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of at least 0")
    return value


def environment():
    """Environment for the processes that the commands start: they find the package, and their kernels are this Python.

    Without the latter "python3" may be another Python, for which the user once installed a kernel.
    """
    ours = {"PYTHONPATH": ROOT, "JUPYTER_PATH": JUPYTER}
    return {**os.environ, **{name: _first(path, name) for name, path in ours.items()}}


def _first(path, name):
    """The value of a variable that lists paths, with this one before the others."""
    others = [other for other in os.environ.get(name, "").split(os.pathsep) if other and other != str(path)]
    return os.pathsep.join([str(path), *others])


def go_on_as(command, variables):
    """Become another program, where the system can do that; else run it. Its exit code, if it comes back."""
    command = [str(part) for part in command]
    if os.name == "posix":                  # signals then reach the program itself
        sys.stdout.flush()
        os.execve(command[0], command, variables)
    child = subprocess.Popen(command, env=variables)
    while True:
        try:
            return child.wait()
        except KeyboardInterrupt:           # the child gets it too, and we wait for what it makes of it
            continue


def run_lab(options):
    from jupyter_core.paths import jupyter_config_dir, jupyter_runtime_dir
    for folder in (jupyter_config_dir(), jupyter_runtime_dir()):
        try:
            os.makedirs(folder, exist_ok=True)
            with tempfile.TemporaryFile(dir=folder):
                pass
        except OSError as error:
            return _fail(f"JupyterLab cannot write to the folder '{folder}' ({error.strerror}): let the variable HOME "
                         "name a folder that you may write to.", 2)
    command = [sys.executable, "-m", "jupyterlab", f"--ServerApp.root_dir={ROOT}", f"--ServerApp.port={options.port}",
               "--ServerApp.identity_provider_class=course_utils.server.OwnToken",
               f"--LabApp.default_url=/lab/tree/{FIRST_LESSON}"]
    if options.no_browser:
        command.append("--no-browser")
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        command.append("--allow-root")          # containers; the server answers this machine alone
    # the course runs offline: this folder switches off JupyterLab's question about news and its look for updates
    return go_on_as(command, {**environment(), "JUPYTER_CONFIG_PATH": _first(JUPYTER, "JUPYTER_CONFIG_PATH")})


def run_tests(options):
    os.chdir(ROOT)
    # the repairs of nbval are named here, so that they hold for a single notebook too
    path = os.pathsep.join([str(ROOT / "tests"), environment()["PYTHONPATH"]])
    return go_on_as([sys.executable, "-m", "pytest", "-c", "pyproject.toml", "-p", "nbval_repairs",
                      *["--quick"] * options.quick, *options.pytest], {**environment(), "PYTHONPATH": path})


def run_notebooks(options):
    from course_utils.notebooks import NotANotebook, NotebookError, execute, select
    os.environ.update(environment())
    try:
        for path in select(options.notebooks):
            execute(path, in_place=options.in_place)
    except NotebookError as error:
        return _fail(error, 2 if isinstance(error, NotANotebook) else 1)
    return 0


def run_transfer(options):
    from course_utils.checkpoint import Checkpoint, StateError
    from course_utils.images import ImageError, check_writable, load_image, save_image
    from course_utils.inputs import check_number
    from course_utils.cost import SMALLEST
    from course_utils.settings import HEAVIEST, Settings
    from course_utils.transfer import TransferError, pick_device
    from course_utils.vgg import WeightsError
    try:
        for name in ("style", "variation"):
            check_number(f"--{name}-weight", getattr(options, f"{name}_weight"), 0, HEAVIEST)
        settings = Settings(**{name: value for name, value in vars(options).items() if name in Settings.__dataclass_fields__})
        output, device = check_writable(options.output), pick_device(options.device)
        for ending in ("", *STATE_ENDINGS):
            _check_apart(f"{output}{ending}", [options.content, options.style])
    except ValueError as error:
        return _fail(error, 2)
    try:
        with _only_run(output), _memory_for(options.size):
            content, style = (load_image(source, options.size, smallest=SMALLEST)
                              for source in (options.content, options.style))
            checkpoint = Checkpoint(f"{output}.state", options.checkpoint_every, options.resume, say=_note)
            try:
                result = _paint(content, style, settings, device, checkpoint, options)
            except TransferError as error:
                if error.state is None:
                    return _fail(error, 1)
                save_image(error.state.image, output)
                return _fail(f"{error} The last good picture is in {output}.", 1)
            save_image(result.image, output)
            if not result.stopped:
                checkpoint.remove()
    except (ImageError, StateError, WeightsError, Refused) as error:
        return _fail(error, 2)
    if not options.quiet:
        how = "stopped early" if result.stopped else "done"
        then = "; the same command with --resume goes on" if result.stopped and checkpoint.ours else ""
        print(f"{how}: {output}, {result.image.shape[3]} × {result.image.shape[2]} pixels, {result.evaluations} evaluations, "
              f"{result.seconds:.0f} s, loss {result.losses['total']:.3g} (content {result.losses['content']:.3g}){then}")
    return 0


def _check_apart(output, sources):
    """Raise Refused where the file to write is one of the pictures to read, by whatever name or link."""
    from course_utils.images import DATA, catalogue
    for source in sources if os.path.exists(output) else ():
        same = False
        with contextlib.suppress(OSError, RuntimeError, ValueError):    # `load_image` will say what is wrong
            path = Path(source).expanduser()
            if not path.exists() and source in catalogue():
                path = DATA / catalogue()[source]["file"]
            same = os.path.samefile(output, path)
        if same:
            raise Refused(f"'{output}' is the picture '{source}' itself, which would be lost: let the output have "
                          "another name.")


@contextlib.contextmanager
def _only_run(output):
    """Hold the picture to paint: a second run with the same name would replace or remove the state of the first.

    The name of the lock is the longest beside the picture: where it can be made, so can the others.
    """
    def refuse():
        raise Refused(f"Another run is painting '{output}': wait for its end, or let -o name another file.")

    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(alone(f"{output}{STATE_ENDINGS[-1]}", refuse, _note))
        except OSError as error:
            raise Refused(f"The state of the run cannot be kept beside '{output}' ({error.strerror}): give a shorter "
                          "name, or another place.") from error
        yield


@contextlib.contextmanager
def _memory_for(size):
    """Say what to do where the memory does not suffice: PyTorch has no error of its own for that."""
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if "memory" not in str(error) and not isinstance(error, MemoryError):
            raise
        raise Refused(f"The memory is not enough for {size} pixels: take a smaller --size.") from error


def run_top(options):
    from course_utils.statistics import TOP_FILE, mine
    if options.output is None and (options.folder is not None or (options.size, options.k) != (224, 9)):
        return _fail("Say with -o FILE.npz where to write your own table.", 2)

    def says(table, done):
        return f"the {options.k} strongest units of {sum(map(len, table.values.values())):,} channels over {done} pictures"

    return _go_through([options.folder] if options.folder else [], options.output or TOP_FILE, ".npz", options.size, says,
                       lambda net, images, sources: mine(net, images, options.k, sources=sources, batch_size=4))


def run_means(options):
    from course_utils.means import MEANS_FILE, measure
    if options.output is None and (options.folders or options.size != 224):
        return _fail("Say with -o FILE.json where to write your own means.", 2)

    def says(means, done):
        dead = sum(map(len, means.dead.values()))
        return f"the means of {sum(map(len, means.mean.values())):,} channels over {done} pictures, {dead} of them dead"

    return _go_through(options.folders, options.output or MEANS_FILE, ".json", options.size, says,
                       lambda net, images, sources: measure(net, images, batch_size=4))


def _go_through(folders, output, ending, size, says, search):
    """Go through pictures with a progress bar and save what was found, also after Ctrl-C; name the pictures left out.

    Under torchrun each process takes its share, and the first one merges and saves.
    """
    from course_utils.images import ImageError, check_writable, photos
    from course_utils.streams import StatisticsError, last_step, left_below, pictures, pictures_in
    from course_utils.vgg import WeightsError
    shared = "TORCHELASTIC_RUN_ID" in os.environ            # torchrun's; RANK alone may come from a cluster's settings
    rank, workers = (int(os.environ[name]) for name in ("RANK", "WORLD_SIZE")) if shared else (0, 1)
    skipped = []
    try:
        output = check_writable(output, (ending,))
        found = dict.fromkeys(source for folder in folders for source in pictures_in(folder))
        sources = list(found) if folders else photos()
        _check_apart(output, sources)
        if rank == 0 and (below := left_below(folders)):
            count = f"{below:,} picture{'s' * (below > 1)}"
            _note(f"{count} in subfolders will be left out: name each folder that you mean.")
        share = range(len(sources))[rank::workers]
        images = ((share[n], picture) for n, picture in pictures([sources[n] for n in share], size, skipped))
        with _memory_for(size):
            steps = search(_network(), images, sources)
            if workers > 1:
                done, found, skipped = _share(steps, len(share), skipped)
            else:
                done, found = last_step(steps, len(share), keep=True)
        if rank == 0:
            found.save(output)
    except (ImageError, StatisticsError, WeightsError, Refused, OSError) as error:
        return _fail(error, 2)
    finally:
        for _, reason in skipped if rank == 0 else ():
            print(f"left out: {reason}", file=sys.stderr)
    if rank == 0:
        print(f"{'done' if done + len(skipped) == len(sources) else 'stopped early'}: {output}, {says(found, done)}")
    return 0


def _network():
    """VGG-19 on the fastest device; under torchrun each process has a card of its own."""
    import torch

    from course_utils.transfer import pick_device
    from course_utils.vgg import vgg19
    device = pick_device(None)
    if device.type == "cuda":
        device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", 0)) % torch.cuda.device_count())
    return vgg19().to(device)


def _share(steps, total, skipped):
    """How many pictures all processes looked at, what they found, and what they left out."""
    from torch import distributed

    from course_utils.streams import StatisticsError, last_step
    distributed.init_process_group("gloo")
    parts, rank = [None] * distributed.get_world_size(), distributed.get_rank()
    try:
        own = (*last_step(steps, total, progress=rank == 0, keep=True), None)
    except StatisticsError as error:            # a share without a readable picture is no failure of the whole
        own = 0, None, error
    distributed.all_gather_object(parts, (own, skipped))
    distributed.destroy_process_group()
    found, left_out = [part for part, _ in parts if part[1] is not None], [source for _, sources in parts for source in sources]
    if not found:
        raise own[2]
    return sum(part[0] for part in found), functools.reduce(operator.add, (part[1] for part in found)), left_out


def _fail(message, code):
    print("error:", *str(message).splitlines(), file=sys.stderr)       # one line, whatever a file's name holds
    return code


def _note(sentence):
    from tqdm import tqdm
    tqdm.write(f"note: {sentence}", file=sys.stderr)        # does not break a progress bar


def _paint(content, style, settings, device, checkpoint, options):
    """Run the optimisation with a progress bar; Ctrl-C ends it after the present evaluation, however often it is pressed."""
    from tqdm import tqdm

    from course_utils.transfer import transfer
    from course_utils.vgg import vgg19
    usual, stop, first = signal.getsignal(signal.SIGINT), [], True

    def press(*_):
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        stop.append(True)

    def progress(state):
        nonlocal first
        if first:                           # from here on there is a picture to keep
            signal.signal(signal.SIGINT, press)
            bar.initial = bar.n = bar.last_print_n = state.evaluations - 1      # those before --resume took no time of this run
            first = False
        bar.update(state.evaluations - bar.n)
        bar.set_postfix_str(f"loss {state.losses['total']:.3g}")
        return bool(stop)

    try:
        with tqdm(total=options.evaluations, disable=options.quiet, unit="evaluation", dynamic_ncols=True) as bar:
            return transfer(content, style, settings, evaluations=options.evaluations, net=vgg19(pooling=options.pooling),
                            device=device, on_state=progress, checkpoint=checkpoint)
    finally:
        if not stop:
            signal.signal(signal.SIGINT, usual)
