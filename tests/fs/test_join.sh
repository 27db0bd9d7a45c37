#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# test_join.sh: files dropped into joins/KEY/ add and fill columns by key, in one version
# each; what does not fit is rejected and can be tried again.
. "$(dirname "$0")/lib.sh"
set +e

mount_it -o protect=caption || exit 1
cd "$mnt" || exit 1
versions() { find versions -mindepth 1 -maxdepth 1 -type d | wc -l; }
n_files() { find "$dataset/data" -type f | wc -l; }
rows=$(wc -l <columns/key.txt)
latest=$(versions)
committed() {
	latest=$((latest + 1))
	check "$1: a version" until_is "$latest" versions
	check "$1: it is gone" until_is "" ls joins/key
}

check "keys are listed" test -d joins/key -a -d joins/width
is "what is no key is not" "" "$(ls joins | grep -E '^(embedding|score|tags)$')"
is "an unknown key" "" "$(ls joins/no 2>/dev/null)"

# every key but the first's, the last one first
i=0
keys=$(tail -n +2 columns/key.txt | tac)
{ echo "key,place,score"; for k in $keys; do echo "$k,$((i += 1)),s$k"; done } >"$scratch/features.csv"
check "cp" cp "$scratch/features.csv" joins/key/
committed cp
is "a new column" "$(echo '\N'; seq $((rows - 1)) -1 1)" "$(cat columns/place.txt)"
is "text" "s$(tail -n 1 columns/key.txt)" "$(tail -n 1 columns/score.txt)"
check "provenance" grep -q $'^place\t.*\tjoin$' schema
check "history" grep -q "joined features.csv on key: $((rows - 1)) rows matched, 1 did not" history

first=$(head -n 1 columns/key.txt)
printf '{"key":"%s","place":-1}\n{"key":"none","place":-2}\n' "$first" >joins/key/.one.tmp
check "rename" mv joins/key/.one.tmp joins/key/one.jsonl
committed rename
is "one value, the others stay" "$(echo -1; seq $((rows - 1)) -1 1)" "$(cat columns/place.txt)"
check "the same again" cp "$scratch/features.csv" joins/key/
check "it is gone" until_is "" ls joins/key
is "an equal one commits nothing" "$latest" "$(versions)"

echo "join $scratch/features.csv --on=key --on-missing=null" >control
latest=$((latest + 1))
is "the command" '\N' "$(head -n 1 columns/place.txt)"
check "its reply" grep -q "^rows without a match: 1$" control

# --- refusing ---
files=$(n_files)
fails "an unknown suffix" "echo x >joins/key/x.txt"
fails "a file beside the keys" "echo x >joins/x.csv"
fails "mkdir" "mkdir joins/key/d"
fails "no key, as soon as the header tells" "printf 'k,a\n1,2\n' >joins/key/bad.csv"
check "which" grep -q "joins/key/bad.csv: .*the file has no column 'key'" last_error
printf 'key,a\n%s,1\nx,2\n%s,3\n' "$first" "$first" >joins/key/twice.csv
check "a key that comes twice" until_is 1 grep -c "joins/key/twice.csv: .*$first (rows 1 and 3)" last_error
check "kept" until_is twice.csv find rejected -name twice.csv -printf %f
check "how to try again" grep -q 'mv rejected/twice.csv joins/key/' rejected/twice.csv.error
fails "still bad" "mv rejected/twice.csv joins/key/"
printf 'key,caption\n%s,mine\n' "$first" >joins/key/protected.csv
check "a protected column" until_is 1 grep -c "column 'caption' is protected" last_error
is "versions" "$latest" "$(versions)"
is "unreferenced files" "$files" "$(n_files)"

cd /
fusermount3 -u "$mnt"
wait "$daemon"
is "the daemon's status" 0 $?
daemon=
check "the dataset is sound" "$LANCEFS_BIN/lancectl" verify --deep "$dataset"
