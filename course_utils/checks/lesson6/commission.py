"""Check of lesson 6: settings for one photo and one painting, chosen so that the picture meets given bounds."""

import functools

import torch

from course_utils.checks.core import Commission
from course_utils.cost import painting_cost
from course_utils.images import load_image
from course_utils.settings import Settings
from course_utils.transfer import transfer
from course_utils.vgg import vgg19

PHOTO, PAINTING = "monument_opera_house", "van_gogh_church_at_auvers"
SIZE, EVALUATIONS = 96, 20
STANDARD = Settings(content_weight=1, style_weight=1, variation_weight=0, start="colour")  # the defaults
FIELDS = ("style_weight", "content_weight", "style_layers", "content_layers", "start")


@functools.cache
def _judge():
    """The network, both pictures, and a function that measures a picture.

    It gives the content cost as a share of that of an even grey, and the style cost as a share of the photo's.
    """
    net = vgg19(pooling="max")
    photo, painting = load_image(PHOTO, SIZE), load_image(PAINTING, SIZE)
    cost = painting_cost(net, photo, painting, STANDARD)
    grey, unchanged = cost.losses(torch.full_like(photo, 0.5)), cost.losses(photo)

    def shares(image):
        losses = cost.losses(image)
        return {"content": losses["content"] / grey["content"], "style": losses["style"] / unchanged["style"]}

    return net, photo, painting, shares


def measure(settings):
    """{'content', 'style'} of the picture that is painted with the settings, as shares of the two controls."""
    net, photo, painting, shares = _judge()
    painted = transfer(photo, painting, STANDARD, evaluations=EVALUATIONS, net=net, device="cpu", **settings)
    return shares(painted.image)


commission = Commission(
    "commission",
    FIELDS,
    measure,
    {
        "content": (
            0.2,
            "The opera house is lost: its content cost is too close to that of an even grey. Which of your settings"
            " keeps the photo's content?",
        ),
        "style": (
            0.25,
            "The picture is still a photo: its style cost is too close to that of the unchanged photo. Which of your"
            " settings gives the painting more weight?",
        ),
    },
    hints=(
        "Begin with one setting only, the weight of the style. What do content and style do when it grows?",
        "The two bounds leave a narrow window: half of a right weight fails one bound, and twice of it the other."
        " Your weight fails one of them: in which direction do you look next?",
        "Search as for a root: keep a weight that paints too little and one that paints too much, such as 0.0003"
        " and 0.003, and try one between them, on a logarithmic scale.",
    ),
)
