#!/bin/sh
# Sets up .venv from a locked requirements file and installs the four local distributions into it.
# Usage: infra/local/install.sh runtime|dev|tools     (make install, make test and make lock do)
set -eu
cd "$(dirname "$0")/../.."

requirements="requirements/$1.txt"
venv=.venv
python="$venv/bin/python"

say() { printf '%s\n' "$*" >&2; }

suits() {
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1
}

# PYTHON from the environment decides alone. Otherwise the user's own python3 goes first, then the
# versions that every locked wheel is known to exist for.
find_python() {
    incomplete=
    for candidate in ${PYTHON:-python3 python3.12 python3.11 python3.13 python3.14 python}; do
        command -v "$candidate" >/dev/null 2>&1 && suits "$candidate" || continue
        if "$candidate" -c 'import venv, ensurepip' >/dev/null 2>&1; then
            command -v "$candidate"
            return
        fi
        incomplete=$candidate
    done
    if [ -n "$incomplete" ]; then
        say "$incomplete cannot make virtual environments: its venv or ensurepip module is missing."
        say "Install it (Debian, Ubuntu: apt install python3-venv), or name another Python:"
        say "make install PYTHON=/path/to/python3.12"
    elif [ -n "${PYTHON:-}" ]; then
        say "PYTHON=$PYTHON is not a working Python 3.11 or newer."
    else
        say "lineal needs Python 3.11 or newer, and none was found. Install one (Debian, Ubuntu:"
        say "apt install python3 python3-venv; macOS: brew install python@3.12), or name one:"
        say "make install PYTHON=/path/to/python3.12"
    fi
    return 1
}

make_venv() {
    base=$(find_python)
    say "Creating $venv with $("$base" -V)"
    "$base" -m venv --clear "$venv"
}

# uv does not read pip's configuration files: hand it the index that pip would ask.
pip_setting() {
    "$python" -m pip config list 2>/dev/null |
        sed -n "s/^\(:env:\|global\|install\)\.$1='\(.*\)'\$/\2/p" | tail -n 1
}

adopt_pip_index() {
    if [ -z "${UV_DEFAULT_INDEX:-}${UV_INDEX_URL:-}${UV_INDEX:-}${UV_CONFIG_FILE:-}" ]; then
        index=$(pip_setting index-url)
        if [ -n "$index" ]; then export UV_DEFAULT_INDEX="$index"; fi
        extra=$(pip_setting extra-index-url)
        if [ -n "$extra" ]; then export UV_INDEX="$extra"; fi
    fi
    certificates=$(pip_setting cert)
    if [ -z "${SSL_CERT_FILE:-}" ] && [ -n "$certificates" ]; then
        export SSL_CERT_FILE="$certificates"
    fi
}

suits "$python" && "$python" -m pip --version >/dev/null 2>&1 || make_venv

"$python" -m pip install --quiet --require-hashes -r requirements/build.txt
adopt_pip_index
if [ "$1" = tools ]; then exit; fi

install_with_uv() {
    "$venv/bin/uv" pip install --python "$python" --compile-bytecode --require-hashes \
        -r "$requirements"
}

# On a busy machine or a slow line downloads run out of time: what came is kept, so another try
# goes on from there.
install_with_uv || {
    say "uv could not install $requirements (exit code $?; why stands above)." \
        "Trying again, with fewer downloads at once and more time for each."
    UV_CONCURRENT_DOWNLOADS=${UV_CONCURRENT_DOWNLOADS:-4} UV_HTTP_TIMEOUT=${UV_HTTP_TIMEOUT:-180}
    export UV_CONCURRENT_DOWNLOADS UV_HTTP_TIMEOUT
    install_with_uv || {
        say "uv failed again (exit code $?). Installing with pip instead, which is slower and reads" \
            "settings that uv does not know."
        "$python" -m pip install --require-hashes -r "$requirements" || {
            say "pip could not install $requirements either (exit code $?; why stands above)." \
                "If downloads failed, run this again: what came is kept. Behind a proxy or an" \
                "index of your own, set it for pip: pip config set global.index-url URL."
            exit 1
        }
    }
}
"$python" -m pip install --quiet --no-deps --no-build-isolation -e ./schemas -e ./scoring \
    -e ./edge_firmware -e .
# Compiled here: where Python may not write bytecode, every command would compile all it imports.
"$python" -m compileall -q lineal schemas/lineal_schemas producers consumers catalog learning cli console \
    scoring/lineal_scoring edge_firmware/lineal_edge
if [ "$1" = dev ]; then "$python" -m compileall -q infra/local/lineal_local tests; fi
