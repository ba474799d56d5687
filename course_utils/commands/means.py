"""`means`: the mean activations of every channel over folders of pictures."""

from course_utils.commands.over_pictures import add_size, go_through
from course_utils.commands.refusals import fail


def add(commands):
    """Add its parser to the commands."""
    parser = commands.add_parser(
        "means",
        help="measure the mean activations of every channel over folders of pictures",
        description=(
            "Measure the mean activation of every channel of VGG-19 after its ReLU, over pictures and positions, with"
            " standard errors. Lesson 3 normalises the weights by such means. Without FOLDER, the command takes the"
            " bundled photos and writes data/mean_activations.json. Several processes can share the work:"
            " torchrun --nproc-per-node=4 -m course_utils means FOLDER -o FILE.json"
        ),
    )
    parser.add_argument(
        "folders", nargs="*", metavar="FOLDER", help="folders of pictures (default: the bundled photos)"
    )
    parser.add_argument(
        "-o",
        "--output",
        metavar="FILE.json",
        help="file to write (default: data/mean_activations.json, for the bundled photos)",
    )
    add_size(parser)
    parser.set_defaults(function=run)


def run(options):
    from course_utils.means import MEANS_FILE, measure

    if options.output is None and (options.folders or options.size != 224):
        return fail("Say with -o FILE.json where to write your own means.", 2)

    def says(means, done):
        dead = sum(map(len, means.dead.values()))
        return f"the means of {sum(map(len, means.mean.values())):,} channels over {done} pictures, {dead} of them dead"

    return go_through(
        options.folders,
        options.output or MEANS_FILE,
        ".json",
        options.size,
        search=lambda net, images, sources: measure(net, images, batch_size=4),
        says=says,
    )
