"""Checks whether everything is there that the lessons need, and names the exact fix for what is missing.

The imports stand inside the functions, because this module has to work where packages are missing.
"""

import sys

from course_utils.setup import missing


def check_environment():
    """Print one line for each thing that the lessons need, up to the first that is missing, with its fix.

    Returns True if everything is there.
    """
    checks = (
        ("Python 3.10 or newer", _python),
        ("the Python packages", _packages),
        ("the weights of VGG-19", _weights),
        ("the photos and paintings", _pictures),
        ("a folder to write to", _folder),
    )
    for what, check in checks:
        problem = check()
        print(f"✗ {what}: {problem}" if problem else f"✓ {what}")
        if problem:
            return False  # what follows needs it
    return True


def _python():
    if sys.version_info < (3, 10):
        return (
            f"this is {sys.version.split()[0]}; install a newer Python and run `python3 -m course_utils lab` with it."
        )


def _packages():
    lacking = missing("run")
    if lacking:
        quoted = " ".join(f'"{requirement}"' for requirement in lacking)
        return f"run `{sys.executable} -m pip install {quoted}` in a terminal, then restart the kernel."


def _weights():
    from course_utils.vgg import WeightsError, caffe_file

    try:
        caffe_file()
    except WeightsError as error:
        return str(error)


def _pictures():
    import hashlib

    from course_utils.images import catalogue
    from course_utils.paths import DATA

    wrong = [
        row["file"]
        for row in catalogue().values()
        if not (DATA / row["file"]).is_file()
        or hashlib.sha256((DATA / row["file"]).read_bytes()).hexdigest() != row["sha256"]
    ]
    if wrong:
        return (
            f"{len(wrong)} are missing or changed, {wrong[0]} among them: run `git checkout -- data` or unpack the"
            " course again."
        )


def _folder():
    from course_utils.files import FileError, check_writable
    from course_utils.paths import BUILD

    try:
        BUILD.mkdir(exist_ok=True)
        check_writable(BUILD / "test.png", (".png",))
    except (OSError, FileError) as error:
        return f"{error} The notebooks write to {BUILD}."
