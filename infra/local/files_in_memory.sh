#!/bin/sh
# Runs a command with its temporary files in memory, where there is room and programs may be run
# from there; else where they always are. A test waits for a disk many times a second, to have
# written what nobody will read again. The files are gone when the command has ended.
# Usage: infra/local/files_in_memory.sh COMMAND...     (make test does)
set -u
memory=/dev/shm
needed_kb=6000000

room() {
    [ -w "$memory" ] && [ -r /proc/meminfo ] &&
        [ "$(df -Pk "$memory" | awk 'NR == 2 { print $4 }')" -gt "$needed_kb" ] &&
        [ "$(awk '$1 == "MemAvailable:" { print $2 }' /proc/meminfo)" -gt "$needed_kb" ]
}

if ! room; then exec "$@"; fi
# a short name: paths of sockets have at most 107 characters
folder=$(mktemp -d "$memory/lt.XXXX") || exec "$@"
chmod 711 "$folder"  # servers that do not run as root have theirs in it
trap 'rm -rf "$folder"' EXIT
trap 'exit 130' INT TERM HUP
printf '#!/bin/sh\n' >"$folder/runs" && chmod 700 "$folder/runs"
if "$folder/runs" 2>/dev/null; then
    TMPDIR=$folder
    export TMPDIR
fi
"$@"
