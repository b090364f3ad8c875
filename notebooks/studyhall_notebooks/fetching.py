"""Which cells of a notebook fetch something over the network, by their text: where a submission runs there is none."""

import ast
import re
import warnings

from nbformat.notebooknode import NotebookNode

_COMMAND = re.compile(r"^[^\S\n]*[!%]{1,2}[^\S\n]*(?:wget|curl|gdown|git\s+clone)\b", re.MULTILINE)
_READERS = frozenset(
    {
        "read_csv",
        "read_excel",
        "read_feather",
        "read_html",
        "read_json",
        "read_parquet",
        "read_table",
        "read_xml",
    }
    | {"genfromtxt", "loadtxt", "open_dataset", "urlopen", "urlretrieve"}
)
"""What takes an address in the place of a file's name."""
_REQUESTS = frozenset({"requests", "httpx"})
_METHODS = frozenset({"get", "post", "request"})
_DATASETS = frozenset({"fetch_20newsgroups", "fetch_california_housing", "fetch_openml", "load_dataset"})
"""What fetches a data set whatever it is given."""


def fetching_cells(notebook: NotebookNode) -> list[int]:
    """Return the places of code cells with a call or a command that fetches something."""
    trees = {
        index: _tree_of(cell.source) for index, cell in enumerate(notebook.cells) if cell.cell_type == "code"
    }
    addresses = {name for tree in trees.values() for name in _named_addresses(tree)}
    return [
        index
        for index, tree in trees.items()
        if _COMMAND.search(notebook.cells[index].source)
        or any(isinstance(node, ast.Call) and _fetches(node, addresses) for node in ast.walk(tree))
    ]


def _tree_of(source: str) -> ast.Module:
    plain = "\n".join(
        "" if line.lstrip().startswith(("%", "!", "?")) else line for line in source.split("\n")
    )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(plain)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ast.Module([], [])


def _named_addresses(tree: ast.Module) -> list[str]:
    return [
        target.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and _is_address(node.value, set())
        for target in node.targets
        if isinstance(target, ast.Name)
    ]


def _is_address(node: ast.expr, addresses: set[str]) -> bool:
    match node:
        case ast.Constant(value=str(text)):
            return text.startswith(("http://", "https://", "ftp://"))
        case ast.Name(id=name):
            return name in addresses
        case ast.BinOp(left=first, op=ast.Add()):
            return _is_address(first, addresses)
        case ast.JoinedStr(values=[ast.FormattedValue(value=first), *_]) | ast.JoinedStr(values=[first, *_]):
            return _is_address(first, addresses)
    return False


def _fetches(call: ast.Call, addresses: set[str]) -> bool:
    match call.func:
        case ast.Attribute(value=ast.Name(id=module), attr=name) if module in _REQUESTS:
            return name in _METHODS
        case ast.Attribute(attr=name) | ast.Name(id=name):
            given = call.args[:1] or [one.value for one in call.keywords[:1]]
            return name in _DATASETS or (
                name in _READERS and any(_is_address(one, addresses) for one in given)
            )
    return False
