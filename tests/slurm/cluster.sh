#!/usr/bin/env bash
# A Slurm cluster of one node on the loopback interface, for tests: munged, slurmctld and slurmd, as root.
#
#   cluster.sh install          Debian's slurm-wlm and munge, where they are missing
#   cluster.sh start FOLDER     all state and all logs go into FOLDER; returns when the node is idle
#   cluster.sh worker FOLDER    start the worker daemon again, after it was killed
#   cluster.sh stop FOLDER      end the three daemons and take the configuration away
#
# The configuration is linked to /etc/slurm/slurm.conf, because the srun of a job sees no SLURM_CONF. A machine that
# has a configuration of its own there is left alone.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
system_conf=/etc/slurm/slurm.conf

die() {
    echo "cluster.sh: $*" >&2
    exit 1
}

install_packages() {
    command -v slurmctld >/dev/null && command -v slurmd >/dev/null && command -v munged >/dev/null && return
    [ "$(id -u)" -eq 0 ] || die "slurm-wlm and munge are missing; install them, or run this as root"
    export DEBIAN_FRONTEND=noninteractive
    install() { apt-get install -qq -y --no-install-recommends slurm-wlm munge >/dev/null; }
    install || { apt-get update -qq && install; } || die "slurm-wlm and munge could not be installed"
}

write_configuration() {
    local memory_mb
    memory_mb=$(awk '/MemTotal/ {print int($2 / 1024 * 0.9)}' /proc/meminfo)
    sed -e "s|@NODE@|$(hostname -s)|g" -e "s|@RUN@|$run|g" -e "s|@CPUS@|$(nproc --all)|g" -e "s|@MEMORY@|$memory_mb|g" \
        "$here/slurm.conf.in" >"$run/slurm.conf"
    mkdir -p "$(dirname "$system_conf")"
    ln -sfn "$run/slurm.conf" "$system_conf"
}

start_munge() {
    if [ ! -s "$run/munge/key" ]; then
        (umask 077 && head -c 1024 /dev/urandom >"$run/munge/key")
    fi
    # --force: a folder below /tmp is one that others may write to
    munged --force --key-file="$run/munge/key" --socket="$run/munge/socket" --pid-file="$run/munge/pid" \
        --seed-file="$run/munge/seed" --log-file="$run/munge/log"
}

start_worker() {
    slurmd -f "$run/slurm.conf" -N "$(hostname -s)"
}

wait_until_idle() {
    for _ in $(seq 1 120); do
        case $(sinfo -h -o %T 2>/dev/null) in idle | mixed | allocated) return ;; esac
        sleep 0.5
    done
    tail -n 20 "$run"/slurm*.log >&2
    die "the node did not become idle within a minute"
}

start() {
    [ "$(id -u)" -eq 0 ] || die "the daemons of a test cluster must be started as root"
    [ ! -e "$system_conf" ] || [ -L "$system_conf" ] || die "$system_conf exists: this machine has a cluster of its own"
    mkdir -p "$run"/{munge,state,spool}
    chmod 755 "$run" "$run/munge"
    write_configuration
    start_munge
    slurmctld -c -f "$run/slurm.conf" # -c: forget the jobs of an earlier cluster
    start_worker
    wait_until_idle
}

stop() {
    for file in "$run"/slurmd.pid "$run"/slurmctld.pid "$run"/munge/pid; do
        if [ -s "$file" ]; then kill "$(cat "$file")" 2>/dev/null || true; fi
    done
    if [ "$(readlink "$system_conf")" = "$run/slurm.conf" ]; then rm "$system_conf"; fi
}

if [ "${1:-}" = install ]; then
    install_packages
else
    [ $# -eq 2 ] || die "usage: cluster.sh install | start FOLDER | worker FOLDER | stop FOLDER"
    mkdir -p "$2"
    run=$(cd "$2" && pwd)
    case $1 in
    start) start ;;
    worker) start_worker && wait_until_idle ;;
    stop) stop ;;
    *) die "unknown command $1" ;;
    esac
fi
