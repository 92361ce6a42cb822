"""Statuses of a clip in each modality. A defective clip is recorded as data and raises no exception."""

from enum import StrEnum


class Status(StrEnum):
    """All states that a clip can have in a modality; only clips with `OK` are used for training and scored."""

    OK = "ok"
    NO_FACE = "no_face"
    FEW_FACES = "few_faces"
    NO_VIDEO = "no_video"
    NO_AUDIO = "no_audio"
    SILENT_AUDIO = "silent_audio"
    SHORT_AUDIO = "short_audio"
    UNDECODABLE = "undecodable"
    NO_FEATURE = "no_feature"  # of an imported feature: there is no file of the clip, or no frame in it
    CRASHED = "crashed"  # native code died of a signal at the clip, twice; the reason names the signal
