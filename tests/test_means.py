"""Mean activations: against brute force, whatever the sizes, the batches and the parts; the file, the command,
torchrun.
"""

import copy
import json
import math
import shutil
import subprocess
import sys

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from bounds import DOUBLE, rounding
from course_utils.__main__ import main
from course_utils.dataset import SIZE, StatisticsError
from course_utils.images import load_square, photos
from course_utils.means import MEANS_FILE, MeanActivations, mean_activations, measure
from course_utils.paths import ROOT
from course_utils.vgg import CONVOLUTIONS
from networks import gap

SIDES = ((64, 64), (40, 56), (40, 56), (33, 90), (64, 64), (50, 32))


@pytest.fixture(scope="module")
def images():
    squares = [load_square(name, 100).double() for name in photos()[::25]]
    return [square[:, :, :height, :width] for square, (height, width) in zip(squares, SIDES)]


@pytest.fixture(scope="module")
def double(net):
    return copy.deepcopy(net).double()


@pytest.fixture(scope="module")
def small():
    """A small network in float64, for what is true of any."""
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(8, 6, 3), nn.ReLU()).double()


@pytest.fixture(scope="module")
def whole(double, images):
    return mean_activations(double, images, progress=False)


@pytest.fixture(scope="module")
def sums(double, images):
    """{convolution: (S of each picture (N, C), n of each picture (N,))}, as NumPy arrays."""
    result, relus = {}, {name.replace("conv", "relu"): name for name in CONVOLUTIONS}
    found = [double.features(image, relus) for image in images]
    for relu, name in relus.items():
        maps = [activations[relu][0].numpy() for activations in found]
        result[name] = np.stack([m.sum((1, 2)) for m in maps]), np.array([m[0].size for m in maps])
    return result


def same(a, b, tolerance=1e-12):
    return (
        a.pictures == b.pictures
        and a.positions == b.positions
        and a.sums.keys() == b.sums.keys()
        and all(
            torch.allclose(
                a.sums[name][k], b.sums[name][k], rtol=tolerance, atol=tolerance * b.sums[name][k].max().item()
            )
            for name in a.sums
            for k in range(4)
        )
    )


def test_against_brute_force(whole, sums):
    assert whole.pictures == len(SIDES) and list(whole.mean) == list(CONVOLUTIONS)
    for name, (S, n) in sums.items():
        assert gap(whole.mean[name], torch.from_numpy(S.sum(0) / n.sum())) < DOUBLE
        assert whole.positions[name] == (n.sum(), (n**2).sum())


def test_standard_error_is_that_of_a_ratio(whole, sums, small, images):
    """Against its definition by residuals, and in size against the jackknife, which knows no formula."""
    for name, (S, n) in sums.items():
        mean, N = S.sum(0) / n.sum(), len(n)
        residuals = S - mean * n[:, None]
        expected = np.sqrt(N / (N - 1) * (residuals**2).sum(0)) / n.sum()
        assert gap(whole.standard_error[name], torch.from_numpy(expected)) < 1e4 * DOUBLE  # what cancels is larger
        left_out = np.stack([(S.sum(0) - S[k]) / (n.sum() - n[k]) for k in range(N)])
        jackknife = np.sqrt((N - 1) / N * ((left_out - left_out.mean(0)) ** 2).sum(0))
        alive = mean > 0.1 * np.median(mean)
        assert (expected[alive] < 2 * jackknife[alive]).all() and (jackknife[alive] < 2 * expected[alive]).all()
    assert mean_activations(small, images[:1], progress=False).standard_error["0"].isnan().all()


@pytest.mark.parametrize("cuts", [(6,), (2, 4), (1, 2, 3)])
@pytest.mark.parametrize("batch_size", [1, 4])
def test_merged_parts_are_one_pass(small, images, cuts, batch_size):
    parts, start = [], 0
    for length in cuts:
        parts.append(mean_activations(small, images[start : start + length], batch_size=batch_size, progress=False))
        start += length
    merged = parts[-1]
    for part in parts[-2::-1]:
        merged = merged + part  # in the other order
    assert same(merged, mean_activations(small, images, batch_size=batch_size + 2, progress=False), DOUBLE)


def test_merging_is_exact(small, images):
    """But for the order of the sums."""
    parts = [mean_activations(small, [image], progress=False) for image in images]
    assert same(sum(parts[1:], parts[0]), sum(parts[:0:-1], parts[0])) and same(
        (parts[0] + parts[1]) + parts[2], parts[0] + (parts[1] + parts[2])
    )
    with pytest.raises(StatisticsError, match="different layers or channels"):
        parts[0] + mean_activations(nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU()), images, progress=False)
    with pytest.raises(TypeError):
        parts[0] + 1


def test_progress_in_steps(small, images):
    steps = list(measure(small, images, batch_size=2))
    assert [done for done, _ in steps] == [1, 3, 4, 5, 6]  # only neighbours of one size share a batch
    assert [part.pictures for _, part in steps] == [1, 3, 4, 5, 6]


def test_other_networks(images):
    """The rectification that counts is the first one after the convolution, in place or not, module or function."""

    class Own(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b = nn.Conv2d(1, 4, 3), nn.Conv2d(4, 2, 3, stride=2)

        def forward(self, x):
            return torch.relu(torch.relu(self.b(torch.nn.functional.max_pool2d(self.a(x).relu_(), 2))) * 2)

    torch.manual_seed(0)
    net, grey = Own().double(), [image[:, :1] for image in images]
    found = mean_activations(net, grey, progress=False)
    with torch.no_grad():
        first = torch.cat([net.a(image).relu().flatten(2) for image in grey], 2).mean(2)[0]
        second = torch.cat([net(image).flatten(2) / 2 for image in grey], 2).mean(2)[0]
    assert gap(found.mean["a"], first) < DOUBLE and gap(found.mean["b"], second) < DOUBLE


def test_refusals(net, images):
    for wrong, message in (
        ([], "no picture"),
        ([torch.rand(2, 3, 40, 40)], "Item 0 is no picture"),
        ([torch.rand(1, 4, 40, 40)], "Picture 0 cannot be used"),
        ([torch.rand(1, 3, 8, 8)], "Picture 0 cannot be used"),
        ([images[0], images[1], images[2] * torch.nan], "Picture 2 .* not finite"),
    ):
        with pytest.raises(StatisticsError, match=message):
            mean_activations(net, wrong, progress=False)
    for training in (nn.BatchNorm2d(4), nn.Dropout()):
        with pytest.raises(StatisticsError, match=r"call eval\(\) first"):
            mean_activations(nn.Sequential(nn.Conv2d(3, 4, 3), training, nn.ReLU()), images, progress=False)
    with pytest.raises(StatisticsError, match="No convolution"):
        mean_activations(nn.Sequential(nn.Conv2d(3, 4, 3), nn.Sigmoid()), images, progress=False)


def test_nothing_is_computed_behind_the_last_rectification(net, images, monkeypatch):
    small = [image[:, :, :16, :16] for image in images]  # too small for pool5, which is not needed
    assert mean_activations(net, small, progress=False).positions["conv5_4"] == (6, 6)
    monkeypatch.setattr(nn.Linear, "forward", lambda self, x: 1 / 0)
    chain = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(4, 2))
    assert mean_activations(chain, images, progress=False).pictures == 6


def test_too_little_memory_is_not_blamed_on_the_picture(net, images, monkeypatch):
    def full(self, x):
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory")

    monkeypatch.setattr(nn.MaxPool2d, "forward", full)
    with pytest.raises(RuntimeError, match="allocate memory"):
        mean_activations(net, images, progress=False)


def test_the_file(whole, tmp_path):
    whole.save(tmp_path / "m.json")
    again = MeanActivations.load(tmp_path / "m.json")
    assert same(again, whole, 0) and all(torch.equal(again.mean[name], whole.mean[name]) for name in CONVOLUTIONS)
    first = (tmp_path / "m.json").read_bytes()
    again.save(tmp_path / "m.json")
    assert (tmp_path / "m.json").read_bytes() == first and len(list(tmp_path.iterdir())) == 1
    good = json.loads(first)
    for damage in (
        b"",
        b"{",
        first[:-40],
        b"[1]",
        b'"text"',
        b"\xff\xfe",
        json.dumps(good | {"layers": {}}).encode(),
        json.dumps(good | {"pictures": "six"}).encode(),
        json.dumps(good | {"layers": {"conv1_1": {"positions": [1], "sums": [[1], [2]]}}}).encode(),
    ):
        (tmp_path / "bad.json").write_bytes(damage)
        with pytest.raises(StatisticsError, match="is not a file of mean activations"):
            MeanActivations.load(tmp_path / "bad.json")
    for change in (
        dict(positions=[0, 0]),
        dict(positions=[1.5, 2]),
        dict(positions="12"),
        dict(positions=[10**400, 1]),
        dict(sums=[[], [], [], []]),
        dict(sums=[[10**400], [1], [1], [1]]),
        dict(sums=[[math.nan], [1], [1], [1]]),
        dict(sums=[[1], [-1], [1], [1]]),
        dict(sums=[[1], [1], [1], [9]]),
    ):
        wrong = good["layers"]["conv1_1"] | {"sums": [[1], [1], [1], [1]]} | change
        (tmp_path / "bad.json").write_text(json.dumps(good | {"layers": {"conv1_1": wrong}}))
        with pytest.raises(StatisticsError, match="is not a file of mean activations"):
            MeanActivations.load(tmp_path / "bad.json")
    for change in (dict(pictures=0), dict(pictures=True), dict(format="something else")):
        (tmp_path / "bad.json").write_text(json.dumps(good | change))
        with pytest.raises(StatisticsError, match="is not a file of mean activations"):
            MeanActivations.load(tmp_path / "bad.json")
    with pytest.raises(StatisticsError, match="is not a file of mean activations"):
        MeanActivations.load(tmp_path / "none.json")


@pytest.mark.long
def test_the_stored_means_are_those_of_the_bundled_photos(net):
    stored = MeanActivations.load()
    assert (
        stored.pictures == len(photos()) == 149
        and list(stored.mean) == list(CONVOLUTIONS)
        and MEANS_FILE.stat().st_size < 500_000
    )
    assert all(
        stored.positions[name] == (149 * side**2, 149 * side**4)
        for name, side in (("conv1_1", SIZE), ("conv5_4", SIZE // 16))
    )
    only_first = nn.Sequential(net.conv1_1, nn.ReLU())  # the deeper layers would take a minute
    remade = mean_activations(only_first, (load_square(name, SIZE) - net.mean for name in photos()), progress=False)
    assert gap(remade.mean["0"], stored.mean["conv1_1"]) < rounding(only_first)
    errors = remade.standard_error["0"], stored.standard_error["conv1_1"]
    assert gap(*errors) < 10 * rounding(only_first)  # what cancels is larger
    deep = mean_activations(net, [load_square(name, SIZE) for name in photos()[::50]], progress=False)
    for name in CONVOLUTIONS:  # three photos of them, within four standard errors
        error = torch.hypot(deep.standard_error[name], stored.standard_error[name])
        far = (deep.mean[name] - stored.mean[name]).abs() / error
        assert far.nanmedian() < 4


@pytest.fixture
def folder(tmp_path):
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    for n, name in enumerate(photos()[::40]):
        shutil.copy(ROOT / "data" / "photos" / f"{name}.webp", pictures / f"{n}.webp")
    (pictures / "broken.jpg").write_bytes(b"no picture")
    Image.new("RGB", (40, 50), "red").save(pictures / "z.png")
    return pictures


def command(*arguments, before=(sys.executable,)):
    return subprocess.run(
        [*before, "-m", "course_utils", "means", *map(str, arguments)], cwd=ROOT, capture_output=True, text=True
    )


@pytest.mark.process
def test_command_and_torchrun(net, folder, tmp_path):
    done = command(folder, "-o", tmp_path / "m.json", "--size", "64")
    assert done.returncode == 0 and "5,504 channels over 5 pictures" in done.stdout and done.stdout.startswith("done: ")
    assert "left out: " in done.stderr and "broken.jpg" in done.stderr
    means = MeanActivations.load(tmp_path / "m.json")
    good = [load_square(file, 64) for file in sorted(folder.iterdir()) if file.name != "broken.jpg"]
    expected = mean_activations(net, good, batch_size=4, progress=False)
    assert same(means, expected, rounding(net))
    shared = command(
        folder,
        "-o",
        tmp_path / "shared.json",
        "--size",
        "64",
        before=(sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=2"),
    )
    assert (
        shared.returncode == 0
        and shared.stdout.count("5,504 channels over 5 pictures") == 1
        and shared.stderr.count("left out: ") == 1
    )
    assert same(MeanActivations.load(tmp_path / "shared.json"), expected, rounding(net))
    two = command(folder, folder, "-o", tmp_path / "two.json", "--size", "32")
    assert two.returncode == 0 and "over 5 pictures" in two.stdout  # a folder that is named twice counts once


def test_command_refuses(folder, tmp_path, capsys):
    def refused(message, *arguments):
        code, said = main(["means", *map(str, arguments)]), capsys.readouterr().err
        return code == 2 and said.startswith("error: ") and message in said

    assert refused("Say with -o", folder) and refused("Say with -o", "--size", "64")
    assert refused("no folder", tmp_path / "none", "-o", tmp_path / "u.json")
    assert refused("end in .json", folder, "-o", tmp_path / "u.npz")
    assert refused("does not exist", folder, "-o", tmp_path / "no" / "u.json")
    for file in folder.iterdir():
        if file.name != "broken.jpg":
            file.unlink()
    code, said = main(["means", str(folder), "-o", str(tmp_path / "u.json")]), capsys.readouterr().err
    assert code == 2 and "no picture" in said and "broken.jpg" in said
    assert not list(tmp_path.glob("u.*"))
