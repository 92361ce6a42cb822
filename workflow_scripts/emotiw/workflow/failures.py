"""The last lines of a failed run: how many jobs failed, for which clips, the cause, and the logs."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from emotiw.compare import job_costs
from emotiw.jobs import stages
from emotiw.workflow.protocol import Protocol

SHOWN = 5  # clips of a cause, and causes, that are named
LONGEST = 300  # characters of a reason
SILENT = "wrote nothing to its log: it was killed, or ran out of memory or time; on Slurm see also slurm-logdir"


@dataclass(frozen=True)
class Failure:
    """A job whose last attempt failed: the name of its rule, its wildcards, the paths of its logs."""

    rule: str
    wildcards: Mapping[str, str]
    logs: Sequence[str]


def summary(failures: Iterable[Failure], protocol: Protocol) -> str:
    """Text that a failed run ends with; failures with the same cause are listed together.

    Parameters
    ----------
    failures : iterable of Failure
    protocol : Protocol
        Knows the clips of each job.
    """
    causes: dict[tuple[str, str], list[tuple[str, Failure]]] = {}
    n_failed = 0
    for failure in failures:
        n_failed += 1
        reason = _reason(failure)
        subject = _subject(failure, protocol)
        causes.setdefault((failure.rule, _without(reason, failure, protocol)), []).append((subject, failure))
    jobs = "1 job" if n_failed == 1 else f"{n_failed} jobs"
    lines = [
        "",
        f"emotiw: {jobs} failed. Finished results are kept: fix the cause, then run the same command again.",
    ]
    for (rule, reason), failed in list(causes.items())[:SHOWN]:
        subjects = [subject for subject, _ in failed]
        more = f" and {len(subjects) - SHOWN} more" if len(subjects) > SHOWN else ""
        logs = [log for _, failure in failed for log in failure.logs]
        lines += [f"  {rule}, {', '.join(subjects[:SHOWN])}{more}", f"    {reason}"]
        lines += [f"    log: {log}" for log in logs[:1]]
    if len(causes) > SHOWN:
        lines.append(f"  and {len(causes) - SHOWN} other causes; see the logs of the jobs named above")
    return "\n".join(lines)


def _reason(failure: Failure) -> str:
    """Last line of the job's log but its cost, at most `LONGEST` characters; `SILENT` if no log has such a line."""
    for log in failure.logs:
        try:
            lines = Path(log).read_text(encoding="utf-8", errors="replace").strip().splitlines()
        except OSError:
            continue
        if lines := [line for line in lines if not job_costs.TOOK.search(line)]:
            return lines[-1][:LONGEST]
    return SILENT


def _subject(failure: Failure, protocol: Protocol) -> str:
    """Clip or clips of a job of single clips, otherwise its wildcards."""
    row = stages.ROWS.get(failure.rule)
    if row and row.per_clip:
        clips = protocol.clips_of_job.get(failure.wildcards.get("job", ""), [])
        if len(clips) == 1:
            return f"clip {clips[0]}"
        return f"job {failure.wildcards.get('job')} of {len(clips)} clips"
    return ", ".join(f"{name} {value}" for name, value in failure.wildcards.items()) or "the run"


def _without(reason: str, failure: Failure, protocol: Protocol) -> str:
    """Replace id and path of a job's only clip in the reason by `CLIP`, so that equal causes are equal texts."""
    job = failure.wildcards.get("job", "")
    clips = protocol.clips_of_job.get(job, [])
    for clip in clips if len(clips) == 1 else ():
        reason = reason.replace(str(protocol.manifest.row_of_clip[clip].path), "CLIP").replace(f"{clip}:", "CLIP:")
    return reason
