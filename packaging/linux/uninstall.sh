#!/bin/sh
# Takes away what install.sh put there. Your projects lie in your picture folders and are never touched; settings, downloaded
# models, logs and caches stay, too, unless you say --with-data.
set -eu
data=${XDG_DATA_HOME:-$HOME/.local/share}
case "${1:-}" in
    "" | --with-data) ;;
    *) echo "usage: uninstall.sh [--with-data]" >&2; exit 2 ;;
esac

rm -f "$HOME/.local/bin/winnow" "$data/applications/winnow.desktop" "$data/metainfo/io.github.winnow_app.Winnow.metainfo.xml"
rm -f "$data/icons/hicolor/scalable/apps/winnow.svg"
for side in 16 24 32 48 128 256 512; do rm -f "$data/icons/hicolor/${side}x$side/apps/winnow.png"; done
if command -v update-desktop-database >/dev/null 2>&1; then
    update-desktop-database -q "$data/applications" || true
fi

set -- "${1:-}" "$data/Winnow" "${XDG_CONFIG_HOME:-$HOME/.config}/Winnow" "${XDG_CACHE_HOME:-$HOME/.cache}/Winnow" \
    "${XDG_STATE_HOME:-$HOME/.local/state}/Winnow"
kept=$1
shift
if [ "$kept" = --with-data ]; then
    rm -rf "$@"
    echo "Winnow, its settings, models, logs and caches are gone; projects in your picture folders (.winnow) stay."
else
    echo "Winnow is gone. Kept, where they exist:"
    for folder in "$@"; do [ ! -e "$folder" ] || echo "  $folder"; done
fi
rm -rf "$HOME/.local/opt/winnow"  # last: this script may lie in it, and the shell has read it by now
exit 0
