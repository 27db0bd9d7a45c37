#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# run.sh BUILD CC FLAGS: install into a scratch prefix, compile rows.c with what
# pkg-config says, and run it; then mount by the installed mount helper's words.
set -euo pipefail
build=$1 cc=$2 flags=${3-}
here=$(cd "$(dirname "$0")" && pwd)
scratch=$(mktemp -d "${TMPDIR:-/tmp}/lancefs-install.XXXXXX")
trap 'rm -rf "$scratch"' EXIT

cmake --install "$build" --prefix "$scratch/usr" >"$scratch/log" || { cat "$scratch/log"; exit 1; }
for file in bin/lancefs bin/lancectl sbin/mount.lancefs share/man/man1/lancefs.1 \
	share/man/man1/lancectl.1 share/man/man7/lancefs-udf.7 \
	share/lancefs/udf/lancefs_udf.py share/lancefs/udf/sentiment/udf.ini share/doc/lancefs/lancefs.conf; do
	[[ -s $scratch/usr/$file ]] || { echo "not installed: $file"; exit 1; }
done
pc=$(find "$scratch/usr" -name lancefs.pc)
PKG_CONFIG_PATH=$(dirname "$pc")
export PKG_CONFIG_PATH
# the prefix of configuration is another than that of installation
# shellcheck disable=SC2046,SC2086
"$cc" -std=gnu17 -Wall -Wextra -Werror $flags "$here/rows.c" -o "$scratch/rows" \
	$(pkg-config --define-variable=prefix="$scratch/usr" \
		--define-variable=libdir="$(dirname "$(find "$scratch/usr" -name liblancefs.a)")" \
		--define-variable=includedir="$scratch/usr/include" --cflags --libs --static lancefs)
"$scratch/rows" "$here/../data/demo/photos.lance" >"$scratch/out"
[[ $(sed -n 2p "$scratch/out") == "1: The city skyline at sunset 🌅" ]] || { cat "$scratch/out"; exit 1; }
! "$scratch/rows" "$scratch" 2>"$scratch/err"
grep -q 'ot a Lance dataset' "$scratch/err"

# the mount helper: mount's own words go, ours stay
printf '#!/bin/sh\necho "$@"\n' >"$scratch/lancefs"
chmod +x "$scratch/lancefs"
said=$(PATH=$scratch:$PATH sh "$scratch/usr/sbin/mount.lancefs" a.lance m -n -o rw,noauto,ro,x-a.b,formats=npy)
[[ $said == "-o ro,formats=npy -- a.lance m" ]] || { echo "mount.lancefs: $said"; exit 1; }
