"""A text of methods to paste into a paper, as the configuration of a run makes it, with its references as BibTeX."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from emotiw.core import html
from emotiw.evaluation import systems
from emotiw.jobs import stages
from emotiw.report import headline, names

REFERENCES = "report_references.json"
CITED = re.compile(r"\\cite\{([a-z0-9,]+)\}")
OF_FEATURE = {
    "egemaps": r"eGeMAPS \cite{eyben2016} by openSMILE \cite{eyben2010}",
    "functionals": r"the emobase functionals of openSMILE \cite{eyben2010}",
    "whisper": r"frames of the encoder of Whisper-base \cite{radford2023}",
    "cnn": r"activations of AlexNet \cite{krizhevsky2012}",
    "cnn_fer2013": r"activations of AlexNet \cite{krizhevsky2012} fine-tuned on pictures of faces",
    "dense_sift": r"dense SIFT \cite{lowe2004}",
    "hog": r"HOG \cite{dalal2005}",
    "lbp_top": r"LBP-TOP \cite{zhao2007}",
}
OF_STAGE = {
    "kernel_scores": (
        r"The frames of a clip form an image set, described by its linear subspace, its covariance and a Gaussian, each"
        r" with a polynomial and an RBF kernel \cite{liu2014}; a classifier was trained on each kernel and the scores"
        r" were averaged."
    ),
    "pooled_scores": "The frames of a clip were pooled into their mean and standard deviation.",
    "blstm_scores": (
        r"Bidirectional LSTM networks \cite{graves2005} read the frames, and their posteriors were averaged."
    ),
    "average_scores": "The posteriors of the frames were averaged.",
}
OF_SCHEME = {
    "shared": "one weight of the modalities",
    "per_class": "a weight of the modalities for each class",
    "joint": "weights of the modalities for all classes, searched together",
    "product": "the product rule",
    "auto": "weights of the modalities whose scheme was chosen by cross-validation",
}

Config = Mapping[str, Any]


def text(metrics: Mapping[str, Any], config: Config) -> str:
    r"""Paragraphs in plain text with `\cite` marks, as LaTeX takes them."""
    return "\n\n".join(_paragraphs(metrics, config))


def bibtex(metrics: Mapping[str, Any], config: Config) -> str:
    """BibTeX entries of the references that the text cites, sorted by key."""
    known = json.loads(html.resource(REFERENCES))
    cited = {key for keys in CITED.findall(text(metrics, config)) for key in keys.split(",")}
    return "\n\n".join(_entry(key, known[key]) for key in sorted(cited))


def _paragraphs(metrics: Mapping[str, Any], config: Config) -> Iterator[str]:
    yield _data(metrics, config)
    for modality in metrics["modalities"]:
        yield _modality(config, modality)
    if headline.chief(metrics) == "fusion":
        yield _fusion(config)
    yield _evaluation(metrics, config)


def _data(metrics: Mapping[str, Any], config: Config) -> str:
    n_folds = len(metrics["fusion"]["folds"])
    folds = f" with {n_folds} folds, whose test parts are pooled" if n_folds > 1 else ""
    return (
        f"We used {metrics['n_clips']} clips of {metrics['n_subjects']} subjects of {metrics['corpus']} with the"
        f" classes {names.listed(metrics['classes'])}, divided by the protocol {names.status(metrics['protocol'])}"
        f"{folds}; no subject, film or content is in two parts. The system follows Ding et al."
        rf" \cite{{ding2016}} and was run with emotiw as a Snakemake workflow \cite{{molder2021}}"
        f" (seed {config['seed']})."
    )


def _modality(config: Config, modality: str) -> str:
    system = systems.fused(config, modality)
    described = names.listed([OF_FEATURE.get(name, names.feature(name)) for name in system.features])
    row = stages.CLASSIFIERS[system.classifier]
    section = {"pooled_scores": "pooled", "blstm_scores": "blstm"}.get(row.stage)
    by_subject = section is not None and config[section]["normalise"] == "subject"
    return " ".join(
        filter(
            None,
            [
                _source(config, modality),
                f"{'They were' if modality == 'video' else 'It was'} described by {described}.",
                OF_STAGE[row.stage],
                "" if row.stage in ("blstm_scores", "average_scores") else _learner(system.classifier),
                "Features were standardised with the statistics of all clips of the same subject, without labels, the"
                " clips to be predicted included (transductive)."
                if by_subject
                else "",
            ],
        )
    )


def _source(config: Config, modality: str) -> str:
    if modality == "audio":
        return f"Sound was resampled to {config['audio']['rate_hz'] / 1000:g} kHz."
    size = config["faces"]["chip_size"]
    return rf"Faces were found with dlib's detector \cite{{king2009}}, followed, and aligned to {size} x {size} pixels."


def _learner(classifier: str) -> str:
    if classifier in ("pls", "kernel_pls"):
        return (
            r"The classifier is partial least squares \cite{rosipal2001}, its number of components chosen on training"
            " clips."
        )
    return f"The classifier is {names.CLASSIFIERS[classifier]}, its parameter C chosen on training clips."


def _fusion(config: Config) -> str:
    return (
        r"The scores of each modality were calibrated by temperature scaling \cite{guo2017} and fused with"
        f" {OF_SCHEME[config['fusion']['scheme']]}, fitted to the validation clips. A clip that one modality cannot"
        " judge is judged by the other."
    )


def _evaluation(metrics: Mapping[str, Any], config: Config) -> str:
    pairs = metrics["parts"]["test"]["comparisons"]
    tests = (
        r" Systems were compared by the exact McNemar test \cite{dietterich1998} and by permutation of these groups,"
        r" both with Holm's correction \cite{holm1979}."
    )
    return (
        "We report accuracy and unweighted average recall (UAR); a clip that no modality can judge counts with the"
        " class frequencies of training. Intervals (95 %) are percentiles of"
        f" {config['evaluation']['bootstrap']} bootstrap resamples of the groups of clips that share a subject, a film"
        r" or a content \cite{field2007}." + (tests if pairs else "")
    )


def _entry(key: str, reference: Mapping[str, str]) -> str:
    fields = [f"  {name} = {{{value}}}" for name, value in reference.items() if name != "kind"]
    return f"@{reference['kind']}{{{key},\n" + ",\n".join(fields) + "\n}"
