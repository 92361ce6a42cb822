"""Imports go down only: a room imports rooms of lower storeys, never its peers; numerics touch no files."""

import ast

import pytest

# storeys from below; rooms of one storey never import each other
STOREYS = (
    {"core"},
    {"statistics", "corpora"},
    {"weights"},
    {"jobs"},
    {"media", "video", "audio", "scoring", "fusion", "imports"},
    {"faces", "evaluation"},
    {"prediction", "report"},
    {"compare"},
    {"workflow"},
    {"commands"},
    {"cli"},
)
BESIDE = {"demo": {"core"}}  # a room that stands beside the house, and what it may import
STOREY = {room: number for number, rooms in enumerate(STOREYS) for room in rooms}
# modules that compute on arrays alone: neither files nor codecs nor configuration
NUMERICS = {
    "core": {"errors", "status", "emotions", "seeds", "agreement", "progress"},
    "statistics": {
        "absent_classes",
        "metrics",
        "comparisons",
        "clip_weights",
        "cross_validation",
        "one_vs_rest",
        "softmax",
        "selection_record",
        "pooling",
        "standardisation",
        "calibration",
    },
    "corpora": {"splits"},
    "jobs": {"stages", "stage_row", "stage_table", "classifier_table", "features", "devices"},
    "video": {
        *{"alexnet", "winograd", "grey", "dense_sift", "hog", "lbp_top", "fine_tuning", "image_sets", "kernels", "pls"},
        *{"classifiers", "vector_classifiers", "kernel_scoring", "low_rank", "linear", "baselines", "baseline_names"},
        *{"expression_recipe", "expression_data", "expression_network", "expression_training", "expression_scores"},
        *{"expression_features", "expression_posteriors"},
        *{"fine_tuning_state", "fine_tuning_data", "fine_tuning_network", "pca", "second_moment", "eigenvectors"},
    },
    "scoring": {"pooled_classifiers", "score_average"},
    "audio": {
        *{"peephole_lstm", "peephole_autograd", "permutation", "blstm", "training", "ensemble"},
        *{"sound", "log_mel", "whisper", "augmentation"},
    },
    "fusion": {"schemes", "branch_and_bound", "stacking", "choice", "records", "optimism", "fused_posteriors"},
    "faces": {"tracking", "scene_cuts"},
    "weights": {"efficientnet", "ctranslate2_format", "expression_layers"},
    "evaluation": {"systems"},
    "prediction": {"recogniser", "models"},
    "report": {"time_courses"},
    "workflow": {"run_progress"},
    "demo": {"action_units", "design", "face", "portrait", "scene", "voice"},
}
FORBIDDEN_IN_NUMERICS = {"h5py", "pathlib", "os", "logging", "yaml", "av", "json"}


def modules(root):
    package = root / "workflow_scripts" / "emotiw"
    for path in sorted(package.rglob("*.py")):
        yield ".".join(path.relative_to(package).with_suffix("").parts), ast.parse(path.read_text())


def imports(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, "relative imports escape the code fingerprint"
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def own(tree):
    """Names below `emotiw` that a module imports."""
    return {name.removeprefix("emotiw.") for name in imports(tree) if name.startswith("emotiw.")}


def allowed(room):
    """Rooms that a room may import: itself, and those of lower storeys."""
    if room in BESIDE:
        return {room} | BESIDE[room]
    lower = set().union(*STOREYS[: STOREY[room]], BESIDE if room == "cli" else ())
    return {room} | lower


def test_every_module_lies_in_a_room(root):
    flat = {name for name, _ in modules(root) if "." not in name}
    assert flat == {"__init__", "cli"}
    assert {name.partition(".")[0] for name, _ in modules(root)} - {"__init__"} == set(STOREY) | set(BESIDE)


def test_rooms_import_only_what_lies_below_them(root):
    for name, tree in modules(root):
        if name != "__init__":
            room = name.partition(".")[0]
            upward = {target for target in own(tree) if target.partition(".")[0] not in allowed(room)}
            assert not upward, name


def test_no_module_imports_itself_in_a_circle(root):
    known = dict(modules(root))
    edges = {name: own(tree) & set(known) for name, tree in known.items()}
    while leaves := {name for name, targets in edges.items() if not targets & set(edges)}:
        for name in leaves:
            del edges[name]
    assert not edges


def test_packages_hold_a_docstring_and_nothing_else(root):
    for name, tree in modules(root):
        if name.endswith("__init__"):
            assert [type(node) for node in tree.body] == [ast.Expr], name
            assert ast.get_docstring(tree), name


def test_no_module_is_longer_than_a_reader_holds(root):
    for path in sorted((root / "workflow_scripts" / "emotiw").rglob("*.py")):
        assert len(path.read_text().splitlines()) <= 400, path.name


def test_numerics_touch_no_files(root):
    known = dict(modules(root))
    numerics = {f"{room}.{name}" for room, names in NUMERICS.items() for name in names}
    assert numerics <= set(known)
    for name in numerics:
        assert not {n.partition(".")[0] for n in imports(known[name])} & FORBIDDEN_IN_NUMERICS, name
        reached = own(known[name]) & set(known)
        assert reached - numerics <= {"jobs.lightning"}, name


def test_nothing_in_the_library_imports_scripts_or_snakemake(root):
    scripts = {path.stem for path in (root / "workflow_scripts").glob("*.py")}
    for name, tree in modules(root):
        roots = {n.partition(".")[0] for n in imports(tree)}
        assert not roots & (scripts | {"snakemake"}), name


@pytest.mark.parametrize(
    "banned", ["import pickle", "joblib.load", "weights_only=False", "allow_pickle=True", "assert "]
)
def test_the_library_has_no(root, banned):
    for path in sorted((root / "workflow_scripts").rglob("*.py")):
        if banned == "import pickle" and path.name == "pickled_arrays.py":
            continue  # the one restricted unpickler of a published archive
        lines = [
            line for line in path.read_text().splitlines() if line.strip().startswith(banned) or f" {banned}" in line
        ]
        if banned == "assert ":
            lines = [line for line in lines if line.strip().startswith(banned)]
        assert not lines, path.name
