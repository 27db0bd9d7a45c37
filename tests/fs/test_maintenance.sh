#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# test_maintenance.sh: compactions by control and by themselves, and what stays as it
# was for those who read meanwhile.
. "$(dirname "$0")/lib.sh"

ctl() { "$LANCEFS_BIN/lancectl" "$@"; }
fragments() { ls "$mnt/fragments" | wc -l; }
jobs() { echo $(ls "$mnt/jobs"); }
info() { sed -n "s/^$1: //p" "$mnt/info"; }
# append N: so many fragments of a row each
append() {
	local i
	for ((i = 0; i < $1; i++)); do
		echo '{"key": "more"}' >"$mnt/append/$i.jsonl"
	done
}
unmount() {
	fusermount3 -u "$mnt"
	wait "$daemon" || is "the daemon's end" 0 $?
}
conf=$scratch/lancefs.conf

# by hand
mount_it -o version-poll=0.2
append 5
before=$(sha256sum <"$mnt/columns/caption.txt") mtime=$(stat -c %y "$mnt/columns/caption.txt")
exec 5<"$mnt/columns/width.txt"
was=$(cat "$mnt/columns/width.txt" | sha256sum)
rows=$(info rows)
echo "compact --wait" >"$mnt/control"
is "one fragment" 1 "$(fragments)"
is "its answer" 1 "$(grep -c '^message: compacted: .* fragments -> 1, .*: version ' "$mnt/jobs/1/status")"
is "the same rows" "$before" "$(sha256sum <"$mnt/columns/caption.txt")"
is "of the same time" "$mtime" "$(stat -c %y "$mnt/columns/caption.txt")"
echo "delete 'width >= 0'" >"$mnt/control"
is "an open file" "$was" "$(sha256sum <&5)"
exec 5<&-
is "rows left" 5 "$(info rows)"
is "and their directories" "0 1 2 3 4" "$(echo $(ls "$mnt/rows"))"
echo "restore 1" >"$mnt/control"
is "not by itself" 1 "$(jobs)"
unmount

# by itself: when there are enough fragments
printf "%s\n" "auto-compact=yes" "auto-compact-fragments=6" "auto-compact-deleted=0.5" >"$conf"
mount_it -o "config=$conf" -o version-poll=0.2
files=$(fragments)
append $((5 - files))
sleep 0.5
is "fewer are left alone" 1 "$(jobs)"
exec 5>"$mnt/columns/n.txt"
seq $(($(info rows) - 1)) >&5
append 1
sleep 0.5
is "not while a column is written" 1 "$(jobs)"
echo 0 >&5
exec 5>&-
is "which is there then" "n" "$(cut -f1 "$mnt/schema" | grep -x n)"
until_is 1 fragments || is "fragments are put together" 1 "$(fragments)"
is "by a job" "1 2" "$(jobs)"
until_is "state: DONE" sed -n 1p "$mnt/jobs/2/status" || true
is "which is done" DONE "$(sed -n 's/^state: //p' "$mnt/jobs/2/status")"
is "and was no other's" compact "$(cat "$mnt/jobs/2/command")"

# when enough rows are deleted
rows=$(info rows)
echo "delete 'key < \"00050\"'" >"$mnt/control"
is "some are deleted" 50 "$(info "deleted rows")"
sleep 0.5
is "not enough of them" "1 2" "$(jobs)"
echo "delete 'key < \"00130\"'" >"$mnt/control"
until_is 0 info "deleted rows" || is "deleted rows go" 0 "$(info "deleted rows")"
is "by another job" "1 2 3" "$(jobs)"
is "what is left" $((rows - 130)) "$(info rows)"
unmount

# what the options take
for wrong in auto-compact=maybe auto-compact-fragments=1 auto-compact-deleted=2 auto-compact-deleted=x; do
	fails "$wrong" "'$LANCEFS_BIN/lancefs' -o '$wrong' '$dataset' '$mnt'"
done
