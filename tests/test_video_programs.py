"""The programs of the video system are thin and typed, and say what they do."""

import ast

import pytest

VIDEO = (
    *("alexnet", "efficientnet_lite0", "landmarks", "fine_tune", "cnn", "embedding", "dense_sift", "hog", "lbp_top"),
    *("pca", "kernels", "video_scores", "video_combination", "baseline"),
)
LONGEST = 40  # lines


def main_of(path):
    (main,) = [node for node in ast.parse(path.read_text()).body if isinstance(node, ast.FunctionDef)]
    return main


@pytest.mark.parametrize("name", VIDEO)
def test_a_program_is_thin(root, name):
    path = root / "workflow_scripts" / f"{name}.py"
    assert len(path.read_text().splitlines()) <= LONGEST
    assert main_of(path).name == "main"


@pytest.mark.parametrize("name", VIDEO)
def test_a_program_is_typed(root, name):
    path = root / "workflow_scripts" / f"{name}.py"
    signature = ast.unparse(main_of(path)).splitlines()[0]
    assert signature == "def main(argv: Sequence[str] | None=None) -> None:"
    for node in ast.walk(main_of(path)):
        if isinstance(node, ast.FunctionDef):
            assert node.returns
            assert all(argument.annotation for argument in node.args.args)


@pytest.mark.parametrize("name", VIDEO)
def test_a_program_says_what_it_does(root, name):
    path = root / "workflow_scripts" / f"{name}.py"
    doc = ast.get_docstring(main_of(path))
    assert doc
    assert doc != "Run the program."
    assert ast.get_docstring(ast.parse(path.read_text())) != doc
