"""Expressions of the demo corpus: action units, which move landmarks of the neutral face, and their weighted sums.

Action units after P. Ekman and W. Friesen, Facial Action Coding System, 1978; sizes and weights [ours], set by eye.
"""

from collections.abc import Mapping
from dataclasses import dataclass

# (u, v) of the neutral face in px (see portrait); only the right half of the picture, the left is its mirror image
LANDMARKS = {
    "brow_inner": (12.5, -9.0),
    "brow_middle": (25.0, -12.0),
    "brow_outer": (36.5, -9.5),
    "lid_upper": (22.0, -4.5),
    "lid_lower": (22.0, 3.7),
    "eye_inner": (11.5, 2.0),
    "eye_outer": (33.0, 0.0),
    "cheek": (27.0, 20.0),
    "nose_wing": (11.0, 28.0),
    "lip_corner": (18.0, 42.0),
    "lip_upper": (8.0, 38.3),
    "lip_lower": (8.0, 47.3),
    "jaw": (36.0, 57.0),
    "jaw_low": (20.0, 70.0),
    "temple": (44.0, -5.0),
    "cheekbone": (46.0, 15.0),
    "fringe": (18.0, -24.0),
    "hair_top": (35.0, -80.0),
    "hair_side": (72.0, -20.0),
    "hair_low": (66.0, 12.0),
    "neck": (36.0, 84.0),
    "border_top": (80.0, -104.0),
    "border_side": (130.0, 0.0),
    "shoulder": (95.0, 120.0),
    # on the midline
    "bridge": (0.0, 4.0),
    "nose_tip": (0.0, 25.0),
    "nose_base": (0.0, 31.5),
    "chin": (0.0, 76.0),
    "crown": (0.0, -86.0),
    "collar": (0.0, 92.0),
}

Shift = Mapping[str, tuple[float, float]]

# displacement (du outwards, dv downwards) of the landmarks in px at weight 1
ACTION_UNITS: dict[str, Shift] = {
    "inner_brow_raiser": {"brow_inner": (-1, -6), "brow_middle": (-0.5, -2), "lid_upper": (0, -0.5)},  # AU 1
    "outer_brow_raiser": {"brow_middle": (0, -5), "brow_outer": (1, -5)},  # AU 2
    "brow_lowerer": {
        "brow_inner": (-3.5, 5),
        "brow_middle": (-1.5, 3.5),
        "brow_outer": (0, 0.5),
        "lid_upper": (0, 0.8),
    },  # AU 4
    "upper_lid_raiser": {"lid_upper": (0, -2.6), "lid_lower": (0, 0.9)},  # AU 5
    "cheek_raiser": {"cheek": (1, -4), "lid_lower": (0, -1.4), "eye_outer": (0.5, 0.3)},  # AU 6
    "lid_tightener": {"lid_lower": (0, -1.5), "lid_upper": (0, 0.9)},  # AU 7
    "lid_droop": {"lid_upper": (0, 2.2), "eye_outer": (0, 1.0)},  # AU 43, partly closed
    "nose_wrinkler": {
        "nose_wing": (1, -4),
        "nose_tip": (0, -1.5),
        "lip_upper": (0, -2.5),
        "brow_inner": (-1.5, 3),
        "cheek": (-1, -2.5),
    },  # AU 9
    "upper_lip_raiser": {"lip_upper": (0.5, -3.5), "nose_wing": (0.8, -1.5), "lip_corner": (-0.5, -0.5)},  # AU 10
    "lip_corner_puller": {
        "lip_corner": (5.5, -5.0),
        "lip_upper": (1.5, -0.5),
        "lip_lower": (2, -1),
        "cheek": (1.5, -2.5),
    },  # AU 12
    "lip_corner_depressor": {"lip_corner": (0.5, 4.5), "lip_lower": (0, -0.8), "jaw_low": (0, 0.5)},  # AU 15
    "chin_raiser": {"lip_lower": (0, -1.5), "lip_upper": (0, -1.0), "chin": (0, -2.0)},  # AU 17
    "lip_stretcher": {"lip_corner": (5.5, 3.0), "lip_upper": (1.5, 0.3), "lip_lower": (2, 0.5)},  # AU 20
    "lip_tightener": {"lip_upper": (-0.5, 1.8), "lip_lower": (-0.5, -2.4), "lip_corner": (-1.5, 0.8)},  # AU 23 and 24
    "lip_rounder": {"lip_corner": (-4.0, 0.5), "lip_upper": (-1, -0.5), "lip_lower": (-1, 1)},  # AU 18 and 22
    "blink": {"lid_upper": (0, 6.5), "lid_lower": (0, -0.6)},  # AU 45
}
# displacement of the landmarks for each proportion of a subject's face, in the form of `ACTION_UNITS`
PROPORTIONS: dict[str, Shift] = {
    "wide_face": {
        "temple": (4, 0),
        "cheekbone": (4, 0),
        "jaw": (3, 0),
        "hair_side": (4, 0),
        "hair_low": (4, 0),
        "cheek": (1, 0),
    },
    "wide_jaw": {"jaw": (4, 1), "jaw_low": (4, 1), "neck": (3, 0)},
    "long_chin": {"chin": (0, 5), "jaw_low": (0, 4), "jaw": (0, 2), "lip_lower": (0, 0.5)},
    "long_nose": {"nose_tip": (0, 2), "nose_base": (0, 2), "nose_wing": (0, 2)},
    "wide_nose": {"nose_wing": (2, 0)},
    "wide_mouth": {"lip_corner": (2.2, 0), "lip_upper": (0.8, 0), "lip_lower": (0.8, 0)},
    "low_mouth": {"lip_corner": (0, 1.5), "lip_upper": (0, 1.5), "lip_lower": (0, 1.5)},
    "turned_mouth": {"lip_corner": (0, 1.3)},
    "full_lips": {"lip_upper": (0, -1), "lip_lower": (0, 1.2)},
    "high_brows": {"brow_inner": (0, -1.5), "brow_middle": (0, -1.7), "brow_outer": (0, -1.5)},
    "slanted_brows": {"brow_inner": (0, 1.4), "brow_outer": (0, -1.4)},
    "large_eyes": {"lid_upper": (0, -0.9), "lid_lower": (0, 0.6), "eye_outer": (0.8, 0), "eye_inner": (-0.4, 0)},
    "wide_eyes": {
        name: (1.8, 0) for name in ("lid_upper", "lid_lower", "eye_inner", "eye_outer", "brow_inner", "brow_middle")
    },
    "high_hair": {"hair_top": (0, -6), "crown": (0, -7), "hair_side": (0, -3)},
    "wide_hair": {"hair_side": (9, 0), "hair_low": (9, 0), "hair_top": (4, 0)},
}

# shading at weight 1: darkness, width in px, and strokes on the right half (mirrored, as above)
Wrinkle = tuple[float, float, tuple[tuple[tuple[float, float], ...], ...]]
WRINKLES: dict[str, Wrinkle] = {
    "inner_brow_raiser": (0.16, 0.8, (((0, -16.5), (12, -15.5)),)),
    "outer_brow_raiser": (0.14, 0.8, (((14, -16.5), (32, -14.5)),)),
    "brow_lowerer": (0.25, 1.0, (((3.2, -13), (3.6, -5)),)),
    "cheek_raiser": (0.22, 0.8, (((35, 1), (40, -1)), ((35, 2.5), (41, 4)), ((15, 7), (24, 8.5), (31, 7)))),
    "nose_wrinkler": (0.20, 1.2, (((0, 2), (7, 0)), ((0, 6), (8, 5)), ((12, 22), (17, 27), (20, 34)))),
    "upper_lip_raiser": (0.16, 1.8, (((13, 23), (18, 29), (22, 38)),)),
    "lip_corner_puller": (0.22, 1.7, (((13.5, 22), (20, 29), (25, 38), (25, 43)),)),
    "lip_corner_depressor": (0.18, 1.5, (((20, 43), (24, 50)),)),
    "chin_raiser": (0.20, 2.0, (((0, 54.5), (9, 55)),)),
    "lip_stretcher": (0.16, 1.1, (((24, 38), (26, 46)),)),
}


@dataclass(frozen=True)
class Expression:
    """Weights of action units, opening of the lips in px, and visible height of the upper teeth in px."""

    units: Mapping[str, float]
    parted: float = 0.0
    teeth: float = 0.0


NEUTRAL = Expression({})
EXPRESSIONS: dict[str, Expression] = {
    "anger": Expression(
        {
            "brow_lowerer": 1.15,
            "upper_lid_raiser": 0.3,
            "lid_tightener": 0.5,
            "lip_tightener": 1.0,
            "lip_corner_depressor": 0.3,
        }
    ),
    "disgust": Expression(
        {
            "nose_wrinkler": 1.0,
            "upper_lip_raiser": 0.9,
            "brow_lowerer": 0.35,
            "lid_tightener": 0.9,
            "lip_corner_depressor": 0.5,
            "chin_raiser": 0.3,
        }
    ),
    "fear": Expression(
        {
            "inner_brow_raiser": 0.9,
            "outer_brow_raiser": 0.3,
            "brow_lowerer": 0.3,
            "upper_lid_raiser": 1.1,
            "lip_stretcher": 1.0,
        },
        5.0,
        3.0,
    ),
    "happiness": Expression({"cheek_raiser": 1.0, "lip_corner_puller": 1.2}, 6.5, 5.0),
    "neutral": NEUTRAL,
    "sadness": Expression(
        {
            "inner_brow_raiser": 1.0,
            "brow_lowerer": 0.3,
            "lid_droop": 1.0,
            "lip_corner_depressor": 1.1,
            "chin_raiser": 0.7,
        }
    ),
    "surprise": Expression(
        {"inner_brow_raiser": 0.9, "outer_brow_raiser": 1.1, "upper_lid_raiser": 1.0, "lip_rounder": 0.9}, 15.0, 2.0
    ),
}


def blend(own: Expression, other: Expression, share: float, intensity: float) -> Expression:
    """`intensity` times the mixture (1 - share) own + share other."""
    a, b = intensity * (1 - share), intensity * share
    names = sorted({*own.units, *other.units})
    units = {name: a * own.units.get(name, 0) + b * other.units.get(name, 0) for name in names}
    return Expression(units, a * own.parted + b * other.parted, a * own.teeth + b * other.teeth)
