#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# test_write.sh: files written into columns/ become columns, or nothing changes.
. "$(dirname "$0")/lib.sh"
mount_it
columns=$mnt/columns

version() { sed -n 's/^version: //p' "$mnt/info"; }

awk '{ print length($0) }' "$columns/key.txt" >"$columns/len.txt"
is "a redirection commits" "2 5" "$(version) $(head -n 1 "$columns/len.txt")"
is "its type" int64 "$(getfattr --absolute-names --only-values -n user.lance.type "$columns/len.txt")"

awk '{ print $1 / 7 }' "$columns/width.txt" >"$scratch/part.txt"
cp "$scratch/part.txt" "$columns/"
is "cp commits" 3 "$(version)"
cp "$columns/embedding.npy" "$scratch/copy.npy"
cp "$scratch/copy.npy" "$columns/"
is "an npy comes back" "$(sha256sum <"$columns/embedding.npy")" "$(sha256sum <"$columns/copy.npy")"
rsync -a "$scratch/part.txt" "$columns/synced.txt"
is "rsync commits" 5 "$(version)"
(seq 100; seq 140) >"$columns/twice.txt"
is "two writers of one redirection" "6 240" "$(version) $(wc -l <"$columns/twice.txt")"
sed 's/$/x/' "$columns/key.txt" >"$columns/key2.string.txt"
is "a stated type" string "$(getfattr --absolute-names --only-values -n user.lance.type "$columns/key2.txt")"
sed 's/^/0/' "$columns/twice.txt" >"$columns/padded.txt"
is "leading zeros make text" string "$(getfattr --absolute-names --only-values -n user.lance.type "$columns/padded.txt")"

before=$(version)
fails "a row too few" "seq 239 > '$columns/short.txt'"
fails "a row too many" "seq 241 > '$scratch/long.txt' && cp '$scratch/long.txt' '$columns/long.txt'"
fails "a value that is no number" "(seq 239; echo x) > '$scratch/w.int64.txt' && cp '$scratch/w.int64.txt' '$columns/w.int64.txt'"
fails "an unknown suffix" "seq 240 > '$columns/x.doc'"
fails "appending" "echo 1 >> '$columns/len.txt'"
is "nothing was committed" "$before" "$(version)"
is "the path does not exist" no "$([[ -e $columns/short.txt ]] && echo yes || echo no)"
is "the reason is told" yes "$(grep -q 'expected 240 rows, got 239' "$mnt/last_error" && echo yes || echo no)"
is "what was written is kept" 239 "$(wc -l <"$mnt/rejected/short.txt")"
is "the old version is as it was" 8 "$(ls "$mnt/versions/1/columns" | wc -l)"
is "lancectl sees the columns" 15 "$("$LANCEFS_BIN/lancectl" schema "$dataset" | wc -l)"
