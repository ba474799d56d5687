"""The examples in the docstrings of what lessons and readers call most: they are there, and run."""

import doctest
import importlib

import pytest

EXAMPLES = {
    "images": ["load_image"],
    "vgg": ["vgg19"],
    "receptive": ["receptive_field"],
    "deconvnet": ["project"],
    "normalization": ["normalize_weights"],
    "losses": ["content_loss", "gram_matrix", "style_loss"],
    "descent": ["projected_lbfgs"],
    "cost": ["painting_cost"],
    "transfer": ["descend", "relative_weight"],
}


@pytest.mark.parametrize("place, name", [(place, name) for place, names in EXAMPLES.items() for name in names])
def test_an_example_runs(place, name, capsys):
    module = importlib.import_module(f"course_utils.{place}")
    (test,) = doctest.DocTestFinder(recurse=False).find(getattr(module, name), name, globs=dict(vars(module)))
    result = doctest.DocTestRunner().run(test)
    assert result.attempted and not result.failed, capsys.readouterr().out
