"""The programs of sound, fusion and evaluation are thin and typed, and say what they do."""

import ast

import pytest

PROGRAMS = (
    *("egemaps", "functionals", "gather_egemaps", "scaler", "train_blstm", "audio_scores", "learning_curves"),
    *("fusion", "evaluate", "submission"),
)


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_is_thin_and_typed_and_says_what_main_does(root, name):
    text = (root / "workflow_scripts" / f"{name}.py").read_text()
    (main,) = (node for node in ast.parse(text).body if isinstance(node, ast.FunctionDef))
    assert len(text.splitlines()) <= 40
    assert ast.unparse(main.args) == "argv: Sequence[str] | None=None"
    assert ast.unparse(main.returns) == "None"
    assert len(ast.get_docstring(main)) > len("Run the program.")
