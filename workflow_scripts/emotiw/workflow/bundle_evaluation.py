"""Evaluate a finished bundle on a labelled corpus that it has not seen: refuse what it has, judge, score, write."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from emotiw.core import files
from emotiw.core.errors import BundleError, ManifestError
from emotiw.corpora import seen, unseen
from emotiw.corpora.manifest import table_bytes
from emotiw.corpora.unseen import Corpus, LabelledClip
from emotiw.evaluation import stranger_metrics
from emotiw.evaluation.stranger_metrics import SYSTEMS, Judged
from emotiw.prediction import bundle as bundles
from emotiw.prediction import bundle_training, card, judging
from emotiw.prediction.bundle import Bundle
from emotiw.prediction.judging import Answer
from emotiw.workflow import evaluation_page

ANSWERS = "clips"  # folder of the answers, below the output folder
N_NAMED = 5  # clips that a message names


@dataclass(frozen=True)
class Request:
    """What is to be evaluated.

    Attributes
    ----------
    bundle : Path
        Folder of the bundle.
    config : mapping
        The whole configuration, which names the corpus.
    output : Path or None
        Folder of the results; None: nothing is written.
    drop_seen : bool
        Whether clips that the bundle has seen are left out; otherwise they are an error.
    unchecked : bool
        Whether a bundle that does not say what it has seen is evaluated.
    n_processes : int
    """

    bundle: Path
    config: Mapping[str, Any]
    output: Path | None = None
    drop_seen: bool = False
    unchecked: bool = False
    n_processes: int = 1


@dataclass(frozen=True)
class Checked:
    """A corpus without what the bundle has seen, and how that was made sure."""

    bundle: Bundle
    corpus: Corpus
    check: dict[str, Any]


def checked(request: Request) -> Checked:
    """Read bundle and corpus, and refuse or leave out what the bundle has seen.

    Raises
    ------
    BundleError
        If the bundle cannot be read, or does not say what it has seen and `unchecked` is not set.
    ConfigError, ManifestError
        If the corpus cannot be used, or holds clips that the bundle has seen and `drop_seen` is not set.
    OSError
        If the output folder cannot be written.
    """
    if request.output:
        (request.output / ANSWERS).mkdir(parents=True, exist_ok=True)
    bundle = bundles.read(request.bundle)
    hashes = bundle_training.read(bundle)
    if hashes is None and not request.unchecked:
        raise BundleError(
            f"{bundle.folder}: does not say which clips it was trained on, as no bundle of earlier versions of emotiw"
            " does; export it again, or evaluate it --unchecked if you know that it has not seen this corpus"
        )
    corpus = unseen.read(request.config, bundle.classes)
    if hashes is None:
        return Checked(bundle, _with_clips(corpus, corpus.clips), {"checked": False, "n_seen": 0, "seen": ""})
    reasons = {c.clip: seen.reasons(c.sha256, c.subject, c.film, hashes) for c in corpus.clips}
    known = [clip for clip in corpus.clips if reasons[clip.clip]]
    what = seen.summary([reason for clip in known for reason in reasons[clip.clip]])
    if known and not request.drop_seen:
        raise ManifestError(
            f"{len(known)} of {len(corpus.clips)} clips were seen by the bundle in training or validation: {what}"
            f" (clips {_named(known)}); leave them out of the corpus, or evaluate the others with --drop-seen"
        )
    fresh = tuple(clip for clip in corpus.clips if not reasons[clip.clip])
    return Checked(bundle, _with_clips(corpus, fresh), {"checked": True, "n_seen": len(known), "seen": what})


def evaluate(request: Request, found: Checked, advance: Callable[[], None]) -> dict[str, Any]:
    """Judge and score the clips, and write the output folder if there is one.

    Parameters
    ----------
    request : Request
    found : Checked
    advance : callable
        Called after each clip.

    Returns
    -------
    dict
        Content of `evaluation.json`.
    """
    clips = found.corpus.clips
    paths = {clip.sha256: clip.path for clip in clips}
    answers: dict[str, Answer] = {}
    kept = request.output / ANSWERS if request.output else None
    tracks = {name: number for name, number in request.config["media"].items() if number is not None}
    options: dict[str, Any] = {"kept": kept, "n_processes": request.n_processes, "tracks": tracks}
    for key, answer in judging.judge(request.bundle, paths, **options):
        answers[key] = answer
        advance()
    listed = [answers[clip.sha256] for clip in clips]
    content = _content(request, found, listed)
    if request.output:
        files.write_json(request.output / "evaluation.json", content)
        rows = prediction_rows(found.bundle.classes, clips, listed)
        files.write_atomic(request.output / "predictions.csv", table_bytes(rows))
        files.write_atomic(request.output / "evaluation.html", evaluation_page.render(content).encode())
    return content


def prediction_rows(
    classes: Sequence[str], clips: Sequence[LabelledClip], answers: Sequence[Answer]
) -> list[list[str]]:
    """Rows of `predictions.csv`, with the header first: label, decisions, status and posteriors of each clip."""
    header = ["clip", "path", "subject", "label", *(f"predicted_{name}" for name in SYSTEMS), "source"]
    header += ["status_video", "status_audio", "reason", *(f"{name}_{label}" for name in SYSTEMS for label in classes)]
    rows = [header]
    for clip, answer in zip(clips, answers, strict=True):
        values = [answer.posteriors[name] for name in SYSTEMS]
        decided = ["" if value is None else classes[value.index(max(value))] for value in values]
        status = [answer.status["video"], answer.status["audio"], answer.reason]
        shares = [f"{p:.6f}" if value else "" for value in values for p in value or [0.0] * len(classes)]
        rows.append([clip.clip, str(clip.path), clip.subject, clip.label, *decided, answer.source, *status, *shares])
    return rows


def _content(request: Request, found: Checked, answers: Sequence[Answer]) -> dict[str, Any]:
    """Content of `evaluation.json`."""
    clips, bundle, config = found.corpus.clips, found.bundle, request.config
    judged = Judged(
        bundle.classes,
        stranger_metrics.ordered(bundle.classes, [clip.label for clip in clips]),
        tuple(clip.subject or clip.clip for clip in clips),
        tuple(clip.group for clip in clips),
        {name: judging.stacked(answers, name, len(bundle.classes)) for name in SYSTEMS},
    )
    options = {"seed": config["seed"], "n_resamples": config["evaluation"]["bootstrap"]}
    return {
        "bundle": {key: bundle.about[key] for key in ("run", "sha256", "trained_on")}
        | {"lacking": card.lacking(bundle.about)},
        "corpus": {
            "kind": found.corpus.kind,
            "run": config["run"],
            "synthetic": found.corpus.synthetic,
            "labels": config["corpus"]["labels"],
            "n_subjects_known": len({clip.subject for clip in clips} - {""}),
            "notes": list(found.corpus.notes),
        },
        "seen": found.check,
        "options": options,
        "sources": dict(Counter(answer.source for answer in answers)),
        "status": {name: dict(Counter(answer.status[name] for answer in answers)) for name in ("video", "audio")},
        "not_judged": [
            {"clip": clip.clip, "reason": answer.reason}
            for clip, answer in zip(clips, answers, strict=True)
            if answer.posteriors["fusion"] is None
        ],
        "duration_s": round(sum(answer.duration_s for answer in answers), 3),
        "scores": stranger_metrics.content(judged, **options),
    }


def _with_clips(corpus: Corpus, clips: tuple[LabelledClip, ...]) -> Corpus:
    if not clips:
        raise ManifestError("no clip of the corpus is left to be scored; name a corpus that the bundle has not seen")
    return Corpus(**vars(corpus) | {"clips": clips})


def _named(clips: Sequence[LabelledClip]) -> str:
    more = f" and {len(clips) - N_NAMED} more" if len(clips) > N_NAMED else ""
    return ", ".join(clip.clip for clip in clips[:N_NAMED]) + more
