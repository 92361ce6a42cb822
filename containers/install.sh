#!/bin/sh
# Installs emotiw in a clean Debian 12, as root: the build step of Dockerfile and of emotiw.def.
# usage: install.sh SOURCE [EXTRAS]; SOURCE is a checkout, EXTRAS is empty (`emotiw predict` and what needs no workflow),
# or one of pyproject.toml such as `all`. Variables such as PIP_INDEX_URL choose where packages come from.
set -eu
source=$1
extras=${2:+[$2]}
prefix=/opt/emotiw

export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
apt-get install -qq -y --no-install-recommends ca-certificates python3 python3-venv
rm -rf /var/lib/apt/lists/*

python3 -m venv "$prefix"
pip() { "$prefix/bin/python" -m pip "$@" --quiet --no-cache-dir --disable-pip-version-check; }
pinned() { grep "^$1==" "$source/requirements.lock"; }
pip install "$(pinned pip)"
pip install "$(pinned setuptools)"
# built without isolation, so that nothing but what the lock file pins is fetched or run
pip install --no-build-isolation --constraint "$source/requirements.lock" "$source$extras"

# the account that the container runs as; /data is where clips and results are mounted
useradd --create-home --uid 1000 emotiw
install -d -o emotiw -g emotiw /data
cd /data
"$prefix/bin/emotiw" --version
