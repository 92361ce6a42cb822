import dlib
import numpy as np
import pytest
import skimage.data

from emotiw.core.emotions import EMOTIONS
from emotiw.demo import action_units, face, portrait, scene

SIZE = (256, 256)
POSE = face.Pose(1.3, 0.0, 128.0, 112.0)
LOOK = portrait.Look(1.0, 1.0, (1.0, 1.0, 1.0), (60.0, 70.0, 110.0), 0.4, 0.0, 0.0, mirrored=False, seed=1)


@pytest.fixture(scope="module")
def neutral():
    return portrait.neutral(skimage.data.astronaut())


@pytest.fixture(scope="module")
def source(neutral):
    return portrait.subject(neutral, LOOK)


def drawn(source, expression, pose=POSE):
    picture = face.draw(source, pose, face.warp(expression), SIZE)
    return picture[..., :3] * picture[..., 3:] + 150 * (1 - picture[..., 3:])


def detected(picture):
    return dlib.get_frontal_face_detector()(np.clip(picture, 0, 255).astype(np.uint8), 0)


def test_dlib_finds_the_face_of_the_portrait():
    assert len(dlib.get_frontal_face_detector()(skimage.data.astronaut(), 0)) == 1


@pytest.mark.parametrize("emotion", EMOTIONS)
def test_dlib_finds_one_face_in_each_expression(source, emotion):
    assert len(detected(drawn(source, action_units.EXPRESSIONS[emotion]))) == 1


def test_a_field_passes_through_the_displacements_of_its_landmarks():
    field = face._fields()["lip_corner_puller"]
    flat = field.view(np.complex64).ravel()
    moved = action_units.ACTION_UNITS["lip_corner_puller"]
    for name, (u, v) in action_units.LANDMARKS.items():
        du, dv = moved.get(name, (0.0, 0.0))
        for side in (1, -1):
            found = face._interpolated(flat, np.array([side * u + 1j * v], np.complex64))[0]
            assert abs(found - (side * du + 1j * dv)) < 0.4, name


def test_a_warp_is_linear_in_the_weights_of_its_action_units():
    one = face.warp(action_units.Expression({"brow_lowerer": 1.0, "cheek_raiser": 0.5}))
    two = face.warp(action_units.Expression({"brow_lowerer": 2.0, "cheek_raiser": 1.0}))
    np.testing.assert_allclose(two.field, 2 * one.field, rtol=1e-5, atol=1e-5)


def test_an_identity_without_proportions_moves_nothing():
    assert not face.identity_field({}).any()
    assert face.identity_field({"wide_face": 1.0}).any()


def test_blending_interpolates_between_two_expressions():
    own, other = action_units.EXPRESSIONS["fear"], action_units.EXPRESSIONS["surprise"]
    assert action_units.blend(own, other, 0.0, 1.0).parted == own.parted
    assert action_units.blend(own, other, 1.0, 0.5).parted == 0.5 * other.parted
    assert not any(action_units.blend(own, other, 0.3, 0.0).units.values())


def test_surprise_opens_the_mouth(source):
    mouth = np.s_[160:190, 118:138]
    closed = drawn(source, action_units.NEUTRAL)[mouth].mean()
    assert drawn(source, action_units.EXPRESSIONS["surprise"])[mouth].mean() < 0.75 * closed


def test_happiness_shows_teeth_and_lifts_the_corners(source):
    corner = action_units.LANDMARKS["lip_corner"]
    field = face.warp(action_units.EXPRESSIONS["happiness"]).field.view(np.complex64).ravel()
    assert face._interpolated(field, np.array([complex(*corner)], np.complex64))[0].imag < -3
    assert action_units.EXPRESSIONS["happiness"].teeth > 0


def test_the_pose_shifts_the_picture(source):
    here = drawn(source, action_units.NEUTRAL)
    there = drawn(source, action_units.NEUTRAL, face.Pose(1.3, 0.0, 138.0, 112.0))
    np.testing.assert_allclose(there[20:200, 60:210], here[20:200, 50:200], atol=40)
    assert np.abs(there[20:200, 60:210] - here[20:200, 50:200]).mean() < 2


def test_a_mirrored_subject_is_the_mirror_image(neutral, source):
    mirrored = portrait.subject(neutral, portrait.Look(**{**vars(LOOK), "mirrored": True}))
    np.testing.assert_array_equal(mirrored, source[:, ::-1])


def test_darker_skin_is_darker(neutral, source):
    dark = portrait.subject(neutral, portrait.Look(**{**vars(LOOK), "skin_gamma": 2.0}))
    assert dark[300:500, 300:480, :3].mean() < 0.8 * source[300:500, 300:480, :3].mean()


def test_a_stroke_is_one_on_the_line_and_nothing_far_away():
    u, v = portrait.grid()
    line = portrait.stroke(u, v, ((0.0, 0.0), (10.0, 0.0)), 1.0)
    assert line.max() == pytest.approx(1.0)
    assert not line[np.abs(v) > 5].any()


@pytest.mark.parametrize("backdrop", range(7))
def test_every_backdrop_is_a_finite_picture(backdrop):
    nuisance = {"brightness": 1.0, "warmth": 0.1, "light_angle": 1.0, "contrast": 0.4, "backdrop": backdrop + 0.5}
    background, light = scene.scene(np.random.default_rng(0), nuisance, (64, 80))
    assert background.shape == light.shape == (64, 80, 3)
    assert (background >= 0).all()
    assert (background <= 255).all()
    assert (light > 0).all()
