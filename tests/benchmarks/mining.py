"""What mining costs beside the bare forward passes: python tests/benchmarks/mining.py [photos]

Both are run in one process, in turns, on the same photos in the same batches; the ratio of CPU times is what counts,
its median over the rounds is printed. Not a test: machines are noisy.
"""

import statistics
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import torch

from course_utils.dataset import batches, pictures
from course_utils.images import photos
from course_utils.top import top_activations
from course_utils.vgg import vgg19


def bare(net, images):
    with torch.inference_mode():
        for _, batch in batches(images, 8):
            net.features(batch, ["relu5_4"])


def mining(net, images):
    top_activations(net, images, 9, batch_size=8, progress=False)


def clock(function, *arguments):
    wall, cpu = time.perf_counter(), time.process_time()
    function(*arguments)
    return time.perf_counter() - wall, time.process_time() - cpu


if __name__ == "__main__":
    count, rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 149, 5
    images = [picture for _, picture in pictures(photos()[:count])]
    for layout in (torch.contiguous_format, torch.channels_last):
        net = vgg19().to(memory_format=layout)
        bare(net, images[:8])  # warm up
        times = [(clock(bare, net, images), clock(mining, net, images)) for _ in range(rounds)]
        wall, cpu = ([mine[n] / plain[n] for plain, mine in times] for n in (0, 1))
        each = statistics.median(plain[0] for plain, _ in times) / count
        print(
            f"{str(layout).removeprefix('torch.')}: forward {each:.3f} s a photo; mining / forward: CPU"
            f" {statistics.median(cpu):.2f} ({min(cpu):.2f} … {max(cpu):.2f}), wall {statistics.median(wall):.2f};"
            f" {count} photos at 224 px, {rounds} rounds"
        )
