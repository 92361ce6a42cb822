#!/bin/bash
# Runs the build step of the containers, install.sh, in a clean root folder, and the command as the user of the image.
# usage: check.sh [BUNDLE CLIP]; with a bundle and a clip, it predicts, too. Status 75: it cannot be run here.
# Needs root, debootstrap, about 3 GB below TMPDIR, and Python 3.11 with pip, which fetches the packages.
set -euo pipefail
cd "$(dirname "$0")/.."
python=${PYTHON:-.venv/bin/python}
unable() { echo "containers/check.sh: $1" >&2; exit 75; }
[ "$(id -u)" -eq 0 ] || unable "needs root"
command -v debootstrap >/dev/null || unable "needs debootstrap"
"$python" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' || unable "needs Python 3.11, as Debian 12 has it"

work=$(mktemp -d)
root=$work/root
clean() {
  ! mountpoint -q "$root" || umount --recursive "$root"
  rm -rf --one-file-system "$work"
}
trap clean EXIT

debootstrap --variant=minbase bookworm "$root" >"$work/debootstrap.log" 2>&1 \
  || { tail -3 "$work/debootstrap.log" >&2; unable "debootstrap could not fetch Debian 12"; }
{ mount --bind "$root" "$root" && mount -t proc proc "$root/proc"; } || unable "cannot mount"
cp /etc/resolv.conf "$root/etc/resolv.conf"

# what the image is built from; packages are fetched outside, with this machine's settings of pip
mkdir "$root/tmp/source" "$root/tmp/packages"
grep '^!' .dockerignore | tr -d '!' | xargs cp -r --target-directory="$root/tmp/source"
pins=$(grep -E '^(pip|setuptools)==' requirements.lock)
# shellcheck disable=SC2086 # two words
"$python" -m pip download --quiet --quiet --disable-pip-version-check --no-build-isolation --constraint requirements.lock \
  --dest "$root/tmp/packages" $pins "$root/tmp/source" || unable "the packages could not be fetched"

clean_env=(env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin PIP_NO_INDEX=1 PIP_FIND_LINKS=/tmp/packages)
chroot "$root" "${clean_env[@]}" sh /tmp/source/containers/install.sh /tmp/source >"$work/install.log" 2>&1 \
  || { cat "$work/install.log" >&2; exit 1; }

# as the image runs it: another user, and only /data and /tmp can be written to
mount -t tmpfs tmpfs "$root/tmp"
mount -t tmpfs -o uid=1000,gid=1000 tmpfs "$root/data"
mount -o remount,bind,ro "$root"
user_env=(env -i PATH=/opt/emotiw/bin:/usr/bin:/bin HOME=/home/emotiw PYTHONDONTWRITEBYTECODE=1
  MPLCONFIGDIR=/tmp/matplotlib XDG_CACHE_HOME=/tmp/cache)
as_user() { chroot --userspec=emotiw:emotiw "$root" "${user_env[@]}" sh -c "cd /data && $1"; }
as_user 'emotiw --version && emotiw doctor && ! touch /home/emotiw/x 2>/dev/null'
as_user 'emotiw why clip; test $? = 2'
if [ $# -eq 2 ]; then
  cp -r "$1" "$root/data/bundle"
  cp "$2" "$root/data/clip"
  as_user 'emotiw predict clip --bundle bundle --output out --self-test'
  test -s "$root/data/out/predictions.json"
fi
echo "the containers' build step works in a clean root folder"
