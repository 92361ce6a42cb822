"""What can be wrong with a clip's modality: data, not exceptions."""

from enum import StrEnum


class Status(StrEnum):
    """The closed list of states that a clip can have in a modality; only `OK` is trained on and scored."""

    OK = "ok"
    NO_FACE = "no_face"
    FEW_FACES = "few_faces"
    NO_VIDEO = "no_video"
    NO_AUDIO = "no_audio"
    SILENT_AUDIO = "silent_audio"
    SHORT_AUDIO = "short_audio"
    UNDECODABLE = "undecodable"
