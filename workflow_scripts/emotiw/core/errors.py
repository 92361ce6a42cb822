"""Errors that a user can cause. A message has four parts: subject, what was found, what was expected, what to do."""


class EmotiwError(Exception):
    """Base class of the errors below."""


class ConfigError(EmotiwError):
    """The configuration cannot be used."""


class ManifestError(EmotiwError):
    """The corpus or its manifest cannot be used."""


class MediaError(EmotiwError):
    """A clip's content cannot be used."""


class LengthError(MediaError):
    """A clip is longer than it may be."""


class FeatureError(EmotiwError):
    """A feature cannot be computed from what was given."""


class StoreError(EmotiwError):
    """An artefact is missing, incomplete, altered or of another schema."""


class WeightsError(EmotiwError):
    """Model weights are missing, altered or of another architecture."""


class DownloadError(EmotiwError):
    """A published file cannot be downloaded, or differs from what was published."""


class BundleError(EmotiwError):
    """A bundle of a trained system is missing, incomplete, altered or of another version."""


class InstallationError(EmotiwError):
    """A command needs a package of an extra that is not installed."""
