"""What of a notebook an answer needs: its statements, those that define what they use, and so on.

The rest of the notebook is not run. So an answer is judged without the lesson's minutes of computing, and a cell that
fails elsewhere costs nothing here.
"""

import ast
import builtins
import symtable
from dataclasses import dataclass

from IPython.core.inputtransformer2 import TransformerManager

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
WHOLE = (*FUNCTIONS, ast.ClassDef, ast.Import, ast.ImportFrom, ast.Assign)


@dataclass(frozen=True)
class Statement:
    """A statement of a notebook's top level."""

    source: str
    cell: int  # the number of its cell
    binds: frozenset  # names to which it gives a value, or a part of a value
    parts: frozenset  # of these, the names of which only a part gets a value
    whole: bool  # whether the values that these names had before are lost, whatever happens
    calls: frozenset  # names of which it calls a method and does not take the result: it may change their value
    imports: frozenset  # names that it imports
    uses: frozenset  # names whose value it reads
    inside: frozenset  # names whose value its functions read, when they are called
    everything: bool  # an import with a star, which may bind any name


def statements(sources):
    """(the statements of all cells, {number of a cell: SyntaxError}); a cell that cannot be read has no statements."""
    found, errors = [], {}
    for number, source in enumerate(sources):
        try:
            body = ast.parse(TransformerManager().transform_cell(source)).body
            found += [statement(node, number) for node in body]
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:  # a null byte, brackets without end
            errors[number] = error if isinstance(error, SyntaxError) else SyntaxError(str(error))
    return found, errors


def needed(found, name, last):
    """The statements that the name needs, in the order of the notebook.

    Args:
        found: the notebook's statements.
        name: of the answer.
        last: number of the cell up to which the notebook is read. What is not defined there is looked up behind it.
    """
    imported = frozenset().union(*(one.imports for one in found))
    end = sum(one.cell <= last for one in found)
    chosen, asked, waiting = set(), set(), [(name, end)]
    while waiting:
        wanted, place = waiting.pop()
        if (wanted, place) in asked:
            continue
        asked.add((wanted, place))
        for number in _sources(found, wanted, place, imported):
            chosen.add(number)
            waiting += [(used, number) for used in found[number].uses | found[number].inside]
            waiting += [(used, max(place, number + 1)) for used in found[number].inside]
    return [found[number] for number in sorted(chosen)]


def _sources(found, wanted, place, imported):
    """The numbers of the statements from which a name has its value before the statement with the number `place`."""
    numbers = []
    for number in range(place - 1, -1, -1):
        one = found[number]
        if one.everything or wanted in one.binds or wanted in one.calls - imported:
            numbers.append(number)
        if wanted in one.binds - one.parts and one.whole:
            return numbers
    if any(wanted in found[number].binds for number in numbers) or hasattr(builtins, wanted):
        return numbers
    behind = [number for number in range(place, len(found)) if wanted in found[number].binds]
    functions = [number for number in behind if found[number].source.startswith(("def ", "class ", "@"))]
    return numbers + (functions or behind)[:1]


def statement(node, cell):
    """The `Statement` of a node of the syntax tree."""
    source = ast.unparse(node)
    table = symtable.symtable(source, "cell", "exec")
    symbols = [(symbol.get_name(), symbol) for symbol in table.get_symbols()]
    imports = {name for name, symbol in symbols if symbol.is_imported()} - {"*"}
    parts, calls = _changed(node)
    return Statement(
        source,
        cell,
        frozenset({name for name, symbol in symbols if symbol.is_assigned()} | imports | parts),
        frozenset(parts),
        isinstance(node, WHOLE),
        frozenset(calls),
        frozenset(imports),
        frozenset({name for name, symbol in symbols if symbol.is_referenced()}),
        frozenset(_read_inside(table)),
        isinstance(node, ast.ImportFrom) and any(alias.name == "*" for alias in node.names),
    )


def _read_inside(table):
    """The global names that the functions and classes in a table read."""
    found = set()
    for inner in table.get_children():
        found |= {symbol.get_name() for symbol in inner.get_symbols() if symbol.is_global() and symbol.is_referenced()}
        found |= _read_inside(inner)
    return found


def _changed(node):
    """Names of which a part gets a value (x[0] = 1, x.y = 1), and names of which a method is called (x.append(1))."""
    parts, calls = set(), set()
    nodes = [node]
    while nodes:
        node = nodes.pop()
        if isinstance(node, (ast.Subscript, ast.Attribute)) and not isinstance(node.ctx, ast.Load):
            parts |= _base(node)
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
            calls |= _base(node.value.func)
        if not isinstance(node, (*FUNCTIONS, ast.ClassDef, ast.Lambda)):
            nodes += ast.iter_child_nodes(node)
    return parts, calls


def _base(target):
    """{x} of x[0] or x.y.z, and nothing for a name alone."""
    inside = False
    while isinstance(target, (ast.Subscript, ast.Attribute)):
        target, inside = target.value, True
    return {target.id} if inside and isinstance(target, ast.Name) else set()
