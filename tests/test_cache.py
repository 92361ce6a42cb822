"""The cache of per-clip features: what is put there comes back, and nothing doubtful does."""

import errno
import logging
import os
import stat
import subprocess
import sys
import time

import pytest
from typer.testing import CliRunner

from emotiw import cli
from emotiw.core import files
from emotiw.jobs import cache, cache_upkeep
from emotiw.jobs.cache import Cache

KEY = cache.key(n=1)
CONTENT = b"\x89HDF\nof one clip\n" * 1000


@pytest.fixture
def shared(tmp_path):
    """A cache with one entry."""
    made = Cache(tmp_path / "cache")
    made.put("hog", KEY, CONTENT)
    return made


def entry(shared):
    return shared.path("hog", KEY)


def rewrite(path, data):
    path.unlink()
    path.write_bytes(data)
    path.chmod(0o444)


def permissions(path):
    return stat.S_IMODE(path.stat().st_mode)


def test_what_was_put_is_found_by_its_key_alone(shared):
    assert shared.get("hog", KEY) == CONTENT
    assert shared.get("hog", cache.key(n=2)) is None
    assert shared.get("cnn", KEY) is None


def test_a_key_tells_everything_apart_and_forgets_the_order():
    keys = {cache.key(a=1, b=2), cache.key(a=2, b=1), cache.key(a=1), cache.key(a=1, b="2")}
    assert len(keys) == 4
    assert cache.key(b=2, a=1) in keys


# --- poisoned and half-written entries -------------------------------------------------------------------------------


def flipped(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    rewrite(path, bytes(data))


def header_flipped(path):
    data = bytearray(path.read_bytes())
    data[len(cache.FORMAT) + 3] ^= 1
    rewrite(path, bytes(data))


def truncated(path):
    rewrite(path, path.read_bytes()[:-100])


def emptied(path):
    rewrite(path, b"")


def lengthened(path):
    rewrite(path, path.read_bytes() + b"\0")


def of_another_key(path):
    rewrite(path, cache.first_line(cache.key(n=2), CONTENT) + CONTENT)


@pytest.mark.parametrize("damage", [flipped, header_flipped, truncated, emptied, lengthened, of_another_key])
def test_an_altered_entry_is_told_removed_and_made_again(shared, caplog, damage):
    damage(entry(shared))
    assert shared.get("hog", KEY) is None
    assert "not used, because it is not what was written (another key or SHA-256); it is computed again" in caplog.text
    assert not entry(shared).exists()
    shared.put("hog", KEY, CONTENT)
    assert shared.get("hog", KEY) == CONTENT


def made_writable(path):
    path.chmod(0o646)


def made_writable_for_the_group(path):
    path.chmod(0o464)


def replaced_by_a_link(path):
    path.rename(path.parents[2] / "moved")
    path.symlink_to(path.parents[2] / "moved")


def replaced_by_a_pipe(path):
    path.unlink()
    os.mkfifo(path)


def replaced_by_a_folder(path):
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize(
    ("damage", "why"),
    [
        (made_writable, "may be written by others (mode 646)"),
        (made_writable_for_the_group, "may be written by others (mode 464)"),
        (replaced_by_a_link, "cannot be accessed (Too many levels of symbolic links)"),
        (replaced_by_a_pipe, "is no plain file"),
        (replaced_by_a_folder, "is no plain file"),
    ],
)
def test_an_entry_that_another_could_have_made_is_not_used(shared, caplog, damage, why):
    damage(entry(shared))
    assert shared.get("hog", KEY) is None
    assert f"not used, because it {why}; it is computed again" in caplog.text
    assert entry(shared).is_dir() or not os.path.lexists(entry(shared))


def test_what_a_link_pointed_to_is_left_alone(shared):
    replaced_by_a_link(entry(shared))
    shared.get("hog", KEY)
    assert (shared.folder / "moved").read_bytes().endswith(CONTENT)


def test_nothing_is_read_or_written_behind_a_linked_folder(shared, caplog):
    (shared.folder / "hog").rename(shared.folder.parent / "elsewhere")
    (shared.folder / "hog").symlink_to(shared.folder.parent / "elsewhere")
    assert shared.get("hog", KEY) is None
    shared.put("hog", cache.key(n=2), CONTENT)
    assert caplog.text.count("it lies behind a link") == 2
    assert [path.name for path in (shared.folder.parent / "elsewhere").rglob("*") if path.is_file()] == [KEY]


def another_users(path, monkeypatch):
    """Make the entry another user's: really so for root, else by taking another user's part."""
    if os.geteuid() == 0:
        os.chown(path, 4242, -1)
    else:
        monkeypatch.setattr(os, "geteuid", lambda: 4242)
    return path.stat().st_uid


def test_an_entry_of_another_user_is_used_only_if_that_user_is_trusted(shared, caplog, monkeypatch):
    user = another_users(entry(shared), monkeypatch)
    assert Cache(shared.folder).get("hog", KEY) is None
    assert f"belongs to user {user}, who is not among cache.users" in caplog.text
    assert entry(shared).exists()  # it is for its owner to remove
    assert Cache(shared.folder, [user]).get("hog", KEY) == CONTENT


def test_a_temporary_file_that_a_killed_writer_left_is_no_entry(shared):
    entry(shared).rename(entry(shared).with_name(f".{KEY}.123.tmp"))
    assert shared.get("hog", KEY) is None


# --- permissions -----------------------------------------------------------------------------------------------------


@pytest.fixture
def umask():
    before = os.umask(0)
    yield os.umask
    os.umask(before)


@pytest.mark.parametrize(("mask", "mode"), [(0, 0o444), (0o022, 0o444), (0o077, 0o400)])
def test_a_new_cache_is_its_user_s_alone_and_entries_are_never_written_again(tmp_path, umask, mask, mode):
    umask(mask)
    made = Cache(tmp_path / "deep" / "cache")
    made.put("hog", KEY, CONTENT)
    assert permissions(entry(made)) == mode
    assert {permissions(path) for path in (made.folder, *entry(made).parents[:2])} == {0o700}


@pytest.mark.parametrize(("given", "inside"), [(0o2770, 0o2770), (0o755, 0o755), (0o1777, 0o775), (0o777, 0o775)])
def test_folders_within_are_shared_as_the_cache_is_but_not_with_all_the_world(tmp_path, given, inside):
    made = Cache(tmp_path / "cache")
    made.folder.mkdir()
    made.folder.chmod(given)
    made.put("hog", KEY, CONTENT)
    assert {permissions(path) for path in entry(made).parents[:2]} == {inside}
    assert permissions(entry(made)) & 0o222 == 0
    assert made.get("hog", KEY) == CONTENT


# --- a cache that fails ----------------------------------------------------------------------------------------------


def test_a_full_disk_is_told_once_and_leaves_nothing_behind(tmp_path, caplog, monkeypatch):
    def full(_descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    made = Cache(tmp_path / "cache")
    for n in range(3):
        made.put("hog", cache.key(n=n), CONTENT)
    assert caplog.text.count("nothing more is put into the cache, because it cannot be accessed (No space left") == 1
    assert [path for path in made.folder.rglob("*") if path.is_file()] == []


def test_a_cache_that_is_a_file_is_no_cache(tmp_path, caplog):
    (tmp_path / "cache").write_text("")
    made = Cache(tmp_path / "cache")
    assert made.get("hog", KEY) is None
    made.put("hog", KEY, CONTENT)
    assert not made.writable
    assert "(Not a directory)" in caplog.text


def python(code, cwd, root, *arguments):
    command = [sys.executable, "-c", code, *arguments]
    own = {"PYTHONPATH": str(root / "workflow_scripts")}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(command, cwd=cwd, env=os.environ | own, **pipes)


READ_ONLY = """if True:
    import os, sys
    from pathlib import Path
    from emotiw.jobs.cache import Cache
    if os.getuid() == 0:
        os.setuid(65534)
    shared = Cache(Path("cache"), [int(sys.argv[2])])
    shared.put("hog", "ff" * 32, b"")
    print(len(shared.get("hog", sys.argv[1])), shared.writable)
"""


def test_a_folder_that_may_only_be_read_is_read(shared, root):
    folders = [shared.folder, *entry(shared).parents[:2]]
    for folder in folders:
        folder.chmod(0o555)
    shared.folder.parent.chmod(0o755)
    process = python(READ_ONLY, shared.folder.parent, root, KEY, str(os.geteuid()))
    out, err = process.communicate(timeout=60)
    for folder in folders:
        folder.chmod(0o755)
    assert out == f"{len(CONTENT)} False\n", err
    assert "nothing more is put into the cache, because it cannot be accessed (Permission denied)" in err


FILLS = """if True:
    import sys
    from pathlib import Path
    from emotiw.jobs import cache
    shared = cache.Cache(Path("together"))
    for n in range(60):
        key = cache.key(n=n)
        found = shared.get("hog", key)
        if found not in (None, key.encode() * 5000):
            sys.exit("torn")
        shared.put("hog", key, key.encode() * 5000)
"""


def test_two_processes_fill_it_at_once(tmp_path, root):
    processes = [python(FILLS, tmp_path, root) for _ in range(3)]
    for process in processes:
        assert process.communicate(timeout=60) == ("", "")
        assert process.returncode == 0
    made = Cache(tmp_path / "together")
    assert len(list(cache_upkeep.kept(made))) == 60
    assert list(cache_upkeep.doubts(made)) == []


# --- how programs find it --------------------------------------------------------------------------------------------


def test_programs_find_it_in_their_environment(tmp_path, monkeypatch, caplog):
    monkeypatch.chdir(tmp_path)
    for name, value in cache.environment({"folder": "mine", "users": ["root", "nobody_here"]}).items():
        monkeypatch.setenv(name, value)
    found = cache.configured()
    assert found.folder == tmp_path / "mine"
    assert found.trusted == {0, os.geteuid()}
    assert "cache.users: this machine has no user nobody_here" in caplog.text


def test_there_is_none_by_default(monkeypatch):
    monkeypatch.setenv(cache.FOLDER, "left from somewhere")
    for name, value in cache.environment({"folder": None, "users": []}).items():
        monkeypatch.setenv(name, value)
    assert cache.configured() is None


# --- upkeep ----------------------------------------------------------------------------------------------------------


def test_a_use_is_marked_and_a_look_is_not(shared):
    os.utime(entry(shared), (1e9, 1e9))
    assert list(cache_upkeep.doubts(shared)) == []
    assert entry(shared).stat().st_mtime == 1e9
    shared.get("hog", KEY)
    assert time.time() - entry(shared).stat().st_mtime < 100


@pytest.fixture
def filled(shared):
    """Entries last used 1 to 4 days ago, 1 kB each, and what killed writers left behind 0 and 2 days ago."""
    entry(shared).unlink()
    for days in range(1, 5):
        key = cache.key(days=days)
        shared.put("faces", key, bytes(1000 - len(cache.first_line(key, b""))))
        os.utime(shared.path("faces", key), (0, time.time() - days * 86400 + 60))
    for days in (0, 2):
        path = shared.path("faces", key).with_name(f".{key}.{days}.tmp")
        path.write_bytes(b"")
        os.utime(path, (0, time.time() - days * 86400 - 60))
    (shared.folder / "notes.txt").write_text("mine")
    return shared


@pytest.mark.parametrize(
    ("limits", "left"),
    [
        ({"days": 2.5}, [1, 2]),
        ({"gigabytes": 3e-6}, [1, 2, 3]),
        ({"days": 3.5, "gigabytes": 1.5e-6}, [1]),
        ({"days": 0.0}, []),
    ],
)
def test_what_was_not_used_for_longest_goes_first(filled, limits, left):
    cache_upkeep.prune(filled, **limits)
    found = list(cache_upkeep.kept(filled))
    assert {it.path.name for it in found if it.whole} == {cache.key(days=days) for days in left}
    assert [it.path.name[-6:] for it in found if not it.whole] == [".0.tmp"]
    assert (filled.folder / "notes.txt").exists()


@pytest.fixture
def command(filled, tmp_path, monkeypatch):
    monkeypatch.setenv("COLUMNS", "120")
    (tmp_path / "my.yaml").write_text(f"cache: {{folder: {filled.folder}}}\n")
    return lambda *more: CliRunner().invoke(cli.app, ["cache", "--configfile", str(tmp_path / "my.yaml"), *more])


def test_the_command_shows_what_there_is(command):
    result = command()
    assert result.exit_code == 0, result.output
    assert [line.split() for line in result.output.splitlines()[3:5]] == [
        ["faces", "4", "0.0", "1.0", "to", "4.0"],
        ["left", "by", "killed", "writers", "2", "0.0", "0.0", "to", "2.0"],
    ]


def test_the_command_names_what_is_in_doubt(command, filled):
    assert command("--verify").exit_code == 0
    path = filled.path("faces", cache.key(days=2))
    flipped(path)
    result = command("--verify")
    assert result.exit_code == 1
    assert f"{path}: is not what was written (another key or SHA-256)" in result.stderr
    assert path.exists()


def test_the_command_removes_what_is_old(command):
    assert "3 removed" in command("--days", "2.5").output.replace("\n", "")
    assert "4" not in command().output.splitlines()[3].split()


@pytest.mark.parametrize(
    ("text", "why"),
    [("{}", "cache.folder: is null, so there is no cache"), ("cache: {dir: a}", "'dir' was unexpected")],
)
def test_the_command_says_why_there_is_none(tmp_path, text, why):
    (tmp_path / "none.yaml").write_text(text)
    result = CliRunner().invoke(cli.app, ["cache", "--configfile", str(tmp_path / "none.yaml")])
    assert (result.exit_code, why in result.stderr) == (2, True)


def test_what_others_could_plant_is_not_written_through(tmp_path, monkeypatch):
    monkeypatch.setattr(files.secrets, "randbits", lambda n: 7)
    (tmp_path / "mine").write_text("precious")
    (tmp_path / ".a.7.tmp").symlink_to(tmp_path / "mine")
    with pytest.raises(FileExistsError):
        files.write_atomic(tmp_path / "a", b"new")
    assert (tmp_path / "mine").read_text() == "precious"


def test_a_hit_is_silent(shared, caplog):
    caplog.set_level(logging.DEBUG)
    shared.get("hog", KEY)
    assert caplog.text == ""
