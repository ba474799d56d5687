"""The student's copies: no results, and nothing lost that somebody has written."""

import nbformat
import pytest

from course_utils import copies
from course_utils.notebooks import NOTEBOOKS


@pytest.fixture
def lessons(tmp_path):
    folder = tmp_path / "notebooks"
    folder.mkdir()
    write(folder / "00_a.ipynb", "answer = None")
    write(folder / "01_b.ipynb", "print(1)")
    return folder


def write(path, source):
    cell = nbformat.v4.new_code_cell(source, outputs=[nbformat.v4.new_output("stream", text="1\n")], execution_count=3)
    nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("# Predict"), cell]), path)


def edit(path, source=None):
    """What a student does: run the cell, and write in it if a source is given."""
    notebook = nbformat.read(path, 4)
    cell = notebook.cells[1]
    cell.outputs, cell.execution_count = [nbformat.v4.new_output("stream", text="mine\n")], 1
    cell.source = source or cell.source
    nbformat.write(notebook, path)
    return path.read_bytes()


def test_copies_have_no_results_and_the_lessons_keep_theirs(lessons, tmp_path):
    before = {path.name: path.read_bytes() for path in lessons.iterdir()}
    assert copies.renew(tmp_path / "mine", lessons) == []
    assert {path.name: path.read_bytes() for path in lessons.iterdir()} == before
    for path in lessons.iterdir():
        made, lesson = (nbformat.read(folder / path.name, 4) for folder in (tmp_path / "mine", lessons))
        nbformat.validate(made)
        assert [cell.source for cell in made.cells] == [cell.source for cell in lesson.cells]
        assert made.cells[1].outputs == [] and made.cells[1].execution_count is None


def test_work_is_kept_and_told(lessons, tmp_path):
    mine = tmp_path / "mine"
    copies.renew(mine, lessons)
    written, run = edit(mine / "00_a.ipynb", "answer = 42"), edit(mine / "01_b.ipynb")
    assert copies.renew(mine, lessons) == []  # no new edition: both stay, with their results
    assert (mine / "00_a.ipynb").read_bytes() == written and (mine / "01_b.ipynb").read_bytes() == run
    write(lessons / "00_a.ipynb", "answer = None  # new")
    write(lessons / "01_b.ipynb", "print(2)")
    (told,) = copies.renew(mine, lessons)
    assert told.startswith("mine/00_a.ipynb holds your work") and (mine / "00_a.ipynb").read_bytes() == written
    assert nbformat.read(mine / "01_b.ipynb", 4).cells[1].source == "print(2)"
    assert len(copies.renew(mine, lessons)) == 1


def test_new_results_alone_are_no_new_edition(lessons, tmp_path):
    mine = tmp_path / "mine"
    copies.renew(mine, lessons)
    run = edit(mine / "01_b.ipynb")
    edit(lessons / "01_b.ipynb")
    assert copies.renew(mine, lessons) == [] and (mine / "01_b.ipynb").read_bytes() == run


@pytest.mark.parametrize("contents", [b"", b"{}", b"[1]", b'{"cells": [', b'{"nbformat": 4, "cells": [{}]}'])
def test_a_damaged_copy_stays(lessons, tmp_path, contents):
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "00_a.ipynb").write_bytes(contents)
    assert len(copies.renew(mine, lessons)) == 1 and (mine / "00_a.ipynb").read_bytes() == contents


def test_a_folder_that_cannot_be_made(lessons, tmp_path):
    (tmp_path / "mine").write_text("a file")
    with pytest.raises(copies.CopyError, match="cannot be copied to .*: make room, or"):
        copies.renew(tmp_path / "mine", lessons)


def test_the_course_s_own(tmp_path):
    assert copies.renew(tmp_path) == []
    assert [path.name for path in sorted(tmp_path.iterdir())] == [
        path.name for path in sorted(NOTEBOOKS.glob("*.ipynb"))
    ]
