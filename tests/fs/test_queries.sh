#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# test_queries.sh: SQL on a mount: columns by expressions through control, SELECTs in
# queries/, and what both say of errors.
. "$(dirname "$0")/lib.sh"
set +e

mount_it || exit 1
cd "$mnt" || exit 1
rows=$(wc -l <columns/caption.txt)

# --- columns ---
echo "add caption_length 'length(caption)' aspect 'CAST(width AS DOUBLE)/CAST(height AS DOUBLE)' image_area 'width*height'" >control
is "add: status" 0 $?
is "add: one version" "$rows" "$(wc -l <columns/image_area.txt)"
is "add: products" "$(paste columns/width.txt columns/height.txt | awk '{ print ($1 == "\\N" || $2 == "\\N") ? "\\N" : $1 * $2 }' | sha256sum)" \
	"$(sha256sum <columns/image_area.txt)"
echo "add half 'captoin || 1'" >control 2>/dev/null
is "add: a wrong name fails" 1 $?
is "add: the nearest name, and a caret" "line 1: add: half: column 1: no column 'captoin' (did you mean 'caption'?)
  captoin || 1
  ^" "$(cat control)"
is "add: nothing came of it" "" "$(ls columns | grep half)"

# --- queries ---
select="SELECT key, caption FROM t WHERE caption_length > 20 AND image_area >= 64 LIMIT 5"
echo "$select" >queries/few.sql
is "query: text" "$select" "$(cat queries/few.sql)"
is "query: a header and five rows" 6 "$(wc -l <queries/few.csv)"
is "query: sizes are exact" "$(stat -c %s queries/few.csv)" "$(cat queries/few.csv | wc -c)"
is "query: the same as txt" "$(cut -d , -f 1 queries/few.csv | tail -n +2)" "$(cut -f 1 queries/few.txt)"
is "query: the same as jsonl" 5 "$(wc -l <queries/few.jsonl)"
is "query: control says the same" "$(cat queries/few.csv)" "$(echo "query '$select'" >control && cat control)"

echo "SELECT count(*) AS n FROM t" >queries/n.sql
is "query: a count" "n
$rows" "$(cat queries/n.csv)"
printf 'key,caption\nnew-1,A red kite\n' >append/more.csv
for ((i = 0; i < 100; i++)); do
	[[ $(wc -l <columns/caption.txt) -eq $((rows + 1)) ]] && break
	sleep 0.05
done
is "query: its rows stay" "$rows" "$(tail -n 1 queries/n.csv)"
touch queries/n.sql
is "query: touch runs it anew" $((rows + 1)) "$(tail -n 1 queries/n.csv)"

python3 -c 'import os
fd = os.open("queries/wrong.sql", os.O_WRONLY | os.O_CREAT)
os.write(fd, b"SELECT nope FROM t")
try:
    os.close(fd)
    print("closed")
except OSError as e:
    print(e.errno)' >"$scratch/out"
is "query: an error is the close's" 22 "$(cat "$scratch/out")"
is "query: nothing came of it" "" "$(ls queries | grep wrong)"
is "query: last_error shows the place" "  SELECT nope FROM t
         ^" "$(sed -n 2,3p last_error)"
echo "SELECT caption FROM t ORDER BY length(caption) DESC, key LIMIT 1" >queries/n.sql
is "query: another text, another result" 2 "$(wc -l <queries/n.csv)"
echo x 2>/dev/null >>queries/n.sql
is "query: it is not appended to" 1 $?
echo "DROP TABLE t" >queries/drop.sql
is "query: it only reads" "" "$(ls queries | grep drop)"
is "query: listed with its rows" "few.arrow few.csv few.jsonl few.sql few.txt n.arrow n.csv n.jsonl n.sql n.txt" \
	"$(ls queries | tr '\n' ' ' | sed 's/ $//')"

cd / || exit 1
fusermount3 -u "$mnt"
wait "$daemon"
is "the daemon's status" 0 $?
mount_it || exit 1
cd "$mnt" || exit 1
is "query: kept over mounts" 6 "$(wc -l <queries/few.csv)"
mv queries/few.sql queries/some.sql
is "query: mv" "6 $select" "$(wc -l <queries/some.csv) $(cat queries/some.sql)"
is "query: mv leaves nothing" "" "$(ls queries | grep few)"
fails "query: mv to another kind of name" "mv queries/some.sql queries/some.txt2"
fails "query: rows do not move" "mv queries/some.csv queries/other.csv"
mv queries/some.sql queries/n.sql
is "query: mv over another" "6 $select" "$(wc -l <queries/n.csv) $(cat queries/n.sql)"
mv queries/n.sql queries/few.sql
echo "SELECT key, caption FROM t WHERE 1 = 0" >queries/n.sql
is "query: no rows" "key,caption" "$(cat queries/n.csv)"
exec 3<queries/few.csv
read -r line <&3
echo "SELECT 1 AS x, count(*) FROM t" >queries/few.sql
is "query: an open file keeps its rows" 5 "$(wc -l <&3)"
exec 3<&-
cp -p queries/few.csv "$scratch/few.csv"
is "query: cp" "$(cat queries/few.csv)" "$(cat "$scratch/few.csv")"
state=$dataset/_lancefs/queries
mkdir -p "$state/.01234567-89ab-cdef-0123-456789abcdef/data"
touch -d '2 hours ago' "$state/.01234567-89ab-cdef-0123-456789abcdef"
odd='odd "name" `$x ü'
echo "SELECT 2 AS two" >"queries/$odd.sql"
is "query: an odd name" "two
2" "$(cat "queries/$odd.csv")"
is "query: what a crash left goes" "" "$(find "$state" -maxdepth 1 -name '.?*')"
rm "queries/$odd.sql"
long=$(printf 'n%.0s' {1..250})
echo "SELECT 3 AS three" >"queries/$long.sql"
is "query: a long name" "three
3" "$(cat "queries/$long.csv")"
rm "queries/$long.sql"
rm queries/few.sql queries/n.sql
is "query: rm removes rows too" "" "$(ls queries)"
cd / || exit 1
fusermount3 -u "$mnt"
wait "$daemon"
is "the daemon's status" 0 $?
daemon=
is "what could not run is kept" "drop.sql drop.sql.error wrong.sql wrong.sql.error" \
	"$(find "$dataset/_lancefs" -type f -printf '%f\n' | sort | tr '\n' ' ' | sed 's/ $//')"
