"""The picture at the top of lesson 7: a photo, and what Adam and the course's descent make of it in equal work:

    python tests/benchmarks/full_speed.py OUT.webp

Both descend on the same cost, 256 pixels on the longer side, for 20 evaluations: Adam from the photo, the course's
descent from the photo in the painting's colours. What is shown is what they would save.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from course_utils.cost import painting_cost
from course_utils.images import load_image, save_image, to_8bit
from course_utils.plain import adam
from course_utils.plots import mosaic
from course_utils.transfer import minimise, starting_image
from course_utils.vgg import vgg19
from course_utils.winograd import prepared

SIZE, EVALUATIONS, GAP = 256, 20, 12


def main(out):
    content = to_8bit(load_image("animal_horse", SIZE))
    style = to_8bit(load_image("van_gogh_cafe_terrace_at_night", SIZE))
    cost = painting_cost(prepared(vgg19(), content, ["relu5_1"]), content, style)
    *_, by_adam = adam(cost, content, EVALUATIONS)
    *_, last = minimise(cost, starting_image("colour", content, style), EVALUATIONS)
    save_image(mosaic([content, to_8bit(by_adam), to_8bit(last.image)], columns=3, gap=GAP), out)


if __name__ == "__main__":
    main(sys.argv[1])
