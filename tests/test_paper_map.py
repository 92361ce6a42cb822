"""docs/paper-map.md names functions that exist and run in the workflow, and tests that exist."""

import ast
import re
from pathlib import Path

import pytest

FUNCTION = re.compile(r"`(\w+/\w+)\.py: (\w+)`")
TEST = re.compile(r"`(test_\w+\.py)::(test_\w+)`")


class CallGraph:
    """Which functions, classes and globals of a package the `main` of its programs reach, by name.

    A class counts with all its methods. A global counts where a function that is reached reads it: a table of functions
    reaches what it holds. Names that a function binds itself hide globals of the same name.
    """

    def __init__(self, folder, package):
        self.package = package
        files = [*folder.glob("*.py"), *(folder / package).rglob("*.py")]
        self.trees = {_module(path, folder): ast.parse(path.read_text()) for path in files}
        self.definitions = {module: dict(_definitions(tree)) for module, tree in self.trees.items()}
        self.imports = {module: dict(_imports(tree)) for module, tree in self.trees.items()}
        programs = [_module(path, folder) for path in folder.glob("*.py")]
        self.reached = set()
        todo = [(program, "main") for program in programs]
        # the commands of `emotiw`
        todo += [
            (module, name)
            for module, definitions in self.definitions.items()
            for name, (node, *_) in definitions.items()
            if isinstance(node, ast.FunctionDef) and any("app.command" in ast.unparse(it) for it in node.decorator_list)
        ]
        while todo:
            node = todo.pop()
            if node not in self.reached:
                self.reached.add(node)
                todo += self._references(*node)

    def _references(self, module, name):
        for definition in self.definitions[module].get(name, ()):
            bound = _bound(definition)
            for node in ast.walk(definition):
                chain = _chain(node)
                if chain and chain[0] not in bound and (target := self._resolve(module, chain)):
                    yield target

    def _resolve(self, module, chain):
        """(module, name) of a dotted name of the package that is read in a module."""
        if chain[0] in self.definitions[module]:
            return module, chain[0]
        dotted = ".".join([self.imports[module].get(chain[0], ""), *chain[1:]]).split(".")
        for length in range(len(dotted) - 1, 0, -1):
            if (owner := ".".join(dotted[:length])) in self.trees:
                name = dotted[length]
                return (owner, name) if name in self.definitions[owner] else self._resolve(owner, [name])
        return None


def _module(path, folder):
    return ".".join(path.relative_to(folder).with_suffix("").parts)


def _definitions(tree):
    """Functions, classes and globals by name, each with the syntax trees that define it."""
    definitions = {}
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            definitions.setdefault(node.name, []).append(node)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            for target in targets:
                for name in ast.walk(target):
                    if isinstance(name, ast.Name) and node.value:
                        definitions.setdefault(name.id, []).append(node.value)
    return definitions


def _imports(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                first = alias.name.partition(".")[0]
                yield (alias.asname, alias.name) if alias.asname else (first, first)
        elif isinstance(node, ast.ImportFrom):
            yield from ((alias.asname or alias.name, f"{node.module}.{alias.name}") for alias in node.names)


def _bound(definition):
    """Names that a function binds: its parameters and the targets of its assignments."""
    if not isinstance(definition, ast.FunctionDef):
        return set()
    stored = {n.id for n in ast.walk(definition) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    return stored | {n.arg for n in ast.walk(definition) if isinstance(n, ast.arg)}


def _chain(node):
    """Parts of a dotted name that is read."""
    parts = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return [node.id, *reversed(parts)] if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) else []


@pytest.fixture(scope="module")
def page(root):
    return (root / "docs" / "paper-map.md").read_text()


@pytest.fixture(scope="module")
def graph(root):
    return CallGraph(root / "workflow_scripts", "emotiw")


def test_every_row_names_a_function_and_a_test(page):
    rows = [line for line in page.splitlines() if line.startswith("| ") and not line.startswith("| What |")]
    assert len(rows) > 40
    for row in rows:
        assert FUNCTION.search(row), row
        assert TEST.search(row), row


def test_every_function_of_the_map_is_reached_by_a_program(page, graph):
    for path, name in FUNCTION.findall(page):
        module = f"emotiw.{path.replace('/', '.')}"
        assert name in graph.definitions.get(module, ()), f"{path}.py has no {name}"
        assert (module, name) in graph.reached, f"no program of the workflow reaches {path}.py: {name}"


@pytest.mark.parametrize("room", ["video", "statistics"])
def test_no_function_is_there_for_tests_and_benchmarks_only(graph, room):
    for module, definitions in graph.definitions.items():
        if module.startswith(f"emotiw.{room}."):
            named = {
                name for name, (node, *_) in definitions.items() if isinstance(node, ast.FunctionDef | ast.ClassDef)
            }
            assert not {name for name in named if (module, name) not in graph.reached}, module


def test_every_function_of_the_map_has_a_docstring(page, graph):
    for path, name in FUNCTION.findall(page):
        (definition,) = graph.definitions[f"emotiw.{path.replace('/', '.')}"][name]
        assert ast.get_docstring(definition), name


def test_every_test_of_the_map_exists(page, root):
    for file, name in TEST.findall(page):
        assert re.search(rf"^def {name}\(", (root / "tests" / file).read_text(), re.MULTILINE), f"{file}::{name}"


SOURCE = {
    "run.py": "from pkg.room import inner\nimport pkg.room.table\n\ndef main():\n    inner.used(pkg.room.table.OF)\n",
    "pkg/room/inner.py": (
        "from pkg.room.table import C\n\ndef used(unused):\n    unused()\n    return C\n\n"
        "def unused():\n    return only_unused()\n\ndef only_unused(): pass\n"
    ),
    "pkg/room/table.py": (
        "from pkg.room import leaf\n\nOF = {'a': leaf.held}\nOTHER = {'b': leaf.not_held}\n\n"
        "class C:\n    def method(self):\n        return leaf.called\n"
    ),
    "pkg/room/leaf.py": "def held(): pass\ndef not_held(): pass\ndef called(): pass\n",
}


def test_a_function_that_no_program_calls_is_not_reached(tmp_path):
    for name, text in SOURCE.items():
        path = tmp_path / Path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    reached = {name for _, name in CallGraph(tmp_path, "pkg").reached}
    assert reached == {"main", "used", "OF", "C", "held", "called"}
