#!/usr/bin/env bash
# Makes .venv with everything Winnow needs: uv, the locked packages, sam2 without its CUDA extension.
# `make` calls it when a lock changed. Safe to run again at any time.
set -eu
cd "$(dirname "$0")/.."

find_python() {
    for name in "${PYTHON:-}" python3 python3.13 python3.12 python3.11 python; do
        [ -n "$name" ] || continue
        if "$name" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null; then
            echo "$name"
            return
        fi
    done
    echo "Winnow needs Python 3.11, 3.12 or 3.13. Install one, or name it: make PYTHON=/path/to/python3.12" >&2
    exit 1
}

# Installs Debian packages when we may; otherwise says the one command that does, and fails.
need_packages() {
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        echo "Installing system packages: $*"
        apt-get install -y -qq --no-install-recommends "$@" >/dev/null 2>&1 ||
            { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null; }
    elif command -v apt-get >/dev/null; then
        echo "Missing system libraries. Please run: sudo apt-get install -y $*" >&2
        return 1
    else
        echo "Missing system libraries. Please install your distribution's packages for: $*" >&2
        return 1
    fi
}

# Lists the packages of "library:package" pairs whose library the loader does not know.
missing_libraries() {
    local known pair
    known=$( (ldconfig -p || /sbin/ldconfig -p) 2>/dev/null )
    for pair in "$@"; do
        case "$known" in *"${pair%%:*}"*) ;; *) echo "${pair##*:}" ;; esac
    done | sort -u
}

system_libraries() {
    [ "$(uname -s)" = Linux ] || return 0
    local needed window
    # Without these Qt and OpenCV do not even import.
    needed=$(missing_libraries libEGL.so.1:libegl1 libGL.so.1:libgl1 libglib-2.0.so.0:libglib2.0-0 libgthread-2.0.so.0:libglib2.0-0 \
        libxkbcommon.so.0:libxkbcommon0 libdbus-1.so.3:libdbus-1-3 libfontconfig.so.1:libfontconfig1)
    # These are for a window on an X11 screen.
    window=$(missing_libraries libxcb-cursor.so.0:libxcb-cursor0 libxcb-icccm.so.4:libxcb-icccm4 libxcb-image.so.0:libxcb-image0 \
        libxcb-keysyms.so.1:libxcb-keysyms1 libxcb-render-util.so.0:libxcb-render-util0 libxcb-shape.so.0:libxcb-shape0 \
        libxcb-xinerama.so.0:libxcb-xinerama0 libxcb-xkb.so.1:libxcb-xkb1 libxkbcommon-x11.so.0:libxkbcommon-x11-0)
    ls /usr/share/fonts/*/* >/dev/null 2>&1 || ls "$HOME/.fonts" "$HOME/.local/share/fonts" >/dev/null 2>&1 || window="$window fonts-dejavu-core"
    # shellcheck disable=SC2086
    if [ -n "$needed" ]; then need_packages $needed $window; elif [ -n "$window" ]; then need_packages $window || true; fi
}

make_venv() {
    [ -x .venv/bin/python ] && return
    local python
    python=$(find_python)
    "$python" -m venv .venv 2>/dev/null && return
    rm -rf .venv
    need_packages "$("$python" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')"
    "$python" -m venv .venv
}

make_venv
system_libraries
.venv/bin/python -m pip install -q --disable-pip-version-check uv
.venv/bin/uv pip install -q -p .venv/bin/python -r requirements.lock
# sam2 is built against the torch that is installed; its CUDA extension is replaced by OpenCV in our code.
# All byte code is compiled here: where Python may not write it (containers often forbid it), every start compiles torch anew.
SAM2_BUILD_CUDA=0 .venv/bin/uv pip install -q -p .venv/bin/python --compile-bytecode --no-build-isolation --no-deps -r requirements-sam2.lock
