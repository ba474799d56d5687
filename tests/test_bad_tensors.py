"""Bad tensors, numbers, names, networks and dictionaries against every public function of the modules that compute.

`TABLE` names for each function, and for each of its arguments, a good value and the `Kind` of values that it takes, or
says why none is tried: a new function or argument without an entry makes a test fail. What a kind takes is said here a
second time, without the checks of the package. A value that is not of the kind has to be refused by an error of the
course with one sentence; one that is gives a result.
"""

import copy
import inspect
import math
import traceback
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings, strategies
from torch import fx, nn

from course_utils import (
    checkpoint,
    colour,
    compiled,
    cost,
    dataset,
    deconvnet,
    descent,
    homogeneity,
    losses,
    means,
    normalization,
    plain,
    plots,
    precision,
    receptive,
    reconstruct,
    regions,
    top,
    transfer,
    transport,
    vgg,
    winograd,
)
from course_utils import settings as settings_module
from course_utils.settings import Settings

MODULES = (
    transfer,
    cost,
    settings_module,
    vgg,
    losses,
    descent,
    plain,
    transport,
    precision,
    compiled,
    reconstruct,
    colour,
    normalization,
    homogeneity,
    means,
    top,
    receptive,
    regions,
    deconvnet,
    winograd,
    plots,
    checkpoint,
)
COURSE = (ValueError, vgg.WeightsError, transfer.TransferError, descent.NotFinite)
PACKAGE = Path(transfer.__file__).parent
NAN, INF = math.nan, math.inf
FLOATS = (torch.float16, torch.bfloat16, torch.float32, torch.float64)


# --- good values ---------------------------------------------------------------------------------------------------


def rand(*shape, seed=0):
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed))


def small_vgg(pooling="max"):
    """VGG-19 with 4 channels everywhere, which computes in a millisecond."""
    net = vgg.VGG([(convolutions, 4) for convolutions, _ in vgg.VGG19_BLOCKS], pooling)
    for n, parameter in enumerate(net.parameters()):
        parameter.data = rand(*parameter.shape, seed=n) * 0.2 - 0.06
    # in the order that the lessons use: in the other, float32 rounds another way and a cost of almost zero shows it
    return net.requires_grad_(False).eval().to(memory_format=torch.channels_last)


NET, P, S, MAPS = small_vgg(), rand(1, 3, 16, 18), rand(1, 3, 20, 16, seed=1), rand(2, 4, 5, 6)
GRAM, BOX, CONV, NORM = (
    losses.gram_matrix(MAPS, divide=True),
    receptive.Box(-2, 1, 5, 9),
    nn.Conv2d(4, 4, 3, padding=1),
    nn.BatchNorm2d(4).eval(),
)
CHAIN = nn.Sequential(
    nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(), nn.Conv2d(4, 5, 3, padding=1), nn.ReLU()
).requires_grad_(False)
FEATURES, WEIGHTS = NET.features(P, [*losses.STYLE_WEIGHTS, "relu4_2"]), losses.STYLE_WEIGHTS
TARGETS = {layer: losses.gram_matrix(FEATURES[layer], divide=True) for layer in WEIGHTS}
MEANS = {"0": rand(4) + 0.5, "2": rand(5) + 0.5}
RESCALING = normalization.normalize_weights(CHAIN, MEANS).rescaling
OCCLUSION = deconvnet.occlusion_map(NET, P, "relu1_1", 1, size=8, stride=8)


class Flat:
    """A term of one's own: the mean of the picture."""

    def __init__(self, name="flat", weight=1.0, layers=()):
        self.name, self.weight, self.layers = name, weight, layers

    def __call__(self, image, features):
        return image.mean((1, 2, 3))


LOSSES = dict.fromkeys(("content", "style", "total"), 1.0)


# --- kinds of values -----------------------------------------------------------------------------------------------


class Kind:
    """What an argument takes: `bad` lists values that it does not take, `takes` judges a random tensor."""

    def __init__(self, *bad):
        self.bad = bad

    def __sub__(self, good):
        """The same without some bad values, which this argument takes."""
        return Kind(*(value for value in self.bad if not any(value is other for other in good)))

    def __add__(self, bad):
        return Kind(*self.bad, *bad)


class Tensor(Kind):
    """A letter of `shape` is any number, the same wherever it occurs; `sized`: exactly the shape of the good value."""

    def __init__(self, shape="", least=1, values="finite", dtype=torch.float64, sized=False):
        super().__init__(
            None,
            3,
            0.5,
            "photo",
            b"\x89PNG",
            [],
            [0.5],
            {},
            object(),
            np.zeros((1, 3, 16, 16), np.float32),
            NAN,
            torch.float32,
        )
        self.shape, self.least, self.values, self.dtype, self.sized = shape, least, values, dtype, sized

    def takes(self, value, good):
        if value.layout != torch.strided or value.dtype not in FLOATS or value.numel() == 0:
            return False
        if value.is_meta and self.values != "any":
            return False
        if torch.promote_types(value.dtype, self.dtype) != self.dtype or self.sized and value.shape != good.shape:
            return False
        if self.shape:
            sides = dict(zip(self.shape, value.shape))
            right = [int(name) if name.isdecimal() else sides[name] for name in self.shape[: value.ndim]]
            if value.ndim != len(self.shape) or right != list(value.shape) or min(value.shape[-2:]) < self.least:
                return False
        if value.is_meta:
            return None  # shapes alone may go through what only multiplies and adds
        least, most = {"any": (None, None), "finite": (-INF, INF), "picture": (0, 1)}[self.values]
        numbers = value.detach().double()
        return least is None or bool(numbers.isfinite().all() and (numbers >= least).all() and (numbers <= most).all())


class ExactFloat(Tensor):
    """Exactly of the type of the good value."""

    def takes(self, value, good):
        return False if value.dtype != good.dtype else super().takes(value, good)


class Batched(Tensor):
    """Also (3, H, W), one picture."""

    def takes(self, value, good):
        return super().takes(value[None] if value.ndim == 3 else value, good)


class Some(Tensor):
    """Not every one of these: the sizes have to fit others."""

    def takes(self, value, good):
        return super().takes(value, good) and None


def number(least=-INF, most=INF, whole=False, also=()):
    """A number in a range; `also`: None and the like where they are allowed."""

    def good(value):
        known = isinstance(value, int) or isinstance(value, float) and not whole
        inside = known and type(value) is not bool and least <= value <= most and abs(value) != INF
        return inside or any(value is other for other in also)

    return Kind(
        *(
            value
            for value in (
                NAN,
                INF,
                -INF,
                "3",
                "",
                b"1",
                None,
                [],
                [1],
                {},
                1j,
                object(),
                Decimal(1),
                10**400,
                -(10**400),
                -1,
                -1e-3,
                0,
                0.5,
                1.5,
                1e9,
                2**70,
                -(2**70),
                torch.ones(2),
                np.inf,
                np.ones(2),
                True,
                False,
            )
            if not good(value)
        )
    )


def table(good, *values, empty=True, missing=True):
    """A dictionary like the good one; `values` are bad for one of its keys."""
    key = next(iter(good))
    less = [{name: value for name, value in good.items() if name != key}] * (missing and len(good) > 1)
    return Kind(
        None,
        3,
        "relu1_1",
        [],
        [key],
        object(),
        NAN,
        torch.ones(2),
        *[{}] * empty,
        *less,
        *({**good, key: value} for value in values),
    )


def damaged(net, change):
    net = copy.deepcopy(net)
    change(net)
    return net


def network(net, *, computes=True, least_bits=16):
    """A network; `computes`: it is run, so weights that are no numbers are noticed."""
    bad = [None, 3, "vgg19", object(), vgg.VGG, net.state_dict(), torch.rand(2), [net], nn.Linear]
    bad += [nn.Linear(3, 3), nn.Identity(), nn.Sequential()] * isinstance(net, vgg.VGG)
    first = next(name for name, _ in net.named_parameters())
    if computes:
        bad += [
            copy.deepcopy(net).to("meta"),
            *(damaged(net, lambda net: net.get_parameter(first).data.fill_(value)) for value in (NAN, INF)),
        ]
    if least_bits > 16:
        bad += [copy.deepcopy(net).half(), copy.deepcopy(net).bfloat16()]
    return Kind(*bad)


ANY, SAME, PICTURE = Tensor("NCHW", values="any"), Tensor(values="any", sized=True), Tensor("13HW", values="picture")
PHOTO, FOUR = Tensor("13HW", 16, "picture"), Tensor("4", values="any")
SHOWN, NARROW = Tensor("13HW"), {"values": "any", "dtype": torch.float32}
CHOICE = Kind(None, 3, "", "blue", "MAX", b"max", [], ["max"], {}, object(), NAN, True, np.array(["max", "sum"]))
YES_OR_NO = Kind(None, 0, 1, "yes", "", [], {}, object(), NAN, torch.ones(()))
LAYER = Kind(
    "relu6_1",
    "",
    "RELU1_1",
    "relu1_1 ",
    None,
    3,
    b"relu1_1",
    ["relu1_1"],
    {},
    NAN,
    object(),
    torch.tensor(1),
    np.array(["relu1_1"]),
)
NAMES = Kind(
    None,
    3,
    "relu1_1",
    b"relu1_1",
    ["relu9_1"],
    [None],
    [["relu1_1"]],
    ["relu1_1", 3],
    object(),
    NAN,
    [b"relu1_1"],
    torch.tensor(1.0),
    [{}],
)
NUMBERS = (NAN, INF, -INF, "1", None, [], 1j, object(), torch.ones(2), 10**400)
HEAVY = (*NUMBERS, -1, -1e-9, 1e9)
WEIGHT, WHOLE, SEED, EPS = number(0, 10**8), number(1, whole=True), number(-(2**63), 2**63 - 1, whole=True), number(0)
LAYERS = table({"relu1_1": 1.0}, *HEAVY) + ({"relu9_1": 1.0}, {3: 1.0}, {None: 1.0})
DEVICE = Kind("abacus", "meta", "cuda:99", "", 3.5, [], object(), "cpu:x", NAN)
UNIT = Kind(
    "1",
    0.5,
    NAN,
    -1,
    4,
    10**30,
    [0.5],
    [-1],
    [[]],
    [],
    [None],
    {},
    object(),
    1j,
    torch.tensor([NAN]),
    torch.tensor([99]),
    b"1",
    [0, 99],
)
PLACE = Kind(
    "11",
    3,
    0.5,
    (0, 99),
    (-1, 0),
    (0.5, 1),
    (NAN, 0),
    [(0, 0), None],
    (1, 2, 3),
    {},
    object(),
    1j,
    [[[0, 0]]],
    (10**30, 0),
    (),
)
SIZE = Kind(0, -1, 0.5, NAN, INF, "8", None, [], (8, 8), object(), 10**30)
EMPTY = ([], {})
PICTURES = Kind(
    None,
    3,
    NAN,
    object(),
    torch.float32,
    "photo",
    *EMPTY,
    [None],
    ["photo"],
    [3],
    [P, None],
    [(0, None)],
    [(-1, P)],
    [("0", P)],
    [(2**70, P)],
    [P * NAN],
    [P * INF],
    [P.byte()],
    [P.to(torch.complex64)],
    [rand(3, 3)],
    [rand(1, 4, 16, 16)],
    [rand(2, 3, 16, 16)],
    [{}],
    [rand(1, 3, 0, 16)],
    [P.to("meta")],
    [P.to_sparse()],
    [rand(1, 1, 3, 16, 16)],
    [P > 0.5],
)
BOXES = Kind(
    None,
    3,
    "box",
    (0, 0, 4, 4),
    [],
    object(),
    NAN,
    torch.ones(4),
    *(
        receptive.Box(*sides)
        for sides in ((0, 0, 0, 4), (4, 0, 0, 4), (0.5, 0, 4, 4), (NAN, 0, 4, 4), (None, 0, 4, 4), ("0", 0, 4, 4))
    ),
)
CONVOLUTION = Kind(
    None,
    3,
    "conv",
    nn.Conv2d,
    nn.Sequential(),
    nn.Conv2d(4, 5, 5),
    nn.Conv2d(4, 5, 3),
    nn.Conv2d(4, 5, 3, padding=1, stride=2),
    nn.Conv2d(4, 4, 3, padding=1, groups=2),
    nn.Conv1d(4, 5, 3, padding=1),
    nn.ReLU(),
    object(),
    NAN,
    rand(5, 4, 3, 3),
)
FUNCTION = Kind(
    *(
        lambda image, found=found: found
        for found in (
            None,
            3,
            (1, 2),
            (1, 2, 3),
            ("a", P, None),
            (1.0, None, None),
            (1.0, P[..., :4], None),
            (NAN, P, None),
            (1.0, P * NAN, None),
            (1.0, P * 1e38, None),
            (P, P, None),
        )
    )
)
TILE = Kind(None, 3, (3, 4), (4,), "44", (4, 4, 4), (4.0, 4), (0, 4), [4, 4], (True, 2), object())


# --- every public function -----------------------------------------------------------------------------------------

NOT_TRIED = Kind()  # the argument has an entry of its own, or anything may be given
INTERNAL = "is handed only what the function that calls it has checked"
FILES = "reads or writes a file: see test_bad_files.py"
ADDED = "gives NotImplemented, so that Python says what cannot be added"


def takes(function, /, **arguments):
    """[(name of an argument, its kind, a good value, a function of its value: the other arguments are good)]."""
    good = {name: value for name, (value, _) in arguments.items()}
    return [
        (name, kind, value, lambda x, name=name: _done(function(**{**good, name: x})))
        for name, (value, kind) in arguments.items()
    ]


def _done(result):
    return list(result) if inspect.isgenerator(result) else result


def descends(function):
    """`transfer` or `descend`."""
    common = dict(
        content=(P, PHOTO),
        style=(S, PHOTO),
        settings=(Settings(start="noise"), RECORD),
        more=([], MORE),
        evaluations=(2, WHOLE),
        net=(NET, network(NET, least_bits=32) - [None]),
        device=("cpu", DEVICE - [None]),
        tile=(32, SIDE),
        compile=(False, YES_OR_NO),
    )
    if function is transfer.transfer:
        common |= dict.fromkeys(("on_state", "checkpoint", "say"), (None, NOT_TRIED)) | dict(size=(512, NOT_TRIED))
    fields = [
        (
            "changes",
            kind,
            good,
            lambda x, name=name: _done(
                function(P, S, net=NET, device="cpu", evaluations=2, **{"start": "noise", name: x})
            ),
        )
        for name, (good, kind) in SET.items()
    ]
    return takes(function, **common) + fields


def passes(function, /, **more):
    """`mean_activations`, `measure`, `top_activations` or `search`."""
    net = NET if more else CHAIN
    more |= {name: (False, NOT_TRIED) for name in inspect.signature(function).parameters if name == "progress"}
    alone = Batched("13HW")
    one = takes(
        lambda images, **options: _done(function(images=[images], **options)),
        images=(P, alone),
        net=(net, NOT_TRIED),
        **more,
    )
    pictures = PICTURES if "progress" in more else PICTURES - EMPTY  # a generator of steps then makes none
    return takes(function, net=(net, network(net)), images=([P], pictures), batch_size=(8, WHOLE), **more) + one[:1]


def with_layer(function, /, **more):
    """`receptive_field` and the like."""
    return takes(function, layer=("pool1", LAYER), net=(NET, network(NET, computes=False) - [None]), **more)


def initial(kind, /, **arguments):
    """A class, for its `__init__`: what was made must be whole, too."""
    return takes(lambda **given: [kind(**given), 1.0][1], **arguments)


ODD = (
    3,
    "ab",
    {"a": 1},
    [None],
    [3],
    [len],
    [Flat],
    [Flat(), Flat()],
    [Flat(name="total")],
    [Flat(name=3)],
    [Flat(layers="relu1_1")],
    [Flat(layers=["relu9_1"])],
    [Flat(layers=None)],
    *([Flat(weight=weight)] for weight in HEAVY),
)
TERMS, MORE, RECORD = Kind([], None, *ODD), Kind(None, *ODD), Kind(3, "ab", {}, [], object(), NAN, Settings)
SHARES = Kind(3, "ab", [1], [1, 2, 3], [1, NAN], [0, 0], [-1, 2], {}, [None, 1])
SET = dict(
    content_weight=(1, WEIGHT),
    style_weight=(1, WEIGHT),
    variation_weight=(1, WEIGHT),
    content_layers=({"relu1_1": 1.0}, LAYERS),
    style_layers=(WEIGHTS, LAYERS),
    start=("noise", CHOICE),
    seed=(0, SEED),
    colours=("painting", CHOICE),
    precision=("bfloat16", CHOICE),
)
MASK = rand(1, 1, 7, 9)
COST = cost.painting_cost(NET, P, S)
TILED, SIDE = cost.painting_cost(NET, P, S, tile=32), number(32, whole=True, also=[None])
MINED = dict(
    k=(1, number(1, 10**5, whole=True)),
    per_image=(1, number(1, whole=True, also=[None])),
    layers=(["relu1_1"], NAMES - [None] + ([], ())),
    sources=((), Kind(None, 3, "abc", NAN, object())),
)
SEEN, AXIS = Tensor("N3HW", 2, dtype=torch.float32), number(-(2**63), 2**63, whole=True)
BLOCKS = Kind(None, 3, (), "ab", ((1,),), ((0, 4),), ((1, 0),), ((1, 2.5),), ((NAN, 4),), ((1, 10**9),), object())
THROUGH, META, HEIGHT = Tensor("N3HW", 16, "any", torch.float32), copy.deepcopy(NET).to("meta"), number(0.1, 100)
GROUPS, SIDES = (
    Kind(0, -1, 3, 0.5, NAN, "2", None, [], 1j, 10**30),
    Kind(None, 3, "ab", [], (4,), (0, 4), (4, -1), (4, 0.5), (4, NAN), (None, 4), object()),
)
LENGTHS = [None, 3, (4,), (4, 0), (NAN, 9), "49", {}]
FOLDED = Kind(
    None,
    3,
    "conv",
    nn.Linear(4, 4),
    nn.Conv1d(3, 4, 3),
    nn.ConvTranspose2d(3, 4, 3),
    nn.Conv2d(3, 5, 3),
    CHAIN,
    nn.Conv2d,
    nn.LazyConv2d(4, 3),
    damaged(CONV, lambda conv: conv.weight.data.fill_(NAN)),
)
NORMS = Kind(
    None,
    3,
    "norm",
    nn.BatchNorm2d(4),
    nn.BatchNorm2d(5).eval(),
    nn.BatchNorm1d(4).eval(),
    nn.GroupNorm(2, 4),
    nn.InstanceNorm2d(4).eval(),
    nn.BatchNorm2d(4, track_running_stats=False).eval(),
    damaged(NORM, lambda norm: norm.running_var.fill_(-1)),
    damaged(NORM, lambda norm: norm.running_mean.fill_(INF)),
)
POSITIVE = Kind(*Tensor().bad, *map(torch.tensor, ([-1.0], [0.0, 1], [NAN], [INF], [1], [])))
MEASURED = (
    None,
    3,
    [1, 2, 3, 4],
    rand(5),
    rand(4, 1),
    rand(4) * NAN,
    rand(4) * INF,
    rand(4).to("meta"),
    rand(4).to_sparse(),
    torch.ones(4, dtype=torch.int64),
    torch.ones(4, dtype=torch.complex64),
    torch.full((4,), 1e-300, dtype=torch.float64),
)
SHAPE = network(NET, computes=False) + [META]
SOME_PHOTO = Tensor("13HW", 1, "picture", torch.float32)
TRIED_ON = Kind(3, "photo", rand(3, 3), rand(1, 4, 9, 9), P.to("meta"), object())
TILES = Kind(None, 3, "ab", [], {}, [None], [3], [P, None], [P, S], [rand(3, 3)], [P * NAN], object())
TABLE = {
    "cost.Content.__init__": initial(
        cost.Content,
        net=(NET, SHAPE),
        photo=(P, SOME_PHOTO),
        weight=(1, NOT_TRIED),
        layers=({"relu1_1": 1.0}, LAYERS),
        tile=(32, SIDE),
    ),
    "cost.Style.gram": INTERNAL,
    "cost.Style.__init__": (
        initial(
            cost.Style,
            net=(NET, SHAPE),
            paintings=(P, SOME_PHOTO),
            weight=(1, NOT_TRIED),
            layers=({"relu1_1": 1.0}, LAYERS),
            mask=(MASK, Tensor("11HW", values="picture") - [None]),
            name=("style", NOT_TRIED),
            tile=(32, SIDE),
        )
        + initial(
            cost.Style,
            net=(NET, NOT_TRIED),
            paintings=([P, S], Kind(None, 3, [], [None], [P, None], [P * NAN, S], {}, "ab")),
            layers=({"relu1_1": 1.0}, NOT_TRIED),
            shares=([1, 2], SHARES),
        )
    ),
    "cost.TotalVariation.__init__": "its weight is checked where the terms are added up, see cost.Cost",
    **dict.fromkeys((f"cost.{term}.__call__" for term in ("Content", "Style", "TotalVariation", "Term")), INTERNAL),
    "cost.Cost.__init__": initial(
        cost.Cost,
        net=(NET, SHAPE),
        terms=([Flat()], TERMS),
        precision=("bfloat16", CHOICE),
        compile=(False, YES_OR_NO),
    ),
    "cost.Cost.features": takes(COST.features, image=(P, THROUGH)),
    "cost.Cost.losses": takes(COST.losses, image=(P, Tensor(values="any", dtype=torch.float32, sized=True))),
    "cost.Cost.__call__": takes(
        COST, image=(P, Tensor(values="any", dtype=torch.float32, sized=True)), objective=(None, NOT_TRIED)
    )
    + takes(TILED, image=(P, Tensor(values="any", dtype=torch.float32, sized=True))),
    "cost.TiledCost.__init__": initial(
        cost.TiledCost,
        net=(NET, SHAPE),
        terms=([Flat()], TERMS),
        tile=(32, SIDE - [None]),
        precision=("bfloat16", CHOICE),
        compile=(False, YES_OR_NO),
    ),
    "cost.TiledCost.features": INTERNAL,
    "cost.Cost.parts": INTERNAL,
    "cost.Cost.names": INTERNAL,
    "cost.check_picture": INTERNAL,
    "cost.check_terms": INTERNAL,
    "cost.in_tiles": INTERNAL,
    "cost.painting_cost": takes(
        lambda changes, **given: cost.painting_cost(**given),
        net=(NET, SHAPE),
        content=(P, Tensor("13HW", 8, "picture", torch.float32)),
        style=(S, Tensor("13HW", 16, "picture", torch.float32)),
        settings=(None, RECORD),
        more=([Flat()], MORE),
        tile=(32, SIDE),
        compile=(False, YES_OR_NO),
        changes=(1, NOT_TRIED),
    ),
    "precision.convolutions": INTERNAL,
    "precision.narrowed": takes(
        lambda net: precision.narrowed(net).features(P, ["relu1_1"])["relu1_1"], net=(NET, SHAPE)
    ),
    "compiled.Switch.__init__": initial(
        compiled.Switch, net=(NET, NOT_TRIED), layers=(["relu1_1"], NAMES - [None]), compile=(False, YES_OR_NO)
    ),
    **dict.fromkeys(("compiled.Switch." + name for name in ("run", "leave_out")), INTERNAL),
    "settings.changed": takes(settings_module.changed, settings=(None, RECORD), changes=({}, NOT_TRIED)),
    "settings.check_layer_weights": INTERNAL,
    "transfer.minimise": takes(
        transfer.minimise,
        cost=(COST, Kind(None, 3, Flat(), object())),
        first=(P, ExactFloat("13HW", values="picture", sized=True)),
        evaluations=(2, WHOLE),
        began=(None, NOT_TRIED),
    ),
    "transfer.pick_device": takes(transfer.pick_device, name=("cpu", DEVICE)),
    "transfer.starting_image": (
        takes(
            transfer.starting_image, start=("noise", CHOICE), content=(P, PICTURE), style=(S, NOT_TRIED), seed=(0, SEED)
        )
        + takes(
            transfer.starting_image, start=(P, Tensor("13HW", sized=True)), content=(P, NOT_TRIED), style=(S, NOT_TRIED)
        )[:1]
        + takes(transfer.starting_image, style=(S, PICTURE), content=(P, PICTURE), start=("colour", NOT_TRIED))
    ),
    "transfer.relative_weight": takes(
        transfer.relative_weight,
        strength=(2, WEIGHT),
        content=(P, PHOTO),
        style=(S, PHOTO),
        settings=(Settings(start="noise"), RECORD),
        net=(NET, network(NET, least_bits=32) - [None]),
        device=("cpu", DEVICE - [None]),
        tile=(32, SIDE),
    ),
    "transfer.weight_of": takes(
        transfer.weight_of, cost=(COST, Kind(None, 3, object())), photo=(P, PICTURE), strength=(2, WEIGHT)
    ),
    "transfer.faint_noise": takes(
        transfer.faint_noise,
        content=(P, PICTURE),
        style=(S, PICTURE),
        seed=(0, SEED),
        like_photo=(False, NOT_TRIED),
    ),
    "transfer.descend": descends(transfer.descend),
    "transfer.transfer": descends(transfer.transfer),
    "vgg.VGG.__init__": initial(vgg.VGG, blocks=(((1, 4),), BLOCKS), pooling=("max", CHOICE), rounding=("up", CHOICE)),
    "vgg.VGG19": takes(lambda **given: [vgg.VGG19(**given), 1.0][1], pooling=("max", CHOICE), rounding=("up", CHOICE)),
    "vgg.Centre.__init__": INTERNAL,
    "vgg.Centre.forward": INTERNAL,
    "vgg.layout": INTERNAL,
    "vgg.check_size": INTERNAL,
    "vgg.in_channels_last": INTERNAL,
    "vgg.VGG.forward": takes(NET.forward, image=(rand(1, 3, 32, 33), Tensor("N3HW", 32, "any", torch.float32))),
    "vgg.VGG.features": takes(NET.features, image=(P, THROUGH), layers=(["relu5_1"], NAMES)),
    "vgg.VGG.walk": takes(NET.walk, image=(P, THROUGH), last=("relu5_1", LAYER)),
    "vgg.check_layers": takes(
        vgg.check_layers, names=(["relu1_1"], NAMES), error=(ValueError, NOT_TRIED), net=(NET, NOT_TRIED)
    ),
    "vgg.check_network": takes(
        vgg.check_network,
        net=(NET, network(NET, computes=False) + [META]),
        error=(ValueError, NOT_TRIED),
        least_bits=(16, NOT_TRIED),
    ),
    "vgg.vgg19": takes(
        vgg.vgg19,
        pooling=("max", CHOICE),
        rounding=("down", CHOICE),
        weights=("caffe", Kind(None, 3, [], "no such file", "", b"caffe", object(), NAN, "\0", "~nobody/x", ".")),
    ),
    "vgg.vgg16": "does no more than vgg.vgg19",
    "vgg.caffe_file": FILES,
    "losses.content_loss": takes(
        losses.content_loss, features=(MAPS, SAME), target=(MAPS, SAME), reduction=("sum", CHOICE)
    ),
    "losses.gram_matrix": takes(losses.gram_matrix, features=(MAPS, ANY), divide=(True, NOT_TRIED)),
    "losses.style_loss": takes(losses.style_loss, gram=(GRAM, SAME), target=(GRAM, SAME)),
    "losses.total_variation": takes(losses.total_variation, image=(P, ANY), power=(2, number(1))),
    "losses.Convention.loss": takes(
        losses.convention("gatys").loss,
        features=(MAPS, Some("NCHW", values="any")),
        style=(MAPS.flip(1), Some("NCHW", values="any")),
    ),
    "losses.Convention.scale": takes(losses.convention("gatys").scale, C=(4, WHOLE), M=(9, WHOLE)),
    "losses.convention": takes(losses.convention, name=("paper", CHOICE)),
    "losses.convert_weights": takes(
        losses.convert_weights,
        weights=({"a": 1.0}, table({"a": 1.0}, *NUMBERS)),
        source=("paper", CHOICE),
        target=("gatys", CHOICE),
        shapes=({"a": (4, 9)}, table({"a": (4, 9)}, *LENGTHS)),
    ),
    "descent.inverse_frequency": takes(
        lambda shape, **more: descent.inverse_frequency(shape, **more)(torch.ones(shape)),
        shape=((4, 6), SIDES),
        device=(None, NOT_TRIED),
        offset=(0.05, number(1e-6)),
    ),
    "descent.projected_lbfgs": takes(
        descent.projected_lbfgs,
        start=(P, Tensor()),
        function=(lambda x: ((x**2).sum().item(), 2 * x, None), FUNCTION),
        evaluations=(2, WHOLE),
        memory=(10, WHOLE),
        precondition=(None, NOT_TRIED),
        first_step=(0.1, number(1e-30)),
    ),
    **{
        f"plain.{name}": takes(
            getattr(plain, name),
            start=(P, Tensor()),
            function=(lambda x: ((x**2).sum().item(), 2 * x, None), FUNCTION),
            evaluations=(1, WHOLE),
            **more,
        )
        for name, more in (
            ("gradient_descent", {"first_step": (0.1, number(1e-30))}),
            ("adam", {"step": (0.1, number(1e-30))}),
            ("bare_lbfgs", {"memory": (10, WHOLE), "first_step": (0.1, number(0))}),
            (
                "unbounded_lbfgs",
                {"precondition": (None, NOT_TRIED), "width": (10.0, number(1)), "first_step": (0.1, number(1e-30))},
            ),
        )
    },
    "descent.evaluate": takes(descent.evaluate, function=(lambda x: (1.0, x, None), FUNCTION), image=(P, NOT_TRIED)),
    "regions.guided_gram": takes(
        regions.guided_gram, features=(rand(2, 4, 5, 6), ANY), mask=(MASK, Tensor("11HW", values="picture"))
    ),
    "regions.at_layer": INTERNAL,
    "regions.guided": INTERNAL,
    "regions.scaled_guide": INTERNAL,
    "regions.check_mask": INTERNAL,
    "regions.brightness": takes(regions.brightness, photo=(P, PICTURE)),
    "regions.by_brightness": takes(
        regions.by_brightness, photo=(P, PICTURE), threshold=(0.5, Kind(None, "1", -0.1, 1.1, NAN))
    ),
    "regions.by_colour": takes(
        regions.by_colour,
        photo=(P, PICTURE),
        hue=(60.0, Kind(None, "1", -1, 361, NAN)),
        width=(30.0, Kind(None, "1", -1, 181, NAN)),
    ),
    "regions.by_line": takes(
        regions.by_line,
        photo=(P, Tensor("13HW", values="any")),
        angle=(0.0, Kind(None, "1", -361, 361, NAN)),
        offset=(0.0, Kind(None, "1", -1.1, 1.1, NAN)),
    ),
    "regions.softened": takes(
        regions.softened,
        mask=(MASK, Tensor("11HW", values="picture")),
        soft=(0.5, Kind(None, "1", -0.1, 1.1, NAN)),
    ),
    "regions.by_picture": takes(regions.by_picture, photo=(P, Tensor("13HW", values="any")), picture=(S, PICTURE)),
    "regions.with_seam": takes(
        regions.with_seam, picture=(P, PICTURE), mask=(P[:, :1], Tensor("11HW", values="picture", sized=True))
    ),
    "transport.Transport.__init__": "takes a Cost, whose arguments are checked there",
    "transport.guided_descent": "takes a Cost and what projected_lbfgs takes, where it is checked",
    "transport.Transport.__call__": INTERNAL,
    "transport.BuresWasserstein.__init__": initial(
        transport.BuresWasserstein,
        target=(GRAM[0], Tensor("CC")),
        softness=(1e-3, EPS),
        products=(False, YES_OR_NO - [None]),
    ),
    "transport.BuresWasserstein.__call__": takes(
        transport.BuresWasserstein(GRAM[0].double()), gram=(GRAM[1].double(), ExactFloat(values="any", sized=True))
    ),
    "transport.BuresWasserstein.value_and_gradient": INTERNAL,
    "reconstruct.reconstruction_cost": takes(
        reconstruct.reconstruction_cost,
        net=(NET, network(NET)),
        photo=(P, Tensor("13HW", 2, "picture", torch.float32)),
        layer=("relu2_1", LAYER),
        more=([], MORE),
    ),
    "reconstruct.first_picture": takes(
        reconstruct.first_picture, start=("noise", CHOICE), photo=(P, PICTURE), seed=(0, SEED)
    ),
    "reconstruct.reconstruct": takes(
        reconstruct.reconstruct,
        net=(NET, network(NET, least_bits=32)),
        photo=(P, Tensor("13HW", 2, "picture")),
        layer=("relu2_1", LAYER),
        start=("noise", CHOICE),
        evaluations=(2, WHOLE),
        seed=(0, SEED),
        broad_first=(True, NOT_TRIED),
        more=([], MORE),
    ),
    "colour.match_colours": takes(colour.match_colours, image=(P, PICTURE), reference=(S, PICTURE)),
    "colour.square_root": takes(colour.square_root, matrix=(GRAM[0], Tensor("nn"))),
    "normalization.normalize": takes(
        normalization.normalize,
        x=(MAPS, NOT_TRIED),
        axes=((0, 2, 3), Kind(None, "0", (4,), (-5,), (0.5,), (NAN,), object(), [None], "batch")),
        eps=(1e-5, EPS),
    )
    + takes(lambda x: normalization.normalize(x, ()), x=(MAPS, Tensor(values="any"))),
    "normalization.batch_norm": takes(
        normalization.batch_norm,
        x=(MAPS, Tensor("N4HW", values="any")),
        gamma=(torch.ones(4), FOUR),
        beta=(torch.ones(4), FOUR),
        eps=(1e-5, EPS),
    ),
    "normalization.batch_norm_backward": takes(
        normalization.batch_norm_backward,
        g=(MAPS, Tensor("2456", values="any")),
        x=(MAPS, Tensor("2456", values="any")),
        gamma=(torch.ones(4), FOUR),
        eps=(1e-5, EPS),
    ),
    "normalization.group_norm": takes(normalization.group_norm, x=(MAPS, ANY), groups=(1, GROUPS), eps=(1e-5, EPS)),
    "normalization.split_groups": takes(normalization.split_groups, x=(MAPS, ANY), groups=(1, GROUPS)),
    "normalization.BatchNorm.__init__": initial(
        normalization.BatchNorm,
        channels=(4, number(1, 10**6, whole=True)),
        eps=(1e-5, EPS),
        momentum=(0.1, number(0, 1)),
    ),
    "normalization.BatchNorm.forward": (
        takes(lambda x: normalization.BatchNorm(4)(x), x=(MAPS, ExactFloat("N4HW", values="any")))
        + takes(normalization.BatchNorm(4).eval(), x=(MAPS, ExactFloat("N4HW", values="any")))
    ),
    "normalization.fold": takes(
        lambda **given: normalization.fold(**given).weight, conv=(CONV, FOLDED), norm=(NORM, NORMS)
    ),
    "normalization.Rescaling.restore": takes(
        RESCALING.restore,
        layer=("0", Kind("9", None, 3, "", [], object(), NAN)),
        maps=(MAPS, Tensor("N4HW", values="any")),
    ),
    "normalization.Rescaling.restore_output": takes(
        RESCALING.restore_output, output=(rand(2, 5, 4, 4), Tensor("N5HW", values="any"))
    ),
    "normalization.check_rescalable": "says what is wrong: see test_what_is_no_network_cannot_be_rescaled",
    "normalization.nearest_power_of_two": takes(normalization.nearest_power_of_two, means=(torch.ones(2), POSITIVE)),
    "normalization.normalize_weights": takes(
        lambda **given: list(normalization.normalize_weights(**given).parameters()),
        net=(CHAIN, network(CHAIN)),
        means=(MEANS, table(MEANS, *MEASURED)),
        power_of_two=(False, NOT_TRIED),
        picture=(None, TRIED_ON),
    ),
    "homogeneity.scale_flow": takes(homogeneity.scale_flow, net=(CHAIN, network(CHAIN, computes=False))),
    "homogeneity.drops": INTERNAL,
    "means.MeanActivations.__add__": ADDED,
    "means.MeanActivations.save": FILES,
    "means.MeanActivations.load": FILES,
    "means.mean_activations": passes(means.mean_activations),
    "means.measure": passes(means.measure),
    "top.TopActivations.__add__": ADDED,
    "top.TopActivations.save": FILES,
    "top.TopActivations.load": FILES,
    "top.top_activations": passes(top.top_activations, **MINED),
    "top.search": passes(top.search, **MINED),
    "receptive.Box.clip": takes(BOX.clip, height=(4, WHOLE), width=(4, WHOLE)),
    "receptive.Box.share_outside": takes(BOX.share_outside, height=(4, WHOLE), width=(4, WHOLE)),
    "receptive.receptive_field": with_layer(receptive.receptive_field),
    "receptive.patch_box": with_layer(receptive.patch_box, y=(0, AXIS), x=(0, AXIS)),
    "receptive.map_size": with_layer(
        receptive.map_size, height=(32, number(0, 2**63, whole=True)), width=(32, number(0, 2**63, whole=True))
    ),
    "receptive.check_box": takes(receptive.check_box, box=(BOX, BOXES)),
    "receptive.cut": takes(receptive.cut, image=(P, ANY), box=(BOX, BOXES), padding=(1.0, number())),
    "receptive.chain": takes(receptive.chain, net=(NET, network(NET, computes=False)), layer=("relu1_1", LAYER)),
    "receptive.geometry": takes(
        receptive.geometry,
        module=(CONV, Kind(None, 3, "conv", nn.Linear(3, 3), nn.Conv2d, nn.Conv2d(3, 3, 3, dilation=2), object())),
    ),
    "deconvnet.project": takes(
        deconvnet.project,
        net=(NET, network(NET)),
        image=(P, SEEN),
        layer=("relu2_1", LAYER),
        channel=(1, UNIT),
        position=((0, 0), PLACE),
        backward_rule=("deconvnet", CHOICE),
        start=(None, number(also=[None])),
    ),
    "deconvnet.step_back": takes(
        deconvnet.step_back,
        signal=(MAPS, ExactFloat("NCHW", values="any", sized=True)),
        module=(
            CONV,
            Kind(None, 3, "conv", nn.Conv2d, nn.Linear(4, 4), nn.Conv2d(3, 4, 3), nn.Conv2d(4, 4, 3), object()),
        ),
        before=(MAPS[:1], ExactFloat("1CHW", values="any", sized=True)),
        backward_rule=("deconvnet", CHOICE),
    )
    + takes(
        deconvnet.step_back,
        signal=(MAPS[:, :, :2, :3], ExactFloat("NCHW", values="any")),
        module=(nn.MaxPool2d(2), Kind(None, nn.AvgPool2d(2), nn.MaxPool2d(3, 2), nn.MaxPool2d(3), CONV)),
        before=(MAPS[:1], Some("1CHW", values="any", dtype=torch.float32)),
        switches=(
            F.max_pool2d(MAPS[:1], 2, return_indices=True)[1],
            Kind(None, 3, "max", [], MAPS, torch.zeros(1, 4, 2, 3), torch.full((1, 4, 2, 3), 30), object()),
        ),
    ),
    "deconvnet.occlusion_map": takes(
        deconvnet.occlusion_map,
        net=(NET, network(NET)),
        image=(P, Tensor("13HW", 8, dtype=torch.float32)),
        layer=("relu2_1", LAYER),
        channel=(1, UNIT + ([0, 1],)),
        position=((0, 0), PLACE + ([(0, 0), (1, 1)],)),
        size=(8, SIZE),
        stride=(8, SIZE),
        batch_size=(16, SIZE),
    ),
    "winograd.saves_time": INTERNAL,
    "winograd.prepared": INTERNAL,
    "winograd.along_both": INTERNAL,
    "winograd.is_wide": "answers for any object",
    "winograd.fewer_multiplications": takes(
        winograd.fewer_multiplications,
        net=(NET, Kind(None, 3, "vgg19", vgg.VGG, NET.state_dict(), object())),
        last=("relu1_1", LAYER - [None]),
    ),
    "winograd.WinogradConv2d.__init__": initial(
        winograd.WinogradConv2d, layer=(CONV, CONVOLUTION), tile=((4, 4), TILE)
    ),
    "winograd.WinogradConv2d.forward": takes(
        winograd.WinogradConv2d(CONV), maps=(MAPS, ExactFloat("N4HW", values="any"))
    ),
    **dict.fromkeys(
        ("winograd.WinogradConv2d." + name for name in ("extra_repr", "matrices", "strips", "convolve", "transposed")),
        INTERNAL,
    ),
    "plots.gallery": takes(
        plots.gallery,
        pictures=({"a": P}, table({"a": P}, None, 3, rand(3, 3))),
        columns=(None, Kind(-1, 0.5, "2", NAN, 1j)),
        height=(1, HEIGHT),
    )
    + takes(lambda pictures: plots.gallery({"a": pictures}), pictures=(P, SHOWN)),
    "plots.loss_curves": takes(
        plots.loss_curves,
        runs=({"a": [(1, LOSSES)]}, table({"a": 1}, None, 3, "ab", [], {}, [3], [(1, 2)], [(1, {})])),
        terms=(None, Kind(3, ["losses"], "total")),
        title=(None, NOT_TRIED),
        top=(None, Kind("x", NAN, [], object())),
    ),
    "plots.magnifier": takes(
        plots.magnifier,
        image=(P, Tensor("13HW", 8)),
        channel=(0, number(0, 2, whole=True)),
        row=(0.5, number(0, 1)),
        column=(0.5, number(0, 1)),
        window=(8, number(1, 16, whole=True)),
    ),
    "plots.feature_maps": takes(
        plots.feature_maps,
        features=({"a": MAPS}, table({"a": MAPS}, None, 3, rand(3, 3), MAPS * NAN)),
        count=(2, number(1, 4, whole=True)),
        height=(1, HEIGHT),
    )
    + takes(lambda features: plots.feature_maps({"a": features}, 1), features=(MAPS, Tensor("NCHW"))),
    "plots.around_grey": takes(plots.around_grey, projections=(P, Tensor("NCHW")), share=(0.99, number(0, 1))),
    "plots.tile": takes(
        plots.tile,
        image=(P, Tensor("1CHW")),
        box=(BOX, BOXES),
        side=(8, number(1, 10**4, whole=True)),
        finish=(lambda patch: patch, NOT_TRIED),
    ),
    "plots.mosaic": (
        takes(plots.mosaic, tiles=([P], TILES), columns=(1, WHOLE), gap=(2, number(0, 10**4, whole=True)))
        + takes(lambda tiles: plots.mosaic([tiles] * 2, 2), tiles=(P, SHOWN))
    ),
    "plots.boxes_on_photo": takes(
        plots.boxes_on_photo, image=(P, SHOWN), boxes=({"a": BOX}, table({"a": BOX}, *BOXES.bad)), height=(1, HEIGHT)
    ),
    "plots.score_map": takes(
        plots.score_map,
        image=(P, SHOWN),
        occlusions=({"a": OCCLUSION}, table({"a": 1}, None, 3, "a", rand(2, 2))),
        box=(BOX, BOXES),
        height=(1, HEIGHT),
    ),
    "plots.labelled_curves": takes(
        plots.labelled_curves,
        curves=({"a": [1, 2]}, table({"a": 1}, None, 3, [], [1], [1, 2, 3], "ab", ["a", 1], object())),
        labels=(["x", "y"], Kind(None, 3, [], ["x"], object())),
        height=(1, HEIGHT),
        logarithmic=(False, NOT_TRIED),
        xlabel=(None, NOT_TRIED),
        ylabel=(None, NOT_TRIED),
    ),
    "checkpoint.Checkpoint.__init__": initial(
        checkpoint.Checkpoint,
        path=("a.state", Kind(None, 3, [], object(), b"x", NAN)),
        every=(30.0, EPS),
        resume=(False, NOT_TRIED),
        say=(None, NOT_TRIED),
    ),
    **dict.fromkeys(("checkpoint.Checkpoint." + name for name in ("tile", "begin", "offer", "write", "remove")), FILES),
    **dict.fromkeys(("checkpoint." + name for name in ("run_of", "arithmetic", "fingerprint", "aloud")), INTERNAL),
}


def functions():
    """{name: function}: the public functions and methods that the modules define."""
    found = {}
    for module in MODULES:
        place = module.__name__.removeprefix("course_utils.")
        for name, value in vars(module).items():
            if name.startswith("_") or getattr(value, "__module__", None) != module.__name__:
                continue
            if inspect.isfunction(value):
                found[f"{place}.{name}"] = value
            elif inspect.isclass(value) and not issubclass(value, BaseException):
                own = {
                    part: method
                    for part, method in vars(value).items()
                    if not part.startswith("_") or part in ("__init__", "__call__", "__add__")
                }
                own = {part: inspect.unwrap(getattr(method, "__func__", method)) for part, method in own.items()}
                found |= {
                    f"{place}.{name}.{part}": method
                    for part, method in own.items()
                    # not a dataclass's
                    if inspect.isfunction(method) and method.__code__.co_filename == module.__file__
                }
    return found


SLOTS = [
    (f"{function} {number} {name}", kind, good, call)
    for function, slots in TABLE.items()
    if not isinstance(slots, str)
    for number, (name, kind, good, call) in enumerate(slots)
    if kind is not NOT_TRIED
]
TENSORS = [slot for slot in SLOTS if isinstance(slot[1], Tensor)]


def test_every_function_and_argument_has_an_entry():
    found = functions()
    assert sorted(found) == sorted(TABLE)
    for name, slots in TABLE.items():
        if not isinstance(slots, str):
            assert {argument for argument, *_ in slots} == set(inspect.signature(found[name]).parameters) - {"self"}, (
                name
            )


# --- the trials ----------------------------------------------------------------------------------------------------

# as others, or no more than a file and figures
REFUSED, SLOW = object(), ("vgg.vgg19", "plots", "transfer.transfer", "means.mean_act", "top.top")


def outcome(call, value):
    """The result, or REFUSED where an error of the course refused the value with one sentence."""
    try:
        return call(value)
    except COURSE as error:
        message, place = str(error), traceback.extract_tb(error.__traceback__)[-1].filename
        assert Path(place).is_relative_to(PACKAGE), f"{type(error).__name__} of another package: {message}"
        assert message.endswith(".") and "\n" not in message and 10 < len(message) < 600, message
        return REFUSED
    except RuntimeError as error:
        if "not implemented for" in str(error) and isinstance(value, torch.Tensor) and value.element_size() == 2:
            return REFUSED  # by torch: not every version of it computes with 16 bits on every processor
        raise


def tensors_of(result):
    """Every tensor of floating-point numbers in a result."""
    if isinstance(result, torch.Tensor):
        return [result] if result.is_floating_point() else []
    if isinstance(result, (dict, list, tuple)):
        parts = result.values() if isinstance(result, dict) else result
    else:
        parts = (
            vars(result).values()
            if type(result).__module__.startswith("course_utils") and not isinstance(result, nn.Module)
            else ()
        )
    return [tensor for part in parts for tensor in tensors_of(part)]


@pytest.mark.parametrize(
    "name, kind, good, call",
    [pytest.param(*slot, id=slot[0], marks=[pytest.mark.long] * slot[0].startswith(SLOW)) for slot in SLOTS],
)
def test_bad_values_are_refused(name, kind, good, call, tally):
    assert outcome(call, good) is not REFUSED
    for value in kind.bad:
        assert outcome(call, value) is REFUSED, f"{value!r:.60} was taken"
    tally("bad values of arguments", len(kind.bad))


@strategies.composite
def tensors(draw):
    """Any tensor: mostly near a good one, in one way or in several not like it."""
    shape = draw(
        strategies.sampled_from(
            [
                (1, 3, 16, 18),
                (1, 3, 16, 18),
                (2, 4, 5, 6),
                (2, 4, 4),
                (4, 4),
                (4,),
                (2, 5, 4, 4),
                (1, 3, 32, 33),
                (1, 3, 15, 40),
                (1, 3, 1, 1),
                (3, 16, 16),
                (2, 3, 16, 18),
                (1, 1, 16, 16),
                (1, 4, 16, 16),
                (1, 1, 3, 16, 16),
                (0, 3, 16, 16),
                (1, 3, 0, 16),
                (),
                (0,),
            ]
        )
        | strategies.lists(strategies.integers(0, 5), max_size=5).map(tuple)
    )
    dtype = draw(
        strategies.sampled_from(
            [
                *[torch.float32] * 8,
                torch.float16,
                torch.bfloat16,
                torch.float64,
                torch.uint8,
                torch.int64,
                torch.bool,
                torch.complex64,
                torch.float8_e5m2,
            ]
        )
    )
    fill = draw(strategies.sampled_from([None] * 8 + [NAN, INF, -INF, -0.1, 1.1, 255.0, 0.0, 1.0, 1e30]))
    form = draw(
        strategies.sampled_from(
            ["plain"] * 4
            + ["transposed", "flipped", "expanded", "grad", "graph", "inference", "meta", "sparse", "parameter"]
        )
    )
    value = rand(*shape, seed=draw(strategies.integers(0, 3)))
    if fill is not None:
        where = draw(strategies.sampled_from(["one", "all"]))
        value.view(-1)[: 1 if where == "one" else None] = fill
    value = value.to(dtype)
    if form == "sparse" and value.ndim and dtype != torch.float8_e5m2:
        return value.to_sparse()
    if form == "expanded" and value.ndim and value.shape[0] == 1:
        return value[:1].expand(draw(strategies.integers(1, 2)), *value.shape[1:])
    if form in ("grad", "graph") and value.is_floating_point():
        return value.requires_grad_() if form == "grad" else value.requires_grad_().clone()
    if form == "inference":
        with torch.inference_mode():
            return value.clone()
    if form == "parameter" and value.is_floating_point():
        return nn.Parameter(value)
    return {
        "transposed": lambda: value.mT.contiguous().mT if value.ndim > 1 else value,
        "meta": lambda: value.to("meta"),
        "flipped": lambda: value[..., ::2] if value.ndim and value.shape[-1] > 30 else value,
    }.get(form, lambda: value)()


def try_tensor(slot, value):
    name, kind, good, call = slot
    result = outcome(call, value)
    if kind.takes(value, good) is False:
        assert result is REFUSED, f"{name} took {value.dtype} {tuple(value.shape)}"
    elif result is not REFUSED and kind.values != "any" and value.element_size() > 2:
        assert all(tensor.isfinite().all() for tensor in tensors_of(result)), name


def hypothesis_of(examples):
    return settings(max_examples=examples, deadline=None, derandomize=True, database=None)


@pytest.mark.long
@hypothesis_of(300)
@given(strategies.sampled_from(TENSORS), tensors())
def test_random_tensors(tally, slot, value):
    try_tensor(slot, value)
    tally("random tensors")


@pytest.mark.long
@pytest.mark.parametrize("slot", TENSORS, ids=[slot[0] for slot in TENSORS])
def test_many_random_tensors(slot, tally):
    @hypothesis_of(60)
    @given(tensors())
    def each(value):
        try_tensor(slot, value)
        tally("random tensors")

    each()


DIFFERENTIABLE = (
    *("losses.", "vgg.", "normalization.", "transport.", "colour.", "winograd.", "cost.", "receptive.cut"),
    "regions.guided_gram",
)
FORMS = {
    "transposed": lambda x: x.mT.contiguous().mT if x.ndim > 1 else x,
    "channels last": lambda x: x.contiguous(memory_format=torch.channels_last) if x.ndim == 4 else x,
    "leaf": lambda x: x.clone().requires_grad_(),
    "graph": lambda x: x.clone().requires_grad_() * 1,
    "parameter": lambda x: nn.Parameter(x.clone()),
    "detached view": lambda x: torch.cat([x, x])[: len(x)],
    "float64": torch.Tensor.double,
}


@pytest.mark.parametrize(
    "name, kind, good, call",
    [pytest.param(*slot, id=slot[0], marks=[pytest.mark.long] * slot[0].startswith(SLOW)) for slot in TENSORS],
)
def test_unusual_tensors_give_the_same(name, kind, good, call, tally):
    """However a good tensor lies in memory, and whether it carries a graph: the same result, and nothing kept carries
    one.
    """
    expected = tensors_of(outcome(call, good))
    for form, change in FORMS.items():
        value = change(good)
        if not kind.takes(value, good):
            continue
        found = tensors_of(outcome(call, value))
        assert len(found) == len(expected), form
        for a, b in zip(found, expected):
            assert torch.allclose(
                a.detach().double(), b.detach().double(), rtol=1e-3, atol=1e-3 * b.detach().abs().max().item()
            ), form
            assert not a.requires_grad or name.startswith(DIFFERENTIABLE), f"{form}: the graph is kept"
        tally("good tensors of an unusual form")


# --- networks that are not what they seem ---------------------------------------------------------------------------


class Own(nn.Module):
    """Two convolutions and a forward pass that is a function of them and a picture."""

    def __init__(self, way):
        super().__init__()
        self.first, self.second, self.way = nn.Conv2d(3, 4, 3), nn.Conv2d(4, 5, 3), way

    def forward(self, x):
        return self.way(self.first, self.second, x).relu()


@fx.wrap
def leaky_relu(x):
    """Not what its name says."""
    return x.tanh()


def changed(change):
    chain = copy.deepcopy(CHAIN)
    change(chain)
    return chain


def patched(place, way):
    return changed(lambda chain: setattr(chain[place], "forward", way(chain[place])))


def compiled(net):
    wrapper = nn.Module()
    wrapper._orig_mod = net  # as torch.compile makes it
    return wrapper


def normalized(net, **options):
    names = [name for name, module in net.named_modules() if isinstance(module, nn.Conv2d)]
    return normalization.normalize_weights(net, dict(zip(names, MEANS.values())), **options)


@pytest.mark.parametrize(
    "net, message",
    [
        (patched(1, lambda relu: torch.sigmoid), "another output"),
        (patched(1, lambda relu: lambda x: x.clamp(0, 6)), "another output"),
        (patched(3, lambda relu: lambda x: x.relu() + 1), "another output"),
        (
            patched(2, lambda conv: lambda x: F.conv2d(x, conv.weight, conv.bias, padding=1).abs().sqrt()),
            "another output",
        ),
        (Own(lambda a, b, x: b(leaky_relu(a(x)))), "another output"),
        (Own(lambda a, b, x: b(F.dropout(a(x).relu()))), "at random"),
        (Own(lambda a, b, x: b(F.dropout2d(a(x).relu(), 0.5, True))), "at random"),
        (Own(lambda a, b, x: b(torch.add(input=a(x).relu(), other=1.0))), "adds a constant"),
        (Own(lambda a, b, x: b(torch.mul(input=a(x).relu(), other=x))), "plain number"),
        (compiled(CHAIN), r"give its attribute \._orig_mod"),
        (nn.DataParallel(CHAIN), r"give its attribute \.module"),
        (nn.Sequential(nn.DataParallel(CHAIN[0]), nn.ReLU()), "Layer '0' is wrapped"),
        (
            nn.Sequential(CHAIN[0], nn.ReLU(), nn.Conv2d(4, 5, 3), nn.ReLU(), nn.Flatten(), nn.Linear(5 * 3 * 9, 2)),
            "give as `picture`",
        ),
    ],
)
def test_what_cannot_be_rescaled_is_noticed(net, message, tally):
    with pytest.raises(normalization.NormalizationError, match=message) as caught:
        normalized(net)
    assert str(caught.value).endswith(".") and "\n" not in str(caught.value)
    tally("networks that are not what they seem")


def test_what_only_looks_odd_is_rescaled(tally):
    odd = (
        patched(1, lambda relu: lambda x: x.clamp(min=0)),
        Own(lambda a, b, x: b(torch.mul(input=a(x).relu(), other=2.0))),
        Own(lambda a, b, x: b(torch.add(input=(y := a(x).relu()), other=y))),
        Own(lambda a, b, x: b(F.dropout(a(x).relu(), training=False))),
    )
    for net in odd:
        new = normalized(net)
        assert torch.allclose(new.rescaling.restore_output(new(P)), net(P), rtol=1e-3, atol=1e-3)
    flat = nn.Sequential(*copy.deepcopy(CHAIN), nn.Flatten(), nn.Linear(5 * 16 * 18, 2))
    assert torch.allclose(normalized(flat, picture=P)(P), flat(P), rtol=1e-3, atol=1e-3)
    tally("networks that are not what they seem", len(odd) + 1)


def test_a_global_hook_is_noticed():
    hook = nn.modules.module.register_module_forward_hook(
        lambda module, given, found: found.tanh() if isinstance(module, nn.ReLU) else None
    )
    try:
        with pytest.raises(normalization.NormalizationError, match="another output"):
            normalized(CHAIN)
    finally:
        hook.remove()
    assert normalized(CHAIN)


def test_powers_of_two_are_exact_or_refused():
    with pytest.raises(normalization.NormalizationError, match=r"convert the network with \.float\(\)"):
        normalized(copy.deepcopy(CHAIN).half(), power_of_two=True)
    tiny = {"0": torch.full((4,), 2.0**-100, dtype=torch.float64), "2": torch.full((5,), 2.0**45, dtype=torch.float64)}
    with pytest.raises(normalization.NormalizationError, match="leaves the range of torch.float32"):
        normalization.normalize_weights(CHAIN, tiny, power_of_two=True)


@pytest.mark.parametrize(
    "net",
    [None, 3, "vgg19", CHAIN.state_dict(), nn.Linear, nn.DataParallel(CHAIN), compiled(CHAIN)],
    ids=lambda value: type(value).__name__,
)
def test_what_is_no_network_cannot_be_rescaled(net):
    sentence = normalization.check_rescalable(net)
    assert sentence.endswith(".") and "\n" not in sentence


@pytest.mark.long
@pytest.mark.filterwarnings("ignore:.torch.jit:FutureWarning", "ignore:.torch.jit:DeprecationWarning")
def test_what_torch_makes_of_a_network():
    for made in (
        torch.jit.script(CHAIN),
        torch.jit.trace(CHAIN, P),
        nn.Sequential(torch.jit.script(CHAIN[0]), nn.ReLU()),
    ):
        assert "made by torch.jit" in normalization.check_rescalable(made)
    assert "_orig_mod" in normalization.check_rescalable(torch.compile(CHAIN))


def test_the_scales_carry_no_graph():
    kept = normalization.normalize_weights(CHAIN, {name: mean.clone().requires_grad_() for name, mean in MEANS.items()})
    assert not any(scale.requires_grad for scale in kept.rescaling.scales.values())


def test_functional_dropout_gives_no_means():
    net = Own(lambda a, b, x: b(F.dropout(a(x)).relu()))
    with pytest.raises(dataset.StatisticsError, match="training=self.training"):
        means.mean_activations(net.eval(), [P], progress=False)


def test_fold_without_an_affine_map():
    norm = nn.BatchNorm2d(4, affine=False).eval()
    norm.running_mean, norm.running_var = rand(4), rand(4) + 0.5
    assert torch.allclose(normalization.fold(CONV, norm)(MAPS), norm(CONV(MAPS)), rtol=1e-4, atol=1e-5)


def test_weights_that_squares_cannot_hold(net):
    """Products of weights may still be too large: the first evaluation says so, and no descent goes on without
    curvature.
    """
    with pytest.raises(transfer.TransferError, match="After 0 evaluations.*lower the weights"):
        list(transfer.descend(P, S, net=net, style_weight=1e8, style_layers={"relu1_1": 1e8, "relu2_1": 1e8}))
