"""`pages`: the lessons as pages for a browser, or as slides."""

from pathlib import Path

from course_utils.commands.refusals import fail


def add(commands):
    """Add its parser to the commands."""
    parser = commands.add_parser(
        "pages",
        help="write the lessons as pages for a browser",
        description=(
            "Write the lessons with their results as HTML pages, whose formulas and pictures need no network. The "
            "arrow keys, Page Up and Page Down turn the slides."
        ),
    )
    parser.add_argument(
        "notebooks", nargs="*", metavar="NOTEBOOK", help="paths, or beginnings of names such as 06 (default: all)"
    )
    parser.add_argument("--slides", action="store_true", help="write slides for a projector instead")
    parser.add_argument("-o", "--output", default="build/pages", metavar="FOLDER", help="default: %(default)s")
    parser.set_defaults(function=run)


def run(options):
    from course_utils import pages, slides
    from course_utils.notebooks import NotebookError, select

    way = {"make": slides.slides, "suffix": slides.SUFFIX} if options.slides else {}
    try:
        for path in pages.write(select(options.notebooks), Path(options.output), **way):
            print(path)
    except NotebookError as error:
        return fail(error, 2)
    except pages.PageError as error:
        return fail(error, 1)
    return 0
