#!/bin/sh
# Installs this folder for you alone, without root: the program, a menu entry, icons, "Open with Winnow". Run it again with a
# newer folder to update; settings, models and projects stay. uninstall.sh takes it away.
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
data=${XDG_DATA_HOME:-$HOME/.local/share}
program=$HOME/.local/opt/winnow
bin=$HOME/.local/bin

[ -x "$here/winnow" ] || { echo "There is no program beside this script: run it from the built folder." >&2; exit 1; }
mkdir -p "$HOME/.local/opt" "$bin" "$data/applications" "$data/metainfo" "$data/icons/hicolor/scalable/apps"

if [ "$here" != "$program" ]; then
    # The new one is whole before the old one goes; only the copy takes long.
    rm -rf "$program.new" "$program.old"
    cp -a "$here" "$program.new"
    [ ! -e "$program" ] || mv "$program" "$program.old"
    mv "$program.new" "$program"
    rm -rf "$program.old"
fi

ln -sf "$program/winnow" "$bin/winnow"
# A menu does not know ~/.local/bin everywhere, so the entry says the whole path; quotes as the desktop entry rules ask.
quoted=$(printf '%s' "$program/winnow" | sed 's/[\\"`$]/\\&/g')
escaped=$(printf '%s' "$quoted" | sed 's/\\/\\\\/g; s/[&|]/\\&/g')
sed -e "s|^Exec=winnow|Exec=\"$escaped\"|" -e "/^TryExec=/d" \
    "$program/desktop/winnow.desktop" > "$data/applications/winnow.desktop"
cp "$program"/desktop/*.metainfo.xml "$data/metainfo/"
cp "$program/desktop/winnow.svg" "$data/icons/hicolor/scalable/apps/winnow.svg"
for side in 16 24 32 48 128 256 512; do
    mkdir -p "$data/icons/hicolor/${side}x$side/apps"
    cp "$program/desktop/winnow-$side.png" "$data/icons/hicolor/${side}x$side/apps/winnow.png"
done
if command -v update-desktop-database >/dev/null 2>&1; then
    update-desktop-database -q "$data/applications" || true  # the menu finds the entry later without it
fi

echo "Winnow is in $program and in your menu; \`winnow\` starts it in a terminal."
case ":$PATH:" in *":$bin:"*) ;; *) echo "$bin is not on your PATH; add it to use \`winnow\` in a terminal." ;; esac
