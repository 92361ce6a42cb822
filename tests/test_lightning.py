import signal

from emotiw.jobs import lightning


def test_lightning_leaves_the_handler_of_termination_alone():
    before = signal.getsignal(signal.SIGTERM)
    callback = lightning.KeepTermination()
    try:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        callback.on_train_start(None, None)
        assert signal.getsignal(signal.SIGTERM) == before
    finally:
        signal.signal(signal.SIGTERM, before)


def test_a_trainer_writes_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    trainer = lightning.trainer(3, num_sanity_val_steps=0)
    assert trainer.max_epochs == 3
    assert trainer.loggers == []
    assert trainer.checkpoint_callbacks == []
    assert not list(tmp_path.iterdir())
