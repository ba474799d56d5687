"""Damaged and foreign files of weights, means, tables and states: read as they were written, or refused; never
executed.
"""

import contextlib
import io
import json
import pickle
import random
import struct
import zipfile
from unittest import mock

import numpy as np
import pytest
import torch

from course_utils import means as means_module
from course_utils import vgg
from course_utils.checkpoint import FORMAT, Checkpoint, StateError
from course_utils.cost import painting_cost
from course_utils.dataset import StatisticsError
from course_utils.means import MeanActivations
from course_utils.top import TopActivations
from course_utils.transfer import transfer
from course_utils.vgg import LAYERS, WeightsError, vgg19
from test_bad_tensors import CHAIN, NET, P, S

SETTINGS = dict(net=NET, evaluations=4, device="cpu", start="noise")


# --- a good file of each kind, and how it is read ------------------------------------------------------------------


def narrow():
    """Within it, VGG-19 has 4 channels everywhere, so that its files are small."""
    patches = contextlib.ExitStack()
    patches.enter_context(mock.patch.object(vgg, "VGG19_BLOCKS", tuple((count, 4) for count, _ in vgg.VGG19_BLOCKS)))
    patches.enter_context(mock.patch.dict(vgg.CHANNELS, dict.fromkeys(LAYERS, 4)))
    return patches


def stored(contents, **options):
    buffer = io.BytesIO()
    torch.save(contents, buffer, **options)
    return buffer.getvalue()


def flat(value):
    """Everything in a result that can be compared, in order; NaN equals NaN."""
    if isinstance(value, torch.Tensor):
        return [(tuple(value.shape), str(value.dtype), repr(value.tolist()))]
    if isinstance(value, dict):
        return [part for key, item in value.items() for part in (key, *flat(item))]
    if isinstance(value, (list, tuple)):
        return [part for item in value for part in flat(item)]
    return flat(vars(value)) if hasattr(value, "__dict__") else [value]


def read_weights(path):
    return vgg19(path).state_dict()


def read_state(path):
    """What a run goes on from: it belongs to this run, and the descent goes on."""
    checkpoint = Checkpoint(path, resume=True, say=lambda sentence: None)
    stop = []
    result = transfer(P, S, **SETTINGS, checkpoint=checkpoint, on_state=lambda state: stop.append(state) or True)
    return result.image, result.losses, result.evaluations, result.history


READERS = {
    "weights": (read_weights, WeightsError),
    "means": (MeanActivations.load, StatisticsError),
    "table": (TopActivations.load, StatisticsError),
    "state": (read_state, StateError),
}


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    """{kind: (bytes of a good file, what comes out of it)}."""
    place, files = tmp_path_factory.mktemp("good"), {}
    files["weights"] = stored(NET.state_dict())
    means_module.mean_activations(CHAIN, [P, S], progress=False).save(place / "means")
    mined = TopActivations(
        {"relu1_1": torch.rand(4, 2).sort(1, descending=True).values},
        {"relu1_1": torch.randint(9, (4, 2, 3))},
        1,
        ("a", "b") * 5,
        40,
    )
    mined.save(place / "table")
    with contextlib.suppress(KeyboardInterrupt):
        transfer(
            P,
            S,
            **{**SETTINGS, "evaluations": 2},
            checkpoint=Checkpoint(place / "state"),
            on_state=lambda state: state.evaluations == 2,
        )
    files |= {kind: (place / kind).read_bytes() for kind in ("means", "table", "state")}
    result = {}
    for kind, contents in files.items():
        (place / kind).write_bytes(contents)
        with narrow():
            result[kind] = contents, flat(READERS[kind][0](place / kind))
    return result


class Trial:
    """Writes contents to a file and reads them as one kind."""

    def __init__(self, kind, good, path):
        self.read, self.error = READERS[kind]
        self.contents, self.expected = good[kind]
        self.path = path / kind

    def refused(self, contents):
        """Whether the file is refused, with one sentence; else it gives what the good one gives."""
        self.path.write_bytes(contents)
        try:
            with narrow():
                found = self.read(self.path)
        except self.error as error:
            sentence = str(error)
            assert (
                type(error) is self.error and sentence.endswith(".") and "\n" not in sentence and len(sentence) < 700
            ), error
            assert self.path.read_bytes() == contents  # nothing was put right, or lost, by reading
            return True
        assert flat(found) == self.expected, "a damaged file was taken for another one"
        return False


@pytest.fixture(params=READERS)
def trial(request, good, tmp_path):
    return Trial(request.param, good, tmp_path)


# --- damage --------------------------------------------------------------------------------------------------------


def flips(contents, count, seed):
    """The contents with one bit changed: anywhere, and where archives and JSON have their structure."""
    chance = random.Random(seed)
    for n in range(count):
        size = len(contents)
        place = (
            chance.randrange(size)
            if n % 3
            else chance.choice([chance.randrange(min(size, 400)), size - 1 - chance.randrange(min(size, 400))])
        )
        yield contents[:place] + bytes([contents[place] ^ 1 << chance.randrange(8)]) + contents[place + 1 :]


def cuts(contents, count, seed):
    chance, size = random.Random(seed), len(contents)
    for n in range(count):
        first, last = sorted((chance.randrange(size), chance.randrange(size + 1)))
        yield [
            contents[:first],
            contents[first:],
            contents[:first] + contents[last:],
            contents[:first] + bytes(last - first) + contents[last:],
            contents[:first] + contents[last:] + contents[first:last],
        ][n % 5]


def try_damage(trial, count, tally):
    damaged = [*flips(trial.contents, count, 0), *cuts(trial.contents, count // 2, 1)]
    refused = sum(trial.refused(contents) for contents in damaged if contents != trial.contents)
    # the rest are bits that nobody reads, such as dates
    assert not trial.refused(trial.contents) and refused > 0.5 * len(damaged)
    tally(f"damaged files of {trial.path.name}", len(damaged))


def test_damaged_files(trial, tally):
    try_damage(trial, 40, tally)


@pytest.mark.long
def test_many_damaged_files(trial, tally):
    try_damage(trial, 300, tally)


def test_files_of_other_kinds(trial, good, tally):
    others = [
        b"",
        b"\x00",
        b"hello",
        b"{",
        b"[1, 2]",
        b'"text"',
        b"null",
        b"PK\x03\x04",
        b"PK\x05\x06" + bytes(18),
        b"\x80\x04.",
        b"\x89PNG\r\n\x1a\n",
        b"\xff" * 100,
        b"[" * 10**5,
        b'{"a":' * 10**4,
        stored([1, 2, 3]),
        stored({}),
        stored(torch.ones(3)),
        stored({"format": 1}),
        stored({1: 2}),
        json.dumps({"format": "?"}).encode(),
    ]
    others += [contents for kind, (contents, _) in good.items() if contents != trial.contents]
    for contents in others:
        assert trial.refused(contents), contents[:20]
    trial.path.unlink()
    trial.path.mkdir()
    for path in (trial.path, trial.path / "none", trial.path / "\0", trial.path / ("x" * 300)):
        # a state that is not there is none to go on from
        if trial.error is not StateError or path is trial.path:
            with narrow(), pytest.raises(trial.error, match=r"^[^\n]*\.$"):
                trial.read(path)
    tally("files of another kind", len(others) + 3)


class Boom:
    """Unpickling it would write a file."""

    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return open, (self.path, "w")


def test_code_is_never_executed(trial, tmp_path, tally):
    target = tmp_path / "executed"
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as parts:
        for name in ("relu1_1.values.npy", "relu1_1.places.npy", "per_image.npy", "sources.npy", "size.npy"):
            array = io.BytesIO()
            np.save(array, np.array([Boom(target)], dtype=object), allow_pickle=True)
            parts.writestr(name, array.getvalue())
    files = [
        pickle.dumps(Boom(target)),
        stored(Boom(target)),
        stored({"format": Boom(target), "mean": Boom(target)}),
        stored(Boom(target), _use_new_zipfile_serialization=False),
        stored({"features.0.weight": Boom(target)}),
        archive.getvalue(),
        json.dumps({"__reduce__": f"open({str(target)!r}, 'w')"}).encode(),
    ]
    for contents in files:
        assert trial.refused(contents) and not target.exists()
    tally("files with code in them", len(files))


# --- whole files whose contents make no sense -----------------------------------------------------------------------

NAN, INF = float("nan"), float("inf")


@pytest.mark.filterwarnings("ignore:Validating sparse tensor invariants")
def test_foreign_weights(good, tmp_path, tally):
    trial, state = Trial("weights", good, tmp_path), NET.state_dict()
    first, bias = state["conv1_1.weight"], state["conv3_2.bias"]
    bad = {
        "conv1_1.weight": (first.flatten(), first[:, :2], first * NAN),
        "centre.mean": (None, torch.zeros(3), state["centre.mean"] * NAN),
        "conv3_2.bias": (
            None,
            3,
            "text",
            bias + INF,
            bias.long(),
            bias.bool(),
            bias.to(torch.complex64),
            bias.to_sparse(),
            bias.to("meta"),
            bias[None],
            bias[:0],
        ),
        "more": (bias,),
        3: (bias,),
    }
    files = [{**state, name: value} for name, values in bad.items() for value in values]
    files += [{name: state[name] for name in state if name != missing} for missing in ("centre.mean", "conv5_4.bias")]
    files += [
        list(state),
        {"state_dict": state},
        {f"module.{name}": value for name, value in state.items()},
        dict.fromkeys(state, bias),
        {name.replace("conv1_1", "features.0"): value for name, value in state.items() if name != "centre.mean"},
    ]
    for contents in files:
        assert trial.refused(stored(contents))
    double = {name: value.double() for name, value in state.items()}  # another type is no fault
    assert not trial.refused(stored(double)) and not trial.refused(stored(state, _use_new_zipfile_serialization=False))
    tally("whole files of weights that make no sense", len(files))


def sign(contents):
    return json.dumps({**contents, "sha256": means_module._checksum(contents)}).encode()


def test_foreign_means(good, tmp_path, tally):
    trial = Trial("means", good, tmp_path)
    contents = json.loads(trial.contents)
    del contents["sha256"]
    assert not trial.refused(sign(contents))
    name, layer = next(iter(contents["layers"].items()))
    rows = layer["sums"]
    layers = [
        {"sums": value}
        for value in (
            None,
            [],
            3,
            "text",
            {},
            [[]] * 4,
            rows[:3],
            rows + [[1]],
            [[NAN] * 4] * 4,
            [[INF] * 4] * 4,
            [[-1] * 4] * 4,
            [[10**400] * 4] * 4,
            [["1"] * 4] * 4,
            [rows] * 4,
            [[1], [1, 2], [1], [1]],
            [*rows[:3], [9] * 4],
            [[None] * 4] * 4,
        )
    ]
    layers += [
        {"positions": value}
        for value in (
            None,
            [],
            3,
            "12",
            [1],
            [1, 2, 3],
            [0, 1],
            [1.5, 2],
            [-1, 1],
            [True, True],
            [2**70, 1],
            [[1], [2]],
            {"1": 2},
        )
    ]
    changes = [{"layers": {name: {**layer, **change}}} for change in layers] + [
        {"layers": value} for value in (None, [], {}, 3, {name: None}, {name: []}, {name: {}})
    ]
    changes += [{"pictures": value} for value in (None, 0, -1, 1.5, "2", True, NAN, [], 2**70)] + [
        {"format": value} for value in (None, "mean activations 1", 3, [])
    ]
    for change in changes:
        assert trial.refused(sign({**contents, **change})), change
    assert trial.refused(json.dumps({**contents, "sha256": "0" * 64}).encode()) and trial.refused(
        json.dumps(contents).encode()
    )
    tally("whole files of means that make no sense", len(changes) + 2)


def test_foreign_tables(good, tmp_path, tally):
    trial = Trial("table", good, tmp_path)
    arrays = dict(np.load(io.BytesIO(trial.contents)))
    values, places = arrays["relu1_1.values"], arrays["relu1_1.places"]
    bad = {
        "relu1_1.values": (
            values[:, ::-1],
            values * NAN,
            values + INF,
            values - INF,
            values[:2],
            values[..., None],
            values[:, :0],
            *map(values.astype, (int, ">f4", complex, str)),
            np.zeros(()),
        ),
        "relu1_1.places": (places[..., :2], -places - 1, places * NAN, places + 100, places.astype(str)),
        "per_image": (0, 9, [1, 2], "x", NAN),
        "size": (-1, INF, "x"),
        "sources": (3, "text"),
        "x.values": (values,),
    }
    changes = [{name: np.array(value)} for name, some in bad.items() for value in some]
    changes += [{"relu9_1.values": values, "relu9_1.places": places}]
    for change in changes:
        buffer = io.BytesIO()
        np.savez_compressed(buffer, **(arrays | change))
        assert trial.refused(buffer.getvalue()), change
    for missing in arrays:
        buffer = io.BytesIO()
        np.savez(buffer, **{name: array for name, array in arrays.items() if name != missing})
        assert trial.refused(buffer.getvalue()), missing
    huge = io.BytesIO()
    with zipfile.ZipFile(huge, "w") as parts:  # says that it holds 10¹⁸ numbers
        header = b"{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000, 1000000000), }".ljust(117) + b"\n"
        for name in arrays:
            parts.writestr(f"{name}.npy", b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + bytes(16))
    assert trial.refused(huge.getvalue())
    tally("whole tables that make no sense", len(changes) + len(arrays) + 1)


def test_foreign_states(good, tmp_path, tally):
    trial = Trial("state", good, tmp_path)
    contents = torch.load(io.BytesIO(trial.contents), weights_only=True)
    point = contents["point"]
    points = [None, (), point[:6], list(point), (*point, 1)] + [
        tuple(value if n == place else part for n, part in enumerate(point))
        for place, bad in enumerate(
            (
                (None, 3, point[0][:, :, :8], "picture"),
                (None, {}, {"total": 1.0}, 3),
                (None, "3", 1.5),
                (None, "x", 3),
                (None, point[4][:, :1], 3),
                (None, [point[4]], (point[4],), ((point[4],),), ((point[4], None),), ((point[4], point[4][:, :1]),)),
                (None, "1", 3),
            )
        )
        for value in bad
    ]
    changes = (
        [{"point": value} for value in points]
        + [{"run": value} for value in (None, {}, [], {"photo": 3}, "text")]
        + [{"arithmetic": value} for value in (None, [], "text")]
    )
    changes += [{"seconds": value} for value in (None, "1", [])] + [{"history": value} for value in (None, 3, "text")]
    changes += [{"format": value} for value in (None, 3, "", FORMAT[:-1] + "0", "style transfer state 1", [])]
    for change in changes:
        assert trial.refused(stored({**contents, **change})), change
    for missing in contents:
        assert trial.refused(stored({name: value for name, value in contents.items() if name != missing})), missing
    tally("whole states that make no sense", len(changes) + len(contents))


# --- weights of another input format --------------------------------------------------------------------------------


def as_elsewhere(net, layout):
    """Our original weights as others keep them, for BGR in 0 … 255: with torchvision's names, or the authors'."""
    state = net.state_dict()
    state["conv1_1.weight"] = state["conv1_1.weight"].flip(1) / 255
    del state["centre.mean"]
    names = {name: f"features.{LAYERS.index(name)}" for name in LAYERS}
    return {
        f"{names[name] if layout == 'torchvision' else name}.{kind}": value
        for name, kind, value in ((*key.split("."), value) for key, value in state.items())
    }


@pytest.mark.long
@pytest.mark.parametrize("layout", ["torchvision", "authors"])
def test_the_original_weights_are_recognised(net, tmp_path, layout):
    state = as_elsewhere(net, layout)
    torch.save(
        {**state, "classifier.0.weight": torch.ones(2)} if layout == "torchvision" else state,
        tmp_path / "vgg19-d01eb7cb.pth",
        _use_new_zipfile_serialization=False,
    )
    found = vgg19(tmp_path / "vgg19-d01eb7cb.pth").state_dict()
    for name, value in net.state_dict().items():
        # a product and a quotient by 255 round once each
        assert torch.allclose(found[name], value, rtol=1e-6, atol=0), name
    state = {
        name: value + 1e-3 * value.abs().max() * torch.randn(value.shape, generator=torch.Generator().manual_seed(0))
        for name, value in state.items()
    }
    torch.save(state, tmp_path / "finer.pth")  # not rounded to a palette, as the published file
    assert torch.equal(vgg19(tmp_path / "finer.pth").mean, net.mean)


@pytest.mark.long
def test_other_input_formats_are_refused(net, tmp_path, tally):
    weights = as_elsewhere(net, "torchvision")
    first = weights["features.0.weight"]
    wrong = [first.flip(1), first * 255, first.flip(1) * 255, first * torch.rand(64, 1, 1, 1).add(0.1), first * 3]
    for filters in wrong:
        torch.save({**weights, "features.0.weight": filters}, tmp_path / "w.pth")
        with pytest.raises(WeightsError, match="input format .* is not known"):
            vgg19(tmp_path / "w.pth")
    authors = as_elsewhere(net, "authors") | {"conv1_1.weight": torch.randn(64, 3, 3, 3)}
    torch.save(authors, tmp_path / "w.pth")
    with pytest.raises(WeightsError, match="input format .* is not known"):
        vgg19(tmp_path / "w.pth")
    tally("weights of another input format", len(wrong) + 1)


def test_a_run_is_not_changed_by_its_cost(net):
    """What is detached on the way in is the same picture, to the bit."""
    photo = P.clone()
    assert painting_cost(NET, photo.requires_grad_(), S).losses(P) == painting_cost(NET, P, S).losses(P)
