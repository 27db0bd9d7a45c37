#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# test_read.sh: the tree of the demo dataset, read with ordinary programs.
. "$(dirname "$0")/lib.sh"
mount_it

is "rows in info" "rows: 240" "$(grep ^rows: "$mnt/info")"
is "lines of a text column" 240 "$(wc -l <"$mnt/columns/caption.txt")"
is "a caption with a tab" 'A pine forest at noon\t(scan 2)' "$(sed -n 4p "$mnt/columns/caption.txt")"
is "the same as a value" $'A pine forest at noon\t(scan 2)' "$(cat "$mnt/rows/3/caption.txt")"
is "nulls" 11 "$(grep -cx '\\N' "$mnt/columns/caption.txt")"
is "sum of an int column" "$(awk '{ s += $1 } END { print s }' "$mnt/columns/width.txt")" \
	"$(cat "$mnt"/rows/*/width.txt | awk '{ s += $1 } END { print s }')"
is "pictures" 239 "$(find "$mnt/columns/image" -name '*.jpg' | wc -l)"
is "a null picture" no "$([[ -e $mnt/columns/image/0000041.jpg ]] && echo yes || echo no)"
is "a picture is a picture" "image/jpeg" "$(file -b --mime-type "$mnt/columns/image/0000017.jpg")"
is "both its paths" "$(sha256sum <"$mnt/columns/image/0000017.jpg")" "$(sha256sum <"$mnt/rows/17/image.jpg")"
is "npy magic" "NUMPY" "$(head -c 6 "$mnt/columns/embedding.npy" | tail -c 5)"
is "npy size" $((128 + 240 * 32 * 4)) "$(stat -c %s "$mnt/columns/embedding.npy")"
is "arrow found by name" "ARROW1" "$(head -c 6 "$mnt/columns/width.arrow")"
is "csv header" "width" "$(head -n 1 "$mnt/columns/width.csv" | tr -d '\r')"
is "latest" 1 "$(readlink "$mnt/versions/latest")"
is "an old version is the same" "$(sha256sum <"$mnt/columns/key.txt")" \
	"$(sha256sum <"$mnt/versions/1/columns/key.txt")"
is "type in an attribute" float64 "$(getfattr --absolute-names --only-values -n user.lance.type "$mnt/columns/rating.txt")"
mime() { getfattr --absolute-names --only-values -n user.mime_type "$1"; }
is "what files are to a desktop" "text/plain text/csv image/jpeg text/plain" \
	"$(mime "$mnt/columns/rating.txt") $(mime "$mnt/columns/rating.csv") $(mime "$mnt/rows/0/image.jpg") $(mime "$mnt/rows/0/caption.txt")"
fails "no such column" "cat '$mnt/columns/captoin.txt'"
fails "versions are not written" "echo x > '$mnt/versions/1/columns/key.txt'"
fails "rows are not written" "echo x > '$mnt/rows/1/key.txt'"

# sizes are exact, everywhere but in control and metrics
while read -r size path; do
	is "size of $path" "$size" "$(wc -c <"$path")"
done < <(find "$mnt" -path "$mnt/control" -prune -o -path "$mnt/metrics" -prune -o -path "$mnt/rows/[1-9]*" -prune -o -type f -printf '%s %p\n')

is "lancectl agrees with the mount" "$(sha256sum <"$mnt/columns/caption.txt")" \
	"$("$LANCEFS_BIN/lancectl" export "$dataset" caption | sha256sum)"
