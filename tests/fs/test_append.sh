#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# test_append.sh: files dropped into append/ become rows, in one version each,
# however their writers open and close them; what does not fit is rejected.
. "$(dirname "$0")/lib.sh"
set +e

mount_it || exit 1
cd "$mnt" || exit 1
count() { wc -l <columns/caption.txt; }
versions() { find versions -mindepth 1 -maxdepth 1 -type d | wc -l; }
n_files() { find "$dataset/data" -type f | wc -l; }
rows=$(count)
latest=$(versions)

# appends WHAT ROWS [VERSIONS]
appends() {
	rows=$((rows + $2))
	latest=$((latest + ${3-1}))
	check "$1: rows, not $(count)" until_is "$rows" count
	is "$1: versions" "$latest" "$(versions)"
	is "$1: append/ is empty" "" "$(ls append)"
}

printf 'key,caption,width\nk,first,11\nk,"sec,ond",\n' >"$scratch/two.csv"
check "cp" cp "$scratch/two.csv" append/
appends "cp" 2
is "a value" "sec,ond" "$(tail -n 1 columns/caption.txt)"
is "a null" '\N' "$(tail -n 1 columns/width.txt)"
check "history names the file" grep -q "appended 2 rows of two.csv" history

cat "$scratch/two.csv" >append/cat.csv
appends "a redirection" 2
{ echo key; sleep 0.05; echo a; sleep 0.05; echo b; } >append/group.csv
appends "a group" 2
(echo key; (echo a; echo b); echo c) >append/subshell.csv
appends "a subshell" 3
exec 3>append/exec.csv
echo key >&3
echo a >&3
is "not before the last close" "$latest" "$(versions)"
echo b >&3
exec 3>&-
appends "exec" 2
perl -e 'open(F, ">", "append/fork.csv"); $| = 1; print F "key\n"; F->flush(); if (!fork) { print F "child\n"; exit }
	wait; print F "parent\n"; close(F)'
appends "a child that inherits" 2
check "a scratch name" cp "$scratch/two.csv" append/.two.csv.tmp
is "no commit yet" "$latest" "$(versions)"
check "rename" mv append/.two.csv.tmp append/two.csv
appends "rename" 2
check "dd" dd if="$scratch/two.csv" of=append/dd.csv bs=5 conv=fsync status=none
appends "dd with fsync" 2
printf 'key\nno newline' >append/last.csv
appends "a last line without newline" 1
cp -r columns "$scratch/copied" && check "all of it can be read" test -s "$scratch/copied/caption.txt"

# --- refusing ---
files=$(n_files)
fails "an unknown suffix" "echo x >append/x.txt"
fails "an unknown column" "printf 'key,captoin\nk,x\n' >append/bad.csv"
check "the near name" grep -q "did you mean 'caption'" last_error
fails "a bad value" "printf 'key,width\nk,1\nk,2x\n' >append/bad.csv"
check "its line" grep -q "append/bad.csv: line 3, column 'width'" last_error
check "kept" until_is bad.csv find rejected -name bad.csv -printf %f
check "how to try again" grep -q 'mv rejected/bad.csv append/' rejected/bad.csv.error
fails "still bad" "mv rejected/bad.csv append/"
fails "mkdir" "mkdir append/d"
fails "from columns/" "mv columns/width.txt append/width.csv"
{ (printf 'key\nhalf'; kill -9 $BASHPID) >append/killed.csv; } 2>/dev/null
check "a killed writer's file is kept" until_is killed.csv find rejected -name killed.csv -printf %f
appends "refusals" 0 0
is "unreferenced files" "$files" "$(n_files)"
check "trying again" mv rejected/killed.csv append/
appends "mv out of rejected/" 1

cd /
fusermount3 -u "$mnt"
wait "$daemon"
is "the daemon's status" 0 $?
daemon=
check "the dataset is sound" "$LANCEFS_BIN/lancectl" verify --deep "$dataset"
