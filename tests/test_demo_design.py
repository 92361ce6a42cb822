from collections import Counter
from dataclasses import asdict, replace

import numpy as np
import pytest
from scipy.stats import chi2_contingency, f_oneway

from emotiw.core.emotions import EMOTIONS
from emotiw.demo import design

DESIGN = design.Design()
CLIPS = design.clips(DESIGN)
SOUND = [clip for clip in CLIPS if not clip.defect]


def by_label(name):
    return [[clip.nuisance[name] for clip in SOUND if clip.label == label] for label in EMOTIONS]


def test_there_are_at_least_84_sound_clips_as_many_for_each_emotion():
    assert len(SOUND) >= 84
    assert set(Counter(clip.label for clip in SOUND).values()) == {DESIGN.n_subjects}


def test_names_are_unique():
    assert len({clip.name for clip in CLIPS}) == len(CLIPS)


def test_each_subject_is_in_one_split_and_no_split_is_empty():
    assert len({(clip.subject, clip.split) for clip in CLIPS}) == DESIGN.n_subjects
    assert {clip.split for clip in SOUND} == {"train", "val", "test"}


def test_the_planted_defects_are_in_their_splits():
    assert tuple((clip.defect, clip.split) for clip in CLIPS if clip.defect) == design.DEFECTS


def test_the_same_seed_gives_the_same_design_and_another_gives_another():
    assert design.clips(design.Design()) == CLIPS
    assert design.clips(replace(DESIGN, seed=1)) != CLIPS


def test_settings_restore_a_design():
    settings = {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(DESIGN).items()}
    assert design.from_settings(settings) == DESIGN


@pytest.mark.parametrize("name", design.NUISANCES)
def test_a_nuisance_does_not_depend_on_the_label(name):
    assert f_oneway(*by_label(name)).pvalue > 0.2


@pytest.mark.parametrize("name", design.NUISANCES)
def test_each_emotion_meets_each_level_of_a_nuisance_equally_often(name):
    low, high = design.NUISANCES[name]
    levels = [np.floor(7 * (np.array(values) - low) / (high - low)).astype(int) for values in by_label(name)]
    table = np.array([np.bincount(level, minlength=7) for level in levels])
    assert (table == DESIGN.n_subjects // 7).all()
    assert chi2_contingency(table).pvalue == pytest.approx(1)


def test_intensities_do_not_depend_on_the_label():
    for channel in ("face", "voice"):
        values = [[getattr(clip, channel)[0] for clip in SOUND if clip.label == label] for label in EMOTIONS]
        assert f_oneway(*values).pvalue > 0.2


def test_intensities_of_face_and_voice_are_drawn_independently():
    pairs = np.array([(clip.face[0], clip.voice[0]) for clip in SOUND])
    heard_and_seen = pairs[(pairs > DESIGN.muted).all(1)]
    assert abs(np.corrcoef(heard_and_seen.T)[0, 1]) < 0.25


def test_one_clip_in_seven_has_a_muted_face_another_a_muted_voice_and_none_both():
    muted = [(clip.face[0] == DESIGN.muted, clip.voice[0] == DESIGN.muted) for clip in SOUND]
    assert Counter(muted) == {
        (True, False): len(SOUND) // 7,
        (False, True): len(SOUND) // 7,
        (False, False): len(SOUND) * 5 // 7,
    }


def test_faces_and_voices_have_other_neighbours():
    assert all(design.FACE_NEIGHBOURS[label] != design.VOICE_NEIGHBOURS[label] for label in EMOTIONS)
