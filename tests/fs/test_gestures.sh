#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# test_gestures.sh: mv, rm, ln -s and setfattr are commits.
. "$(dirname "$0")/lib.sh"
mount_it -o allow-drop=yes
columns=$mnt/columns
rows=$(wc -l <"$columns/caption.txt")
latest() { readlink "$mnt/versions/latest"; }
v=$(latest)

# mv renames
sum=$(md5sum <"$columns/caption.txt")
mv "$columns/caption.txt" "$columns/text.txt"
is "one version" $((v + 1)) "$(latest)"
is "the renamed column" "$sum" "$(md5sum <"$columns/text.txt")"
[[ ! -e $columns/caption.txt ]] || is "the old name" "none" "caption.txt"
is "in history" "1" "$(grep -c "column caption is called text now" "$mnt/history")"
fails "another format" "mv '$columns/text.txt' '$columns/text2.csv'"
fails "an existing column" "mv '$columns/text.txt' '$columns/rating.txt'"
fails "out of columns/" "perl -e 'rename(\$ARGV[0], \$ARGV[1]) or exit 1' '$columns/text.txt' '$mnt/text.txt'"
fails "a reserved name" "mv '$columns/text.txt' '$columns/_rowid.txt'"
mv "$columns/image" "$columns/picture"
is "a renamed directory" "1" "$(ls "$columns/picture" | head -1 | grep -c 00000)"
is "two versions" $((v + 2)) "$(latest)"

# a column that was written just now
seq "$rows" >"$columns/n.txt"
mv "$columns/n.txt" "$columns/m.txt"
is "a new column, renamed" "$rows" "$(tail -1 "$columns/m.txt")"
[[ ! -e $columns/n.txt ]] || is "the old name" "none" "n.txt"

# rm drops
rm "$columns/m.txt"
[[ ! -e $columns/m.txt ]] || is "a dropped column" "none" "m.txt"
is "its version" $((v + 5)) "$(latest)"
is "the old version has it" "$rows" "$(tail -1 "$mnt/versions/$((v + 4))/columns/m.txt")"
seq "$rows" >"$columns/m.txt"
is "the name is free" "$rows" "$(tail -1 "$columns/m.txt")"

# ln -s tags, rm untags
ln -s "../versions/$v" "$mnt/tags/before"
ln -s ../versions/latest "$mnt/tags/now"
is "a tag" "../versions/$v" "$(readlink "$mnt/tags/before")"
is "through it" "$sum" "$(md5sum <"$mnt/tags/before/columns/caption.txt")"
is "latest is a number" "../versions/$(latest)" "$(readlink "$mnt/tags/now")"
fails "a tag that is there" "ln -s ../versions/1 '$mnt/tags/before'"
fails "a version that is not" "ln -s ../versions/999 '$mnt/tags/far'"
fails "no version" "ln -s /etc/passwd '$mnt/tags/x'"
fails "no tag's name" "ln -s ../versions/1 '$mnt/tags/a b'"
rm "$mnt/tags/before"
is "tags left" "now" "$(ls "$mnt/tags")"
is "tags are no versions" $((v + 6)) "$(latest)"

# setfattr describes
setfattr -n user.lance.metadata.unit -v stars "$columns/rating.txt"
is "metadata" "stars" "$(getfattr --absolute-names --only-values -n user.lance.metadata.unit "$columns/rating.txt")"
is "is a version" $((v + 7)) "$(latest)"
setfattr -n user.lance.metadata.unit -v stars "$columns/rating.txt"
is "the same again is none" $((v + 7)) "$(latest)"
setfattr -x user.lance.metadata.unit "$columns/rating.txt"
fails "it is gone" "getfattr -n user.lance.metadata.unit '$columns/rating.txt'"
fails "the type stays" "setfattr -n user.lance.type -v int8 '$columns/rating.txt'"
fails "an old version" "setfattr -n user.lance.metadata.a -v b '$mnt/versions/1/columns/rating.txt'"

# commands say the same
control() { echo "$*" >"$mnt/control"; }
control "rename text caption"
control "describe rating unit=stars 'note=one to five'"
is "two keys" "one to five" "$(getfattr --absolute-names --only-values -n user.lance.metadata.note "$columns/rating.txt")"
control "drop m"
control "tag good"
is "the last reply" "1" "$(grep -c "^tag good: version" "$mnt/control")"
control "restore $v"
is "as it was" "$sum" "$(md5sum <"$columns/caption.txt")"
is "its directory too" "1" "$(ls "$columns/image" | head -1 | grep -c 00000)"
fails "restore what is not there" "echo 'restore 999' >'$mnt/control'"
fails "drop what is not there" "echo 'drop captoin' >'$mnt/control'"
is "a suggestion" "1" "$(head -1 "$mnt/last_error" | grep -c "did you mean 'caption'")"
control "untag good"
is "the dataset is well" "sound" "$("$LANCEFS_BIN/lancectl" verify "$dataset" --deep | grep -o "sound$")"

# without allow-drop nothing is lost to rm
fusermount3 -u "$mnt"
wait "$daemon"
mount_it
fails "rm" "rm '$columns/caption.txt'"
fails "rm of a tag" "rm '$mnt/tags/now'"
is "both are there" "caption.txt now" "$(cd "$columns" && echo caption.txt) $(ls "$mnt/tags")"

# cp -a takes metadata along, but not what made the column
setfattr -n user.lance.metadata.unit -v stars "$columns/rating.txt"
cp -a "$columns/rating.txt" "$columns/rating2.txt"
attribute() { getfattr --absolute-names --only-values -n "user.lance.$1" "$columns/rating2.txt"; }
is "copied metadata" "stars" "$(attribute metadata.unit)"
is "the copy's type" "float64" "$(attribute type)"
is "the copy's maker" "rating2.txt" "$(attribute metadata.lancefs:text)"
