"""`transfer`: paint a photo in the style of a painting."""

import contextlib
import signal
from dataclasses import replace

from course_utils.commands.arguments import weight, whole
from course_utils.commands.refusals import Refused, check_apart, fail, memory_for, note
from course_utils.lock import alone

STATE_ENDINGS = (".state", ".state.new", ".state.lock")  # of the files that a run keeps beside its picture


def add(commands):
    """Add its parser to the commands."""
    parser = commands.add_parser(
        "transfer",
        help="paint a photo in the style of a painting",
        description=(
            "Paint a photo in the style of a painting. CONTENT and STYLE are paths or names of bundled "
            "pictures (see data/). Ctrl-C ends the run early and writes the best picture so far. From time to time a "
            "run writes its state to OUT.png.state. With --resume, a run that was stopped or killed goes on from "
            "there. The state is removed when the picture is done."
        ),
    )
    parser.add_argument("content", metavar="CONTENT", help="the photo")
    parser.add_argument("style", metavar="STYLE", help="the painting")
    parser.add_argument(
        "-o",
        "--output",
        required=True,
        metavar="OUT.png",
        help="picture to write: .png, .jpg, .webp, .tif, .bmp or .avif; .jpg, .webp and .avif change the pixels, and "
        "the loss in the last line is that of the changed picture",
    )
    parser.add_argument(
        "--size", type=whole(16, 10_000), default=512, help="longer side in pixels (default: %(default)s)"
    )
    parser.add_argument(
        "--evaluations",
        type=whole(1, 10**6),
        default=100,
        help="how often loss and gradient are computed (default: %(default)s)",
    )
    parser.add_argument(
        "--style-strength",
        type=weight,
        default=20.0,
        metavar="S",
        help="a smaller S keeps more of the photo, and a larger S takes more of the painting: try 5 and 100; the style "
        "cost of the photo is S times the content cost without any activations (default: %(default)g)",
    )
    parser.add_argument(
        "--style-weight",
        type=weight,
        metavar="WEIGHT",
        help="weight of the style cost itself, instead of a strength; the last line gives the weight that was used",
    )
    parser.add_argument(
        "--variation-weight",
        type=weight,
        default=0.0,
        help="a larger weight makes the picture smoother: try 100 and 1000 (default: %(default)s)",
    )
    parser.add_argument(
        "--start",
        choices=["colour", "content", "noise"],
        default="colour",
        help="begin with the photo in the painting's colours, the photo, or faint noise around the painting's mean "
        "colour, which paints most freely (default: %(default)s)",
    )
    parser.add_argument(
        "--colours",
        choices=["painting", "photo"],
        default="painting",
        help="whose colours to paint with (default: %(default)s)",
    )
    parser.add_argument(
        "--pooling",
        choices=["max", "average"],
        default="average",
        help="average paints smoother; the network was trained with max (default: %(default)s)",
    )
    parser.add_argument("--seed", type=whole(0, 2**63 - 1), default=0, help="seed of the noise (default: %(default)s)")
    parser.add_argument(
        "--tile",
        type=_tile,
        default="auto",
        metavar="PIXELS",
        help="compute the picture in tiles of so many pixels, such as 512, or 'whole' at once; by default in tiles if "
        "the whole does not fit into the free memory; the picture is the same up to rounding, and tiles take up to "
        "half as much time more",
    )
    parser.add_argument(
        "--precision",
        choices=["float32", "tf32", "bfloat16"],
        default="float32",
        help="digits with which the network computes; fewer save time on a graphics card, and the loss in the last "
        "line is computed in float32 all the same (default: %(default)s)",
    )
    parser.add_argument(
        "--compile",
        action="store_true",
        help="prepare the network with torch.compile, which takes a minute or so and may pay on a graphics card",
    )
    parser.add_argument("--device", help="cpu, cuda or mps (default: the fastest of this machine)")
    parser.add_argument(
        "--resume",
        action="store_true",
        help="go on from OUT.png.state, if it exists; the picture is that of an uninterrupted run",
    )
    parser.add_argument(
        "--checkpoint-every",
        type=weight,
        default=30.0,
        metavar="SECONDS",
        help="time between two states (default: %(default)g)",
    )
    parser.add_argument("--quiet", action="store_true", help="show no progress")
    parser.set_defaults(function=run)


def _tile(text):
    """The side of the tiles: a number, 'auto', or None for 'whole'."""
    return {"auto": "auto", "whole": None}[text] if text in ("auto", "whole") else whole(32, 10**5)(text)


def run(options):
    from course_utils.checkpoint import Checkpoint, StateError
    from course_utils.cost import SMALLEST
    from course_utils.files import check_writable
    from course_utils.images import FORMATS, ImageError, load_image, save_image
    from course_utils.inputs import check_number
    from course_utils.settings import HEAVIEST, Settings
    from course_utils.transfer import TransferError, pick_device
    from course_utils.vgg import WeightsError

    try:
        given = {name: value for name, value in vars(options).items() if value is not None}
        for name in ("style_strength", "style_weight", "variation_weight"):
            check_number(f"--{name.replace('_', '-')}", given.get(name, 0), 0, HEAVIEST)
        fields = {name: value for name, value in given.items() if name in Settings.__dataclass_fields__}
        output, device = check_writable(options.output, tuple(FORMATS)), pick_device(options.device)
        for ending in ("", *STATE_ENDINGS):
            check_apart(f"{output}{ending}", [options.content, options.style])
    except ValueError as error:
        return fail(error, 2)
    try:
        with _only_run(output), memory_for(options.size):
            content, style = (
                load_image(source, options.size, smallest=SMALLEST) for source in (options.content, options.style)
            )
            checkpoint = Checkpoint(f"{output}.state", options.checkpoint_every, options.resume, say=note)
            try:
                result = paint(content, style, Settings(**fields), device, checkpoint, options)
            except TransferError as error:
                if error.state is None:
                    return fail(error, 1)
                save_image(error.state.image, output)
                return fail(f"{error} The last good picture is in {output}.", 1)
            save_image(result.image, output)
            if not result.stopped:
                checkpoint.remove()
            losses = {} if options.quiet else losses_of_file(result, output)
    except (ImageError, StateError, WeightsError, Refused) as error:
        return fail(error, 2)
    if not options.quiet:
        how = "stopped early" if result.stopped else "done"
        then = "; the same command with --resume goes on" if result.stopped and checkpoint.ours else ""
        weights = {term.name: term.weight for term in result.cost.terms}
        encoded = f", before encoding {result.losses['total']:.3g}" if losses != result.losses else ""
        print(
            f"{how}: {output}, {result.image.shape[3]} × {result.image.shape[2]} pixels, "
            f"{result.evaluations} evaluations, {result.seconds:.0f} s, "
            f"style weight {weights['style']:g}, "
            f"loss {losses['total']:.3g} (content {losses['content']:.3g}){encoded}{then}"
        )
    return 0


def losses_of_file(result, path):
    """{name of a term: its part of J, 'total': J} of the picture in a file.

    These losses differ from those of the result when the encoder has changed the pixels.

    Args:
        result: the `Result` whose picture was written.
        path: path of the file.
    """
    from course_utils.images import load_image

    held = load_image(path)
    return result.losses if held.equal(result.image) else result.cost.losses(held.to(result.cost.net.mean))


@contextlib.contextmanager
def _only_run(output):
    """Lock the picture to paint, because a second run with the same name would replace or remove the first run's state.

    Of the files beside the picture, the lock has the longest name. If it can be made, so can the others.
    """

    def refuse():
        raise Refused(f"Another run is painting '{output}': wait for its end, or let -o name another file.")

    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(alone(f"{output}{STATE_ENDINGS[-1]}", refuse, note))
        except OSError as error:
            raise Refused(
                f"The state of the run cannot be kept beside '{output}' ({error.strerror}): give a shorter "
                "name, or another place."
            ) from error
        yield


def paint(content, style, settings, device, checkpoint, options):
    """Run the optimisation with a progress bar.

    Ctrl-C ends the run after the present evaluation, however often it is pressed.
    """
    from tqdm import tqdm

    from course_utils.transfer import faint_noise, relative_weight, transfer
    from course_utils.vgg import vgg19

    usual, stop, first = signal.getsignal(signal.SIGINT), [], True

    def press(*_):
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        stop.append(True)

    def progress(state):
        nonlocal first
        if first:  # from here on there is a picture to keep
            signal.signal(signal.SIGINT, press)
            # the evaluations before --resume took no time of this run
            bar.initial = bar.n = bar.last_print_n = state.evaluations - 1
            first = False
        bar.update(state.evaluations - bar.n)
        bar.set_postfix_str(f"loss {state.losses['total']:.3g}")
        return bool(stop)

    nets = [vgg19(pooling=options.pooling)]  # a list, so that the descent can take over the only reference
    if options.style_weight is None:
        weight = relative_weight(
            options.style_strength, content, style, settings, net=nets[0], device=device, tile=options.tile
        )
        settings = replace(settings, style_weight=weight)
    if settings.start == "noise":
        faint = faint_noise(content, style, settings.seed, like_photo=settings.colours == "photo")
        settings = replace(settings, start=faint)
    try:
        with tqdm(total=options.evaluations, disable=options.quiet, unit="evaluation", dynamic_ncols=True) as bar:
            return transfer(
                content,
                style,
                settings,
                evaluations=options.evaluations,
                net=nets.pop(),
                device=device,
                tile=options.tile,
                compile=options.compile,
                on_state=progress,
                checkpoint=checkpoint,
                say=note,
            )
    finally:
        if not stop:
            signal.signal(signal.SIGINT, usual)
