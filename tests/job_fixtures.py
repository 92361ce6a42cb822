"""A job of clips as the programs that decode these are given it: a table, the job's name, a digest."""

import csv

from emotiw.core.files import sha256
from emotiw.jobs.identity import clips_digest


def job_of(folder, paths, job="job", **hashes):
    """Options of a program for the clips at `paths`, by id, and the digest of these for its identity.

    `hashes` stand for those of the files.
    """
    table = folder / f"{job}.csv"
    clips = [[name, hashes.get(name) or sha256(path)] for name, path in paths.items()]
    rows = [[name, str(paths[name]), digest, job] for name, digest in clips]
    with table.open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows([["clip", "path", "sha256", "job"], *rows])
    return ["--manifest", str(table), "--job", job], clips_digest(clips)
