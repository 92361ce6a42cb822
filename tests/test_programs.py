"""Programs of the report, the demo and the downloads: typed, thin, and each says what it does."""

import ast

import pytest

PROGRAMS = (
    *("report", "tables", "crate", "bundle", "contact_page", "contact_sheet", "faces_film", "gather_predictions"),
    *("demo_clips", "demo_corpus", "demo_defects", "fetch_crema_d", "fetch_ravdess", "fetch_text"),
)


@pytest.fixture(params=PROGRAMS)
def program(request, root):
    return (root / "workflow_scripts" / f"{request.param}.py").read_text()


def main_of(program):
    (main,) = (node for node in ast.parse(program).body if isinstance(node, ast.FunctionDef) and node.name == "main")
    return main


def test_main_is_typed(program):
    main = main_of(program)
    assert [ast.unparse(argument.annotation) for argument in main.args.args] == ["Sequence[str] | None"]
    assert ast.unparse(main.returns) == "None"


def test_main_says_what_it_does(program):
    assert ast.get_docstring(main_of(program)) not in {None, "Run the program."}


def test_a_program_has_at_most_forty_lines_and_one_function(program):
    assert len(program.splitlines()) <= 40
    assert [node.name for node in ast.parse(program).body if isinstance(node, ast.FunctionDef)] == ["main"]
