#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# test_writers.sh: columns are read, written, replaced, refused and tried again
# with the tools of any Unix machine; each step makes just the versions it should.
. "$(dirname "$0")/lib.sh"
set +e
work=$scratch

check() {
	local what=$1
	shift
	"$@" >"$work/out" 2>&1 || is "$what" "success: $*" "$(head -c 300 "$work/out")"
}

# until_true COMMAND...: what follows a last close is not waited for by close(2)
until_true() {
	local i
	for ((i = 0; i < 200; i++)); do
		! "$@" >/dev/null 2>&1 || return 0
		sleep 0.05
	done
	return 1
}

mount_it || exit 1
cd "$mnt" || exit 1

rows=$(wc -l <columns/caption.txt)
versions() { find versions -mindepth 1 -maxdepth 1 -type d | wc -l; }
n_files() { find "$dataset/data" -type f | wc -l; }
has() { [[ -e $1 ]]; }
has_not() { [[ ! -e $1 ]]; }
latest=$(versions)

# commits WHAT N: that many versions came since the last time
commits() {
	is "$1: versions" "$(versions)" $((latest + $2))
	latest=$(versions)
}

# --- reading ---
is "rows of two columns" "$(wc -l <columns/width.txt)" "$rows"
while read -r file; do
	is "size of $file" "$(stat -c %s "$file")" "$(wc -c <"$file")"
done < <(find columns rows/0 versions/1/columns -type f)
check "a whole copy" cp -r columns "$work/copied"
check "the copy is equal" diff -r columns "$work/copied"
is "a value" "$(cat rows/3/caption.txt)" "$(printf '%b' "$(sed -n 4p columns/caption.txt)")"

# --- adding ---
awk '{print NF}' columns/caption.txt >columns/words.txt
is "awk's exit status" $? 0
is "words" "$(cat columns/words.txt)" "$(awk '{print NF}' columns/caption.txt)"
commits "awk" 1
seq "$rows" >"$work/seq.txt"
check "cp" cp "$work/seq.txt" columns/seq.txt
check "cmp" cmp "$work/seq.txt" columns/seq.txt
commits "cp" 1
(head -n 5 "$work/seq.txt"; tail -n +6 "$work/seq.txt") >columns/parts.txt
check "two commands in one redirection" cmp "$work/seq.txt" columns/parts.txt
commits "two commands" 1
cp "$work/seq.txt" columns/.hidden.tmp
commits "a scratch file" 0
check "rename" mv columns/.hidden.tmp columns/renamed.int16.txt
check "renamed" cmp "$work/seq.txt" columns/renamed.txt
commits "rename" 1
check "the schema tells the type" grep -qP '^renamed\tint16' schema
check "dd" dd if="$work/seq.txt" of=columns/dd.txt bs=13 conv=fsync status=none
commits "dd" 1

# --- replacing ---
check "equal values" cp "$work/seq.txt" columns/seq.txt
commits "equal values" 0
check "sed -i" sed -i 's/$/0/' columns/seq.txt
is "replaced" "$(head -n 1 columns/seq.txt)" 10
is "the version before" "$(head -n 1 "versions/$latest/columns/seq.txt")" 1
commits "sed -i" 1

# --- refusing ---
files=$(n_files)
head -n 3 "$work/seq.txt" >"$work/few.txt"
fails "too few rows" "cp $work/few.txt columns/few.txt"
check "no such column" has_not columns/few.txt
check "kept" until_true has rejected/few.txt
check "the reason" grep -q "expected $rows rows, got 3" rejected/few.txt.error
is "told once" "$(grep -c 'columns/few.txt' last_error)" 1
fails "a bad value" "echo x >columns/bad.int64.txt"
check "its place" grep -q "columns/bad.int64.txt: line 1: 'x' is not int64" last_error
is "told once" "$(grep -c 'columns/bad.int64.txt' last_error)" 1
fails "an unknown suffix" "cp $work/seq.txt columns/x.foo"
fails "rm" "rm -f columns/caption.txt"
check "it is still there" has columns/caption.txt
fails "rm in rows/" "rm -f rows/0/caption.txt"
fails "a write into rows/" "echo x >rows/0/caption.txt"
fails "a write into versions/" "echo x >versions/1/columns/caption.txt"
fails "mkdir" "mkdir columns/d"
{ (cat "$work/seq.txt"; kill -9 $BASHPID) >columns/killed.txt; } 2>/dev/null
check "a killed writer's file is kept" until_true has rejected/killed.txt
check "no such column" has_not columns/killed.txt
commits "refusals" 0
is "unreferenced data files" "$(n_files)" "$files"
is "temporary manifests" "$(find "$dataset/_versions" -name '.tmp*' | wc -l)" 0

# --- trying again ---
fails "still too few" "mv rejected/few.txt columns/"
check "it stays" has rejected/few.txt
check "a complete one" mv rejected/killed.txt columns/
check "it is a column" cmp "$work/seq.txt" columns/killed.txt
check "and no more rejected" has_not rejected/killed.txt.error
commits "mv out of rejected/" 1
check "rm in rejected/" rm rejected/few.txt rejected/bad.int64.txt
is "rejected/ is empty" "$(ls rejected)" ""

# --- the daemon goes and comes ---
cd /
check "unmount" fusermount3 -u "$mnt"
wait "$daemon"
is "the daemon's status" 0 $?
check "no state stays" has_not "$dataset/_lancefs"
mount_it -o ro || exit 1
cd "$mnt" || exit 1
check "read after a remount" cmp "$work/seq.txt" columns/parts.txt
fails "write when read-only" "cp $work/seq.txt columns/ro.txt"
cd /
