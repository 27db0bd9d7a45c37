#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# test_rows.sh: rows that are deleted and updated through control: what the mount shows
# follows, old versions and open files stay.
. "$(dirname "$0")/lib.sh"
set +e

check() {
	local what=$1
	shift
	"$@" >"$scratch/out" 2>&1 || is "$what" "success: $*" "$(head -c 300 "$scratch/out")"
}

mount_it || exit 1
cd "$mnt" || exit 1
count() { wc -l <columns/caption.txt; }
versions() { find versions -mindepth 1 -maxdepth 1 -type d | wc -l; }
rows=$(count)
first=$(versions)
cp columns/width.txt "$scratch/width"
ls -l columns rows >/dev/null # sizes and rows are known to the kernel from now on

# --- update ---
echo "update 'width=width + 1'" >control
is "the reply" "updated $rows rows: version $((first + 1)) (undo: restore $first)" "$(cat control)"
is "every value" "$(awk '{ print /N/ ? $0 : $0 + 1 }' "$scratch/width")" "$(cat columns/width.txt)"
cat columns/caption.txt >"$scratch/caption"
exec 4<columns/caption.txt
echo "update caption=\"'number ' || key\" --where='width % 2 = 0'" >control
is "some values" "$(paste columns/key.txt columns/width.txt "$scratch/caption" |
	awk -F'\t' '{ print $2 ~ /N/ || $2 % 2 ? $3 : "number " $1 }')" "$(cat columns/caption.txt)"
is "a file that was open" "$(cat "$scratch/caption")" "$(cat <&4)"
exec 4<&-
is "a row" "$(sed -n 8p columns/caption.txt)" "$(cat rows/7/caption.txt)"
is "the size" "$(wc -c <columns/caption.txt)" "$(stat -c %s columns/caption.txt)"
is "the image stays" "$(ls "versions/$first/columns/image" | wc -l)" "$(ls columns/image | wc -l)"
echo "update height=0 --where='height > 100' --mode=rows" >control
check "rows move to the end" cmp -s <(sort columns/key.txt) <(sort "versions/$first/columns/key.txt")
check "history" grep -q "updated .* rows: height = 0 where height > 100" history

# --- delete ---
gone=$(paste columns/key.txt columns/width.txt | awk '$2 !~ /N/ && $2 % 3 == 0' | wc -l)
kept=$(paste columns/key.txt columns/width.txt | awk '$2 ~ /N/ || $2 % 3' | cut -f1)
before=$(versions)
echo "delete 'width % 3 = 0'" >control
check "the reply" grep -q "^deleted $gone rows: version $((before + 1))" control
is "the rows that are left" "$kept" "$(cat columns/key.txt)"
is "rows/" "$((rows - gone))" "$(ls rows | wc -l)"
is "no row past the end" "" "$(ls "rows/$((rows - gone))" 2>/dev/null)"
is "the old version" "$rows" "$(wc -l <"versions/$before/columns/key.txt")"
echo "delete 'width % 3 = 0'" >control
is "nothing to delete" "deleted no rows" "$(cat control)"
is "no version" "$((before + 1))" "$(versions)"
fails "an unknown column" "echo \"delete 'widht = 1'\" >control"
fails "no condition" "echo 'delete width' >control"
fails "a value that does not fit" "echo \"update width=caption\" >control"
check "which row" grep -q "row " last_error
echo "delete true" >control
is "an empty table" 0 "$(count)"
is "no rows" "" "$(ls rows)"
printf 'key,caption\nk,again\n' >append/again.csv
for ((i = 0; i < 100; i++)); do [[ $(count) == 1 ]] && break; sleep 0.05; done
is "and rows again" again "$(cat columns/caption.txt)"
echo "restore $first" >control
is "undone" "$(cat "$scratch/width")" "$(cat columns/width.txt)"

cd /
fusermount3 -u "$mnt"
wait "$daemon"
is "the daemon's status" 0 $?
daemon=
check "the dataset is sound" "$LANCEFS_BIN/lancectl" verify --deep "$dataset"
