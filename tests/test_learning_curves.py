import re

import pytest

import learning_curves as program
from emotiw.jobs import store
from emotiw.jobs.identity import Stage
from emotiw.report import learning_curves


def network(architecture, losses, best_epoch=1):
    history = [{"train_loss": loss, "val_loss": loss + 0.1, "val_accuracy": 1 / (1 + loss)} for loss in losses]
    return {"architecture": architecture, "history": history, "best_epoch": best_epoch}


NETWORKS = [network([64], [2, 1, 1.5], 2), network([64], [2, 1.9], 0), network([128, 64], [1.8, 1.2])]


def test_every_architecture_has_a_row_with_its_number_of_networks():
    text = learning_curves.render(NETWORKS, 7).decode()
    assert text.startswith("<?xml")
    assert "<!-- 64 -->" in text or ">64<" in text
    for name, n in (("64", 2), ("128-64", 1)):
        assert re.search(rf">{name}<.*>\({n} networks\)<", text, re.DOTALL)


def test_every_network_has_its_curves():
    def lines(networks):
        return learning_curves.render(networks, 7).decode().count('id="line2d_')

    assert lines(NETWORKS) > lines(NETWORKS[1:]) > lines(NETWORKS[2:])


def test_the_same_networks_give_the_same_bytes():
    assert learning_curves.render(NETWORKS, 7) == learning_curves.render(NETWORKS, 7)


def test_a_fold_without_an_audio_system_has_no_curve():
    assert b"(1 networks)" in learning_curves.render([{"architecture": [64], "history": [], "best_epoch": None}], 7)


@pytest.mark.parametrize("n_folds", [1, 3])
def test_the_program_draws_the_networks_of_all_folds(tmp_path, n_folds):
    paths = [tmp_path / f"{fold}.h5" for fold in range(n_folds)]
    for path in paths:
        facts = {"classes": ["anger", "fear"], "networks": {"64_0": NETWORKS[0], "64_1": NETWORKS[1]}}
        store.write(path, "scores", [], stage={}, facts=facts)
    output = tmp_path / "curves.svg"
    stage = str(Stage({"settings": {}}))
    program.main(["--scores", *map(str, paths), "--output", str(output), "--stage", stage])
    assert f"({2 * n_folds} networks)" in output.read_text()


def test_a_run_without_networks_says_so(tmp_path):
    output = tmp_path / "curves.svg"
    program.main(["--scores", "--output", str(output), "--stage", str(Stage({"settings": {}}))])
    assert "This run trains no recurrent network." in output.read_text()
