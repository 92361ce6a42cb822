"""The lock file, the conda environments and the packages that the user named."""

import importlib
import re
import tomllib

import pytest
import yaml
from packaging.requirements import Requirement

from emotiw.jobs import identity, runtime

PROGRAMS = {
    "demo": ("demo_clips", "demo_corpus", "fetch_text", "fetch_ravdess", "fetch_crema_d", "fetch_repository"),
    "audio": (
        *("audio", "egemaps", "functionals", "whisper", "augmented_whisper", "sound_embedding"),
        *("gather_frames", "scaler", "train_blstm", "blstm_scores"),
    ),
    "video": (
        *("landmarks", "alexnet", "fine_tune", "faces", "cnn", "dense_sift", "hog", "lbp_top"),
        *("embedding", "imported", "efficientnet_lite0", "whisper_base"),
        *("face_resnet", "ready_expression", "train_expression", "expression", "expression_posteriors"),
        *("pca", "kernels", "kernel_scores", "pooled_scores", "average_scores", "combination", "baseline", "bundle"),
    ),
    "predict": ("predict_clips", "gather_predictions"),
    "report": (
        *("faces_film", "contact_sheet", "contact_page", "learning_curves"),
        *("fusion", "evaluate", "submission", "tables", "report", "crate"),
    ),
}


def canonical(name):
    return re.sub(r"[-_.]+", "-", name).lower()


@pytest.fixture(scope="module")
def lock(root):
    lines = (root / "requirements.lock").read_text().split()
    return {canonical(name): version for name, version in (line.split("==") for line in lines)}


def rules(root):
    """Name, environment and program of every rule that starts one."""
    for path in sorted((root / "rules").glob("*.smk")):
        for block in re.split(r"^(?=rule )", path.read_text(), flags=re.MULTILINE):
            if program := re.search(r'PROGRAMS"/(\w+)\.py', block):
                environment = re.search(r"envs/(\w+)\.yaml", block)
                yield re.match(r"rule (\w+)", block)[1], environment and environment[1], program[1]


def test_every_rule_starts_a_program_of_its_environment(root):
    found = list(rules(root))
    assert {"audio", "faces", "train_blstm", "report"} <= {program for _, _, program in found}
    for rule, environment, program in found:
        assert program in PROGRAMS[environment], rule


class AskedError(Exception):
    """Raised in place of parsing: the options that a program demands."""


def options(program, monkeypatch):
    def asked(doc, argv, *, one=(), many=(), texts=()):
        raise AskedError({name.replace("_", "-") for name in (*one, *many, *texts, "output", "stage")})

    monkeypatch.setattr(runtime, "arguments", asked)
    with pytest.raises(AskedError) as caught:
        importlib.import_module(program).main([])
    return caught.value.args[0]


def commands(root):
    """Name, program and options of every rule that has a command of its own."""
    for path in sorted((root / "rules").glob("*.smk")):
        for block in re.split(r"^(?=(?:use )?rule )", path.read_text(), flags=re.MULTILINE):
            shell = block.partition("    shell:")[2]
            if program := re.search(r'PROGRAMS"/(\w+)\.py', shell):
                yield re.match(r"rule (\w+)", block)[1], program[1], set(re.findall(r"--([a-z-]+) ", shell))


def test_every_rule_gives_its_program_the_options_that_it_demands(root, monkeypatch):
    found = list(commands(root))
    assert {"tables", "evaluate", "submission"} <= {rule for rule, *_ in found}
    for rule, program, given in found:
        assert given == options(program, monkeypatch), rule


@pytest.mark.parametrize("environment", sorted(PROGRAMS))
def test_an_environment_pins_what_its_programs_import_as_the_lock_does(root, lock, environment):
    names = {
        canonical(name)
        for program in PROGRAMS[environment]
        for name, _ in identity.distributions(root / "workflow_scripts" / f"{program}.py")
    }
    content = yaml.safe_load((root / "envs" / f"{environment}.yaml").read_text())
    assert content["dependencies"][0].startswith("python=3.11")
    pins = next(entry["pip"] for entry in content["dependencies"] if isinstance(entry, dict))
    assert pins == [f"{name}=={lock[name]}" for name in sorted(names - {"pip", "setuptools"})]


def test_the_lock_holds_every_declared_dependency(root, lock):
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    lines = [*project["dependencies"], *project["optional-dependencies"]["workflow"]]
    names = {Requirement(line).name for line in [*lines, *project["optional-dependencies"]["report"]]}
    assert {canonical(name) for name in names} <= set(lock)
    asked = [line for line in (root / "requirements.in").read_text().split() if not line.startswith("#")]
    assert lock["torch"] == "2.13.0"
    assert "torch==2.13.0" in asked


def test_what_is_installed_is_what_the_lock_says(lock):
    from importlib.metadata import version

    for name in ("torch", "numpy", "scikit-learn", "opensmile", "h5py", "av", "dlib-bin", "snakemake"):
        assert version(name).partition("+")[0] == lock[name], f"{name}: run `make setup`"


def test_the_workflow_uses_the_eight_packages_that_it_was_asked_for(root):
    imported = {name for p in sorted((root / "workflow_scripts").glob("*.py")) for name, _ in identity.distributions(p)}
    asked = {"pytorch-lightning", "torch", "opensmile", "h5py", "scikit-learn", "moviepy", "dlib-bin"}
    assert asked <= {canonical(name) for name in imported}
    assert "snakemake.utils" in (root / "Snakefile").read_text()


def test_every_rule_that_a_cluster_gets_says_what_it_needs(root):
    for rules_file in re.findall(r'^include: "(.+)"', (root / "Snakefile").read_text(), re.MULTILINE):
        text = (root / rules_file).read_text()
        local = re.findall(r"^    (\w+),$", text.partition("localrules:\n")[2].partition("\n\n")[0], re.MULTILINE)
        for block in re.split(r"^(?=rule )", text, flags=re.MULTILINE):
            name = re.match(r"rule (\w+)", block)
            if name and name[1] not in local and "shell:" in block:
                assert re.search(r"        mem_mb=memory\(.*\),\n        runtime=minutes\(.*\),\n", block), name[1]


def test_the_cluster_s_plugin_is_pinned_and_outside_the_main_environment(root, lock):
    lines = [line for line in (root / "requirements-slurm.txt").read_text().splitlines() if not line.startswith("#")]
    pins = dict(line.split("==") for line in lines)
    assert "snakemake-executor-plugin-slurm" in pins
    assert not set(pins) & set(lock)
