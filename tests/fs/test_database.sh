#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# test_database.sh: a directory of tables, mounted.
. "$(dirname "$0")/lib.sh"

rm -r "$dataset"
dataset=$scratch/db
cp -r "$TEST_DATA/golden/database/db" "$dataset"
mount_it

# a namespace beside a table of its name has a $ at the end
is "tables and namespaces" "bar bar\$ captions" "$(echo $(ls "$mnt"))"
is "a namespace" "deep inner" "$(echo $(ls "$mnt/bar\$"))"
is "a table" "c0 c1 c2 c3 c4" "$(echo $(cat "$mnt/captions/columns/caption.txt"))"
is "a table in a namespace" "1" "$(cat "$mnt/bar\$/inner/columns/b.txt")"
is "a table in a namespace's namespace" "2" "$(cat "$mnt/bar\$/deep/inner/columns/b.txt")"
is "entries tell the right numbers" "$(stat -c %i "$mnt/captions")" \
	"$(ls -id "$mnt/captions" | awk '{print $1}')"
[[ $(stat -c %i "$mnt/captions/columns") != $(stat -c %i "$mnt/bar/columns") ]] ||
	is "numbers of two tables" different equal

# a commit goes to its table only
seq 5 >"$mnt/captions/columns/n.txt"
is "a new column" "1 2 3 4 5" "$(echo $(cat "$mnt/captions/columns/n.txt"))"
is "other tables" "id.txt" "$(ls "$mnt/bar/columns")"
is "versions" "1 2 latest" "$(echo $(ls "$mnt/captions/versions"))"
fails "a wrong number of rows" "seq 6 > '$mnt/bar/columns/n.txt'"
is "failures are the table's" "1 0" \
	"$(wc -l <"$mnt/bar/last_error") $(wc -l <"$mnt/captions/last_error")"
fails "a column moves to another table" \
	"perl -e 'rename(\$ARGV[0], \$ARGV[1]) or exit 1' '$mnt/captions/columns/n.txt' '$mnt/bar/columns/n.txt'"

# nothing is made in the database's own directory
fails "a file" "echo 1 > '$mnt/x'"
fails "a directory" "mkdir '$mnt/x.lance'"

# tables come, go, and are replaced
cp -r "$TEST_DATA/demo/photos.lance" "$dataset/photos.lance"
is "a new table" "bar bar\$ captions photos" "$(echo $(ls "$mnt"))"
rows=$(wc -l <"$mnt/photos/columns/caption.txt")
rm -r "$dataset/photos.lance"
is "a table that went" "bar bar\$ captions" "$(echo $(ls "$mnt"))"
sleep 1.1
fails "its directory" "ls '$mnt/photos'"
cp -r "$dataset/bar.lance" "$dataset/photos.lance"
sleep 1.1
is "another of its name" "0 1 2" "$(echo $(cat "$mnt/photos/columns/id.txt"))"
[[ $rows -gt 3 ]] || is "rows of the table before" "more than 3" "$rows"

# a table that is broken leaves the others readable
mkdir -p "$dataset/broken.lance/_versions"
echo rubbish >"$dataset/broken.lance/_versions/1.manifest"
fails "a broken table" "ls '$mnt/broken/columns'"
is "its neighbour" "0 1 2" "$(echo $(cat "$mnt/bar/columns/id.txt"))"

# jobs that were left in tables are run, though nobody looks at the tables
fusermount3 -u "$mnt"
wait "$daemon"
for table in bar photos; do
	mkdir -p "$dataset/$table.lance/_lancefs/jobs/1"
	echo "tag done" >"$dataset/$table.lance/_lancefs/jobs/1/command"
done
mount_it
done_in() { "$LANCEFS_BIN/lancectl" jobs "$dataset/$1.lance" | cut -f2; }
until_is DONE done_in bar || is "a job of a table" DONE "$(done_in bar)"
until_is DONE done_in photos || is "a job of another" DONE "$(done_in photos)"
is "it shows" "state: DONE" "$(sed -n 2p "$mnt/photos/jobs/1/status")"
