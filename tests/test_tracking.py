"""Tracks: which boxes show the same face, which face is kept, and what is forgotten."""

import numpy as np
import pytest

from emotiw.faces import tracking
from emotiw.faces.tracking import Face, Largest, Longest, Sighting

CHIP = np.zeros((1, 1, 3), np.uint8)


def face(left, size=10, score=1.0, top=0):
    return Face((left, top, left + size - 1, top + size - 1), score)


def run(choice, *frames):
    """Show a choice the faces of consecutive frames; None is a cut."""
    index = 0
    for found in frames:
        if found is None:
            choice.cut()
            continue
        choice.see(found, lambda it, i=index: Sighting(it, i, i / 25, CHIP, ()))
        index += 1
    return [(it.index, it.face.box[0]) for it in choice.kept]


# --- boxes -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("boxes", "expected"),
    [
        ([(0, 0, 9, 9), (50, 50, 69, 69)], 1),
        ([(30, 0, 39, 9), (20, 50, 29, 59)], 1),
        ([(20, 50, 29, 59), (20, 10, 29, 19)], 1),
    ],
    ids=["area", "then left", "then top"],
)
def test_the_largest_face_is_chosen(boxes, expected):
    assert tracking.largest([Face(box, 1.0) for box in boxes]).box == boxes[expected]


def test_the_area_counts_both_edges():
    assert Face((10, 20, 19, 24), 0).area == 50


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        ((0, 0, 9, 9), (0, 0, 9, 9), 1),
        ((0, 0, 9, 9), (5, 0, 14, 9), 50 / 150),
        ((0, 0, 9, 9), (10, 0, 19, 9), 0),
        ((0, 0, 9, 9), (20, 20, 29, 29), 0),
        ((0, 0, 9, 9), (2, 2, 6, 6), 25 / 100),
    ],
)
def test_overlap_is_intersection_over_union(a, b, expected):
    assert tracking.overlap(a, b) == tracking.overlap(b, a) == pytest.approx(expected)


def test_of_two_boxes_of_a_face_the_better_is_kept():
    good, same, other = face(0, score=2.0), face(2, score=1.0), face(30, score=0.1)
    assert tracking.distinct([other, same, good]) == [good, other]


def test_faces_are_paired_by_their_overlap_each_once():
    known = [face(0), face(6)]
    assert tracking.pairs(known, [face(5), face(40)]) == {0: 1}
    assert tracking.pairs(known, [face(2), face(5)]) == {0: 0, 1: 1}
    assert tracking.pairs(known, []) == {}


# --- the largest face --------------------------------------------------------------------------------------------


def test_the_largest_face_of_each_frame_is_kept():
    small, big = face(0), face(50, 20)
    assert run(Largest(), [small, big], [small], [], [big]) == [(0, 50), (1, 0), (3, 50)]


def test_only_the_surroundings_of_the_largest_face_of_the_last_frame_are_near():
    choice = Largest()
    run(choice, [face(0), face(50, 20)])
    assert choice.near == choice.sure == [face(50, 20)]
    run(choice, [])
    assert choice.near == []


def test_a_cut_makes_the_largest_face_unknown():
    choice = Largest()
    assert run(choice, [face(0)], None) == [(0, 0)]
    assert choice.near == []


# --- the face that lasts longest ---------------------------------------------------------------------------------


def test_the_face_seen_in_most_frames_is_kept_even_if_a_larger_one_is_beside_it():
    small, big = face(0), face(50, 30)
    assert run(Longest(), [small, big], [small, big], [small]) == [(0, 0), (1, 0), (2, 0)]


def test_a_face_is_followed_where_it_moves():
    assert run(Longest(), [face(0)], [face(4)], [face(8)], [face(12)]) == [(0, 0), (1, 4), (2, 8), (3, 12)]


def test_a_face_elsewhere_is_another():
    assert run(Longest(), [face(0)], [face(0)], [face(40)], [face(40)], [face(40)]) == [(2, 40), (3, 40), (4, 40)]


def test_a_track_resumes_after_the_longest_gap_and_not_after_a_longer_one():
    gap = [[]] * tracking.MAX_GAP
    assert len(run(Longest(), [face(0)], *gap, [face(0)])) == 2
    assert len(run(Longest(), [face(0)], *gap, [], [face(0)])) == 1


def test_where_a_face_was_before_a_gap_is_searched_but_need_not_be_found():
    choice = Longest()
    run(choice, [face(0), face(40)], [face(40)])
    assert choice.near == [face(0), face(40)]
    assert choice.sure == [face(40)]


def test_a_cut_ends_a_track_though_the_next_face_has_the_same_box():
    assert run(Longest(), [face(0)], [face(0)], None, [face(0)]) == [(0, 0), (1, 0)]
    assert run(Longest(), [face(0)], None, [face(0)], [face(0)]) == [(1, 0), (2, 0)]


@pytest.mark.parametrize(
    ("frames", "expected"),
    [
        ([[face(0), face(40, 12)]], [(0, 40)]),
        ([[face(0, 12)], None, [face(40, 14)]], [(1, 40)]),
        ([[face(40)], None, [face(0)]], [(0, 40)]),
        ([[face(40), face(0)]], [(0, 0)]),
    ],
    ids=["larger", "larger and later", "earlier", "leftmost"],
)
def test_ties_are_decided_by_mean_area_then_time_then_place(frames, expected):
    assert run(Longest(), *frames) == expected


def test_no_face_at_all_keeps_none():
    assert run(Longest(), [], None, []) == []


def test_only_the_best_of_the_tracks_that_ended_is_held():
    choice = Longest()
    scenes = [[[face(0)]] * n + [None] for n in (2, 4, 3, 1)]
    run(choice, *[frame for scene in scenes for frame in scene])
    held = [*choice._active, choice._ended]
    assert [len(track.sightings) for track in held] == [4]
