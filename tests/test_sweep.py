"""Sweeps: the runs of a grid or a list, the choice among them by validation clips, its optimism and its record."""

import json

import numpy as np
import pytest
import yaml
from typer.testing import CliRunner

from compare_fixtures import finished
from emotiw import cli
from emotiw.compare import run_files, sweep_choice
from emotiw.compare.sweep_choice import Rule
from emotiw.core.errors import ConfigError, StoreError
from emotiw.jobs import settings
from emotiw.workflow import sweep
from test_compare import rewrite, rows

RULE = Rule("six", "fusion", "accuracy", 1, 300)


def config(**over):
    return settings.merge(settings.load([]), {"run": "six", "sweep": over})


@pytest.fixture(scope="module")
def runs(tmp_path_factory, root):
    made = tmp_path_factory.mktemp("sweep")
    return [finished(made / f"six_{i}", root, name=f"six_{i}", seed=i, crate=False) for i in (1, 2, 3)]


# settings


def test_a_grid_gives_every_combination(tmp_path):
    made = sweep.candidates(config(grid={"fusion.scheme": ["joint", "product"], "pooled.c": [0.1, 1.0, "auto"]}))
    assert [candidate.name for candidate in made] == [f"six_{i}" for i in range(1, 7)]
    assert made[4].settings == {"fusion.scheme": "product", "pooled.c": 1.0}
    assert (made[4].config["fusion"]["scheme"], made[4].config["pooled"]["c"]) == ("product", 1.0)
    assert made[4].config["run"] == "six_5"
    assert not sweep.wanted(made[4].config)
    assert made[4].target == "results/six_5/report/run_crate.zip"
    assert {candidate.config["cache"]["folder"] for candidate in made} == {"results/six_sweep/cache"}


def test_a_list_gives_its_entries():
    made = sweep.candidates(config(list=[{"seed": 1}, {"blstm.dropout": 0.5, "seed": 2}]))
    assert [candidate.config["seed"] for candidate in made] == [1, 2]
    assert [candidate.config["blstm"]["dropout"] for candidate in made] == [0.0, 0.5]


def test_runs_of_a_sweep_have_the_cache_that_is_configured():
    chosen = settings.merge(config(grid={"seed": [1, 2]}), {"cache": {"folder": "mine"}})
    assert {candidate.config["cache"]["folder"] for candidate in sweep.candidates(chosen)} == {"mine"}


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ({"grid": {"seed": [1]}}, "gives 1 run, expected two or more"),
        ({"grid": {"seed": [1, 1]}}, "seed 1 is given twice"),
        ({"grid": {"seed": [1, 2]}, "list": [{"seed": 1}]}, "gives a grid and a list; keep one"),
        ({"grid": {"corpus.protocol": [1, 2]}}, r"corpus\.protocol may not vary"),
        ({"grid": {"fusion.schemes": ["joint", "product"]}}, r"fusion\.schemes is no setting"),
        ({"grid": {"fusions.scheme": ["joint", "product"]}}, r"fusions\.scheme is no setting"),
        ({"grid": {"fusion.scheme": ["joint", "sum"]}}, r"sweep, fusion\.scheme sum: .*'sum' is not one of"),
    ],
)
def test_a_sweep_that_cannot_be_made_is_refused(section, message):
    with pytest.raises(ConfigError, match=f"(?s){message}"):
        sweep.candidates(config(**section))


def test_the_command_lists_the_runs_and_makes_no_target_of_a_sweep(tmp_path):
    path = tmp_path / "my.yaml"
    path.write_text(yaml.safe_dump({"run": "six", "sweep": {"grid": {"seed": [1, 2]}}}))
    done = CliRunner().invoke(cli.app, ["run", "-n", "--configfile", str(path)])
    assert done.exit_code == 0, done.output
    assert done.output.splitlines() == ["sweep six: 2 runs, to results/six_sweep", "six_1: seed 1", "six_2: seed 2"]
    done = CliRunner().invoke(cli.app, ["run", "features", "--configfile", str(path)])
    assert done.exit_code == cli.UNUSABLE
    assert "cannot make features alone" in done.stderr


# choice


def choose(places, rule=RULE):
    return sweep_choice.chosen(run_files.read_all(places), [{"seed": str(i)} for i in range(len(places))], rule)


def accuracy(folder, part):
    found = rows(folder, part).values()
    return np.mean([row["predicted_fusion"] == row["label"] for row in found])


def test_the_best_on_validation_is_chosen_and_then_tested(runs):
    found = choose(runs)
    scores = [accuracy(folder, "val") for folder in runs]
    assert [line["score"] for line in found["runs"]] == pytest.approx(scores)
    best = int(np.argmax(scores))
    assert found["chosen"] == f"six_{best + 1}"
    assert found["folds"] == {"official": found["chosen"]}
    assert found["test"]["accuracy"] == pytest.approx(accuracy(runs[best], "test"))


def test_the_ledger_says_that_no_test_clip_took_part(runs):
    found = choose(runs)["ledger"]
    (entry,) = found["entries"]
    assert found["passed"]
    assert (entry["choice"], entry["candidates"]) == ("sweep six: settings", 3)
    assert entry["parts"] == {"val": len(rows(runs[0], "val"))}


def test_test_labels_do_not_change_the_choice(runs, tmp_path_factory, root):
    folder = tmp_path_factory.mktemp("spoilt")
    spoilt = [finished(folder / f"six_{i}", root, name=f"six_{i}", seed=i, crate=False) for i in (1, 2, 3)]
    for run in spoilt:
        rewrite(run, lambda row: row | {"label": "fear"} if row["part"] == "test" else row)
    before, now = choose(runs), choose(spoilt)
    assert {key: before[key] for key in ("chosen", "folds", "optimism")} == {
        key: now[key] for key in ("chosen", "folds", "optimism")
    }
    assert before["test"] != now["test"]


def test_a_clip_that_is_validated_and_tested_in_one_fold_is_refused(runs, tmp_path, root):
    run = finished(tmp_path / "six_1", root, name="six_1", seed=1, crate=False)
    clip = next(iter(rows(run, "val")))
    tested = next(iter(rows(run, "test")))
    rewrite(
        run,
        lambda row: (
            row | {"clip": clip, "label": rows(runs[0], "val")[clip]["label"]} if row["clip"] == tested else row
        ),
    )
    with pytest.raises(StoreError, match=f"clip '{clip}' is validated and tested in fold official"):
        choose([run, run])


def test_a_system_that_no_run_has_is_refused(runs):
    with pytest.raises(StoreError, match=r"has no system 'smell'; set sweep\.system"):
        choose(runs, Rule("six", "smell", "accuracy", 1, 300))


# optimism


def confusions(n_runs, n_subjects, share, seed=0):
    """Confusion matrices of two classes; every run is right with the same probability."""
    right = np.random.default_rng(seed).binomial(10, share, (n_runs, n_subjects))
    zeros = np.zeros_like(right)
    return np.stack([np.stack([right, 10 - right], -1), np.stack([zeros, zeros], -1)], -2)


def test_the_best_of_equal_runs_is_too_good_by_chance():
    found = sweep_choice.optimism(confusions(20, 12, 0.5), RULE)
    many = sweep_choice.optimism(confusions(20, 400, 0.5), RULE)
    assert 0.02 < found["mean"] < 0.2
    assert 0 <= many["mean"] < found["mean"] / 2
    assert found["n_subjects"] == 12


def test_a_run_that_is_better_by_far_is_not_optimistic():
    better = confusions(3, 30, 0.5)
    better[1] = confusions(1, 30, 0.95)[0]
    found = sweep_choice.optimism(better, RULE)
    assert found["stability"] == 1
    assert abs(found["mean"]) < 0.02


def test_one_subject_does_not_tell_the_optimism():
    assert sweep_choice.optimism(confusions(3, 1, 0.5), RULE) is None
    assert "at least two subjects" in sweep_choice._optimism_text(None, 0.5)


def test_the_sentences_say_which_folds_chose_what(runs):
    found = choose(runs)
    found["folds"] = {"one": "six_1", "two": "six_3"}
    text = sweep_choice.wording(found)
    assert text["rule"].endswith("In each of the 2 folds its own validation clips choose (six_1, six_3).")
    assert "the choices of the folds have" in text["tested"]


# record


def test_a_finished_sweep_is_recorded_and_shown(runs, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "results").mkdir()
    for run in runs:
        (tmp_path / "results" / run.name).symlink_to(run)
    chosen = config(grid={"pooled.c": [0.1, 1.0, 10.0]})
    started = []
    told: list[str] = []
    status = sweep.run(chosen, lambda candidate: started.append(candidate.name) or 0, told.append)
    assert (status, started) == (0, ["six_1", "six_2", "six_3"])
    to = tmp_path / "results/six_sweep"
    written = settings.load([to / "six_2.yaml"])
    assert (written["pooled"]["c"], written["run"]) == (1.0, "six_2")
    found = json.loads((to / "sweep.json").read_text())
    assert found["chosen"] in started
    assert json.loads((to / "ledger.json").read_text())["passed"]
    page = (to / "compare.html").read_text()
    assert f"{found['chosen']} (chosen)" in page
    assert "The best of several scores is too high by chance" in page
    assert any(
        line == f"to go on with it: emotiw run --configfile results/six_sweep/{found['chosen']}.yaml" for line in told
    )


def test_a_run_that_fails_ends_the_sweep(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    started = []
    assert sweep.run(config(grid={"seed": [1, 2]}), lambda candidate: started.append(candidate) or 1, print) == 1
    assert len(started) == 1
