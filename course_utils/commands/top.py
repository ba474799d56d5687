"""`top`: the strongest units of every channel over a folder of pictures."""

from course_utils.commands.arguments import whole
from course_utils.commands.over_pictures import add_size, go_through
from course_utils.commands.refusals import fail


def add(commands):
    """Add its parser to the commands."""
    parser = commands.add_parser(
        "top",
        help="find the strongest units of every channel over a folder of pictures",
        description=(
            "Find the strongest units of every channel of VGG-19 over a data set, for lesson 1's widget. "
            "Without FOLDER, the command takes the bundled photos and writes data/top_activations.npz."
        ),
    )
    parser.add_argument(
        "folder", nargs="?", metavar="FOLDER", help="a folder of pictures (default: the bundled photos)"
    )
    parser.add_argument(
        "-o",
        "--output",
        metavar="FILE.npz",
        help="table to write (default: data/top_activations.npz, for the bundled photos)",
    )
    add_size(parser)
    parser.add_argument(
        "-k", type=whole(1, 1000), default=9, help="units to keep for each channel (default: %(default)s)"
    )
    parser.set_defaults(function=run)


def run(options):
    from course_utils.top import TOP_FILE, search

    if options.output is None and (options.folder is not None or (options.size, options.k) != (224, 9)):
        return fail("Say with -o FILE.npz where to write your own table.", 2)

    def says(table, done):
        return (
            f"the {options.k} strongest units of {sum(map(len, table.values.values())):,} channels over {done} pictures"
        )

    return go_through(
        [options.folder] if options.folder else [],
        options.output or TOP_FILE,
        ".npz",
        options.size,
        search=lambda net, images, sources: search(net, images, options.k, sources=sources, batch_size=4),
        says=says,
    )
