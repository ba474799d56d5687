"""Plain methods of descent, on functions whose minimum is known, and against torch's own loops."""

import importlib
import json

import pytest
import torch

from course_utils.descent import GREY_LEVEL, NotFinite, projected_lbfgs
from course_utils.paths import DATA, ROOT
from course_utils.plain import adam, bare_lbfgs, gradient_descent, unbounded_lbfgs

METHODS = (gradient_descent, adam, bare_lbfgs, unbounded_lbfgs)
GENERATOR = torch.Generator().manual_seed(3)
START = torch.rand(1, 3, 6, 7, generator=GENERATOR, dtype=torch.float64)
STEEP = 1 + 3 * torch.rand(START.shape, generator=GENERATOR, dtype=torch.float64)


def bowl(target, calls=None):
    """Σ steep · (G − target)², which is written down in `calls`."""

    def function(image):
        if calls is not None:
            calls.append(image.clone())
        return (STEEP * (image - target).square()).sum().item(), 2 * STEEP * (image - target), None

    return function


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.__name__)
def test_each_evaluation_is_one_picture(method):
    calls: list = []
    pictures = list(method(bowl(0.5, calls), START, 7))
    assert len(pictures) == len(calls) == 7 and torch.allclose(calls[0], START, atol=1e-12)
    assert all(image.shape == START.shape and not image.requires_grad for image in pictures)
    assert len({image.sum().item() for image in pictures}) > 1
    if method is not unbounded_lbfgs:  # it saves the best, they the one after the last step
        assert all(torch.allclose(image, seen) for image, seen in zip(pictures, calls[1:]))


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.__name__)
def test_they_find_a_minimum_inside_the_box(method):
    target = 0.2 + 0.6 * torch.rand(START.shape, generator=GENERATOR, dtype=torch.float64)
    *_, last = method(bowl(target), START, 150)
    assert torch.allclose(last, target, atol=0.02)  # the first two do not come nearer: their steps stay as long


def test_steps_have_the_length_that_was_asked_for():
    flat = lambda image: (0.0, torch.full_like(image, -3.0), None)  # noqa: E731
    inside = torch.full_like(START, 0.4)
    for step in (1, 4):
        first = next(gradient_descent(flat, inside, 1, first_step=step * GREY_LEVEL))
        assert torch.allclose(first - inside, torch.full_like(inside, step * GREY_LEVEL))
        first = next(bare_lbfgs(flat, inside, 1, first_step=step * GREY_LEVEL))
        assert torch.allclose(first - inside, torch.full_like(inside, step * GREY_LEVEL))
        assert torch.allclose(next(adam(flat, inside, 1, step=step * GREY_LEVEL)) - inside, inside * 0 + step / 255)
        falling = lambda image: (-image.sum().item(), -torch.ones_like(image), None)  # noqa: E731
        *_, second = unbounded_lbfgs(falling, inside, 2, first_step=step * GREY_LEVEL)
        assert torch.allclose(second - inside, torch.full_like(inside, step * GREY_LEVEL))
    first = next(bare_lbfgs(flat, inside, 1))  # torch's own: all values together
    assert abs((first - inside).sum().item() / GREY_LEVEL - 1) < 1e-9


def test_the_bare_one_is_torch_s_loop_on_grey_levels():
    variable = (START * 255).requires_grad_()
    optimiser = torch.optim.LBFGS([variable], max_iter=1, history_size=3)

    def closure():
        optimiser.zero_grad()
        loss = (STEEP * (variable / 255 - 1.5).square()).sum()
        loss.backward()
        return loss

    for image in bare_lbfgs(bowl(1.5), START, 8, memory=3):
        optimiser.step(closure)
        assert torch.allclose(image, variable.detach() / 255, atol=1e-9)
    assert image.max() > 1


def test_only_the_box_tells_the_unbounded_one_from_the_projected():
    inside, outside = torch.full_like(START, 0.45), torch.full_like(START, 1.5)
    for target, alike in ((inside, True), (outside, False)):
        free, boxed = (
            list(unbounded_lbfgs(bowl(target), START, 12)),
            [point.image for point in projected_lbfgs(bowl(target), START, 12)],
        )
        assert all(torch.allclose(one, other, atol=1e-9) for one, other in zip(free, boxed)) == alike
    assert torch.allclose(free[-1], outside, atol=1e-3) and boxed[-1].max() == 1


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.__name__)
def test_what_is_not_finite_is_an_error(method):
    with pytest.raises(NotFinite):
        next(iter(method(lambda image: (float("nan"), image, None), START, 3)))


def test_the_table_of_lesson_7_is_of_pairs_that_tuned_nothing(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "tests" / "benchmarks"))
    ingredients = importlib.import_module("ingredients")
    table = json.loads((DATA / "examples" / "ingredients.json").read_text(encoding="utf-8"))
    tuned = {name for pair in ingredients.TUNED_ON for name in pair}
    assert [tuple(pair) for pair in table["pairs"]] == ingredients.pairs() and len(table["pairs"]) == 6
    assert not tuned & {photo for photo, _ in table["pairs"]}
    assert not {*ingredients.TUNED_ON} & {*ingredients.pairs()}
    for ingredient in ingredients.INGREDIENTS:
        for loss in ("total", "content"):
            for done in ingredients.MARKS:
                found = ingredients.ratios(table, ingredient, done, loss)
                assert len(found) == 6 and min(found) > 0
