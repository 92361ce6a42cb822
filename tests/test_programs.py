"""Every program is thin and typed, and says what it does."""

import ast
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[1] / "workflow_scripts"
PROGRAMS = sorted(path.stem for path in FOLDER.glob("*.py"))
LONGEST = 40  # lines


@pytest.fixture(params=PROGRAMS)
def text(request):
    return (FOLDER / f"{request.param}.py").read_text()


def main_of(text):
    (main,) = [node for node in ast.parse(text).body if isinstance(node, ast.FunctionDef)]
    return main


def test_a_program_is_thin(text):
    assert len(text.splitlines()) <= LONGEST
    assert main_of(text).name == "main"


def test_a_program_is_typed(text):
    assert ast.unparse(main_of(text)).splitlines()[0] == "def main(argv: Sequence[str] | None=None) -> None:"
    for node in ast.walk(main_of(text)):
        if isinstance(node, ast.FunctionDef):
            assert node.returns
            assert all(argument.annotation for argument in node.args.args)


def test_a_program_says_what_it_does(text):
    doc = ast.get_docstring(main_of(text))
    assert doc
    assert doc != "Run the program."
    assert ast.get_docstring(ast.parse(text)) != doc
