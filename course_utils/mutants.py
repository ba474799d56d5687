"""Mutants: copies of a function with one small mistake each. A good check refuses every one that is not equivalent.

An operator takes a node of the abstract syntax, and gives the nodes that a slip could have put in its place. Steps are
put before the first line, and stand for a kind of input that a function cannot take: negative, large or tiny values,
one channel, float64.
"""

import ast
import copy
import difflib
import re
from typing import NamedTuple

import torch

TARGETS = re.compile(r"(^|/ |for |without )\(([\w, ]+)\)(?= =| in )")  # Python 3.10 puts brackets around several names


class Mutant(NamedTuple):
    """A function with one mistake: its whole source, and the lines that are new, with the number of the first one."""

    source: str
    line: str


def mutants(source, steps=()):
    """All different mutants of a function's source, each with one change.

    Args:
        source: of one function, without a docstring.
        steps: statements; each of them makes a mutant that begins with it.
    Raises:
        SyntaxError: the source or a step is no Python.
    """
    tree = ast.parse(source)
    original, seen, found = ast.unparse(tree), {ast.dump(tree)}, []
    for mutant in (*_changed(tree), *(_begun(tree, step) for step in steps)):
        if ast.dump(mutant) not in seen:
            seen.add(ast.dump(mutant))
            made = ast.unparse(mutant)
            found.append(Mutant(made, _new_lines(original, made)))
    return found


def steps(name, value, differentiable):
    """Expressions that change an argument which a function should take as it is.

    Args:
        name: of the argument.
        value: an example of the argument; a tensor, a number, or a list or dictionary of these.
        differentiable: whether a gradient with respect to the argument is asked for.
    """
    if isinstance(value, dict) and value:
        inner = steps("each", next(iter(value.values())), differentiable)
        return [f"{{key: {step} for key, each in {name}.items()}}" for step in inner]
    if isinstance(value, list) and value:
        return [f"[{step} for each in {name}]" for step in steps("each", value[0], differentiable)]
    if isinstance(value, float):
        return [f"abs({name})"]
    if not isinstance(value, torch.Tensor) or not value.is_floating_point():
        return []
    chosen = (*STEPS, *["{0}.squeeze()"] * (value.ndim > 2), *["{0}.detach()"] * differentiable)
    return [step.format(name) for step in chosen]


STEPS = (
    *("abs({0})", "{0}.relu()"),  # of a negative value
    *("{0}.clamp(-8, 8)", "{0} * (abs({0}) > 0.001)", "{0} + 1e-05"),  # of a large or a tiny one
    "{0}.float()",
)


def _changed(tree):
    """The tree with one node changed, for all nodes and operators."""
    for old in ast.walk(tree):
        for operator in OPERATORS:
            for new in operator(old):
                memo = {}
                copied = copy.deepcopy(tree, memo)
                yield ast.fix_missing_locations(_Put(memo[id(old)], copy.deepcopy(new)).visit(copied))


def _begun(tree, step):
    """The tree with one more statement before the first of its function."""
    begun = copy.deepcopy(tree)
    begun.body[0].body[:0] = ast.parse(step).body
    return begun


def _new_lines(before, after):
    """The lines that only `after` has, or else those that it lacks, with the number of the first one."""
    old, new = before.splitlines(), after.splitlines()
    first = next((n for n, both in enumerate(zip(old, new)) if both[0] != both[1]), min(len(old), len(new)))
    lines = list(difflib.ndiff(old, new))
    added, gone = ([line[2:].strip() for line in lines if line.startswith(sign)] for sign in ("+ ", "- "))
    text = " / ".join(added) or f"without {' / '.join(gone)}"
    return f"{first + 1}: " + TARGETS.sub(r"\1\2", text)


class _Put(ast.NodeTransformer):
    """Puts one node in the place of another."""

    def __init__(self, old, new):
        self.old, self.new = old, new

    def visit(self, node):
        return self.new if node is self.old else self.generic_visit(node)


def _with(node, **fields):
    """A copy of a node with other fields."""
    other = copy.copy(node)
    for name, value in fields.items():
        setattr(other, name, value)
    return other


def _exchanged(entries):
    """The list with two neighbours exchanged, for every pair of neighbours."""
    for n in range(len(entries) - 1):
        yield [*entries[:n], entries[n + 1], entries[n], *entries[n + 2 :]]


def _shortened(entries):
    """The list without one of its entries, for each of them."""
    for n in range(len(entries)):
        yield entries[:n] + entries[n + 1 :]


def _root(node):
    """The first name of a dotted one: 'torch' of torch.fft.fft2; '' where it does not begin with a name."""
    while isinstance(node, ast.Attribute):
        node = node.value
    return node.id if isinstance(node, ast.Name) else ""


# --- the operators ----------------------------------------------------------------------------------------------

COMPARISONS = (ast.Lt, ast.LtE, ast.Gt, ast.GtE, ast.Eq, ast.NotEq)
ARITHMETIC = (ast.Add, ast.Sub, ast.Mult, ast.Div, ast.FloorDiv, ast.Mod, ast.Pow)
ORDERED = (ast.Sub, ast.Div, ast.FloorDiv, ast.Mod, ast.Pow, ast.MatMult)  # a ∘ b is not b ∘ a
MODULES = ("torch", "nnf", "math", "np")
PAIRS = (
    *("sum mean", "min max", "amin amax", "argmin argmax", "relu abs", "floor ceil", "round floor", "round trunc"),
    *("var std", "log2 log", "exp2 exp", "square sqrt", "square abs", "ones_like zeros_like", "cat stack"),
    *("fft2 ifft2", "fft2 fft", "ifft2 ifft", "real imag", "fftfreq rfftfreq", "hypot add", "hypot maximum"),
    *("flip roll", "topk sort", "max_pool2d avg_pool2d", "conv2d conv_transpose2d", "flatten squeeze"),
    *("permute reshape", "reshape expand", "transpose flip"),
)
NEIGHBOURS = {
    name: [other for pair in map(str.split, PAIRS) if name in pair for other in pair if other != name]
    for name in " ".join(PAIRS).split()
}


def comparisons(node):
    """Another comparison: < becomes ≤, ==, …"""
    if isinstance(node, ast.Compare):
        for n, operator in enumerate(node.ops):
            for other in COMPARISONS:
                yield _with(node, ops=[*node.ops[:n], other(), *node.ops[n + 1 :]])


def arithmetic(node):
    """Another operation: + becomes −, ·, …; a product of matrices becomes one of numbers."""
    if isinstance(node, (ast.BinOp, ast.AugAssign)):
        for other in ARITHMETIC:
            yield _with(node, op=other())


def constants(node):
    """A number becomes one more, one less, 0, or twice as much; True becomes False."""
    if isinstance(node, ast.Constant) and isinstance(node.value, bool):
        yield ast.Constant(not node.value)
    elif isinstance(node, ast.Constant) and isinstance(node.value, (int, float)):
        for value in (node.value + 1, node.value - 1, 0 * node.value, 2 * node.value):
            yield ast.Constant(value)


def arguments(node):
    """Two neighbours exchange their places, a keyword or the last argument is forgotten."""
    if isinstance(node, ast.Call):
        for args in _exchanged(node.args):
            yield _with(node, args=args)
        for keywords in _shortened(node.keywords):
            yield _with(node, keywords=keywords)
        if node.args:
            yield _with(node, args=node.args[:-1])
    elif isinstance(node, ast.BinOp) and isinstance(node.op, ORDERED):
        yield _with(node, left=node.right, right=node.left)


def statements(node):
    """A statement is forgotten."""
    if isinstance(getattr(node, "body", None), list) and not isinstance(node, ast.Module):
        for body in _shortened(node.body):
            yield _with(node, body=body or [ast.Pass()])


def axes(node):
    """In a tuple or list, as of axes and indices, two neighbours exchange their places, or one is forgotten."""
    if isinstance(node, (ast.Tuple, ast.List)):
        for elts in (*_exchanged(node.elts), *(_shortened(node.elts) if isinstance(node.ctx, ast.Load) else ())):
            yield _with(node, elts=elts)


def neighbours(node):
    """A function or method becomes another one of the same kind."""
    if isinstance(node, ast.Attribute):
        for name in NEIGHBOURS.get(node.attr, ()):
            yield _with(node, attr=name)


def calls(node):
    """A call is forgotten: x.relu() and torch.relu(x) become x."""
    if isinstance(node, ast.Call):
        if isinstance(node.func, ast.Attribute) and _root(node.func) not in MODULES:
            yield node.func.value
        elif node.args:
            yield node.args[0]


def signs(node):
    """A minus or a `not` is forgotten."""
    if isinstance(node, ast.UnaryOp):
        yield node.operand


def logic(node):
    """`and` becomes `or`, and `or` becomes `and`."""
    if isinstance(node, ast.BoolOp):
        yield _with(node, op=ast.And() if isinstance(node.op, ast.Or) else ast.Or())


def slices(node):
    """A slice loses an end, or gets one; numbers at its ends change as other constants do."""
    if isinstance(node, ast.Slice):
        yield _with(node, lower=None if node.lower else ast.Constant(1))
        yield _with(node, upper=None if node.upper else ast.Constant(-1))


def ranges(node):
    """A loop runs backwards."""
    if isinstance(node, (ast.For, ast.comprehension)):
        backwards = ast.Call(ast.Name("list", ast.Load()), [node.iter], [])
        yield _with(node, iter=ast.Call(ast.Name("reversed", ast.Load()), [backwards], []))


OPERATORS = (
    *(comparisons, arithmetic, constants, arguments, statements, axes, neighbours, calls, signs, logic, slices, ranges),
)
