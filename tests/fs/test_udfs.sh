#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# test_udfs.sh: programs become functions: dropped into udfs/, by control, by lancectl;
# who may, and what is refused.
. "$(dirname "$0")/lib.sh"
set +e

cd "$scratch" || exit 1
cat >words.awk <<'END'
#!/usr/bin/awk -f
# lancefs: type=int64 inputs=caption
{ print NF }
END
mkdir bundle
printf '#!/bin/sh\ncat\n' >bundle/run
chmod +x bundle/run
echo data >bundle/data.txt
printf 'shape = files\noutputs = a:int32, b:string\nmodels = data.txt\n' >bundle/udf.ini
mount_it || exit 1

# hash NAME: what the mount says
hash() { getfattr --only-values -n user.lance.hash "$mnt/udfs/$1" 2>/dev/null; }

# --- dropping ---
check "drop: cp of a file that is not executable" cp words.awk "$mnt/udfs/"
is "drop: listed by its name without suffix" words "$(ls "$mnt/udfs")"
is "drop: what it is" "name: words
hash: $(hash words)
shape: lines
command: ./words.awk
type: int64
inputs: caption" "$(head -n 6 "$mnt/udfs/words")"
is "drop: sizes are exact" "$(wc -c <"$mnt/udfs/words")" "$(stat -c %s "$mnt/udfs/words")"
check "drop: the program is found by its own name" cmp words.awk "$mnt/udfs/words.awk"
check "drop: and may be made executable" chmod +x "$mnt/udfs/words.awk"
is "drop: sha256sum checks a bundle" "udf.ini: OK words.awk: OK" \
	"$(cd "$dataset/_udfs/$(hash words)" && sha256sum -c SHA256SUMS | tr '\n' ' ' | sed 's/ $//')"
is "drop: the bundle's name is the list's digest" "$(hash words)" \
	"$(sha256sum "$dataset/_udfs/$(hash words)/SHA256SUMS" | cut -d ' ' -f 1)"
before=$(hash words)
check "drop: install" install -m755 words.awk "$mnt/udfs/"
check "drop: rsync" rsync -a words.awk "$mnt/udfs/"
check "drop: mv from a scratch name" sh -c "cp words.awk '$mnt/udfs/.w.tmp' && mv '$mnt/udfs/.w.tmp' '$mnt/udfs/words.awk'"
is "drop: the same again is the same" "$before words" "$(hash words) $(ls "$mnt/udfs")"
sed 's/NF/NF + 1/' words.awk >"$mnt/udfs/words.awk"
until_is 1 sh -c "grep -c 'NF + 1' '$mnt/udfs/words.awk'" || is "drop: another text" 1 0
[[ $(hash words) != "$before" ]] || is "drop: another text is another bundle" other same
is "drop: what was registered stays" 2 "$(ls -d "$dataset"/_udfs/[0-9a-f]* | wc -l)"

# --- refused ---
echo 'print(1)' >plain.py
fails "refuse: no first line" "cp plain.py $mnt/udfs/"
is "refuse: why" "udfs/plain.py: plain.py is neither a program nor a script with a first line like '#!/usr/bin/env python3'" \
	"$(head -n 1 "$mnt/rejected/plain.py.error")"
printf '#!/bin/sh\n# lancefs: shape=rows\n' >shape.sh
fails "refuse: no such shape" "cp shape.sh $mnt/udfs/"
is "refuse: with its line" "udfs/shape.sh: shape.sh: line 2: no shape 'rows'; there are lines, arrow, files" \
	"$(head -n 1 "$mnt/rejected/shape.sh.error")"
fails "refuse: directories" "cp -r bundle $mnt/udfs/"
fails "refuse: mv" "mv $mnt/udfs/words $mnt/udfs/other"
is "refuse: nothing came of it" words "$(ls "$mnt/udfs")"

# --- control ---
echo "udf add bundle --name=two" >"$mnt/control"
is "control: add a directory, from the writer's place" 0 $?
is "control: list" "two	$(hash two | cut -c 1-12)	files	./run
words	$(hash words | cut -c 1-12)	lines	./words.awk" "$(echo "udf list" >"$mnt/control" && cat "$mnt/control")"
is "control: show" "$(cat "$mnt/udfs/two")" "$(echo "udf show two" >"$mnt/control" && cat "$mnt/control")"
echo "udf" 2>/dev/null >"$mnt/control"
is "control: half a command" "line 1: udf: say one of udf add, udf list, udf show, udf remove" "$(cat "$mnt/control")"
echo "udf show tow" 2>/dev/null >"$mnt/control"
is "control: a near name" "line 1: udf show: no function 'tow' (did you mean 'two'?)" "$(cat "$mnt/control")"

# --- lancectl ---
"$LANCEFS_BIN/lancectl" udf add "$dataset" plain.py 2>err
is "lancectl: not executable" "lancectl: udf add: plain.py is neither a program nor a script with a first line like '#!/usr/bin/env python3'" "$(cat err)"
"$LANCEFS_BIN/lancectl" udf add "$dataset" words.awk 2>err
is "lancectl: chmod is told" "lancectl: udf add: words.awk is not executable: chmod +x it" "$(cat err)"
chmod +x words.awk
check "lancectl: add" "$LANCEFS_BIN/lancectl" udf add "$dataset" words.awk --type=int32
is "lancectl: seen by the mount at once" "type: int32" "$(grep type "$mnt/udfs/words")"
is "lancectl: JSON" "two words" \
	"$("$LANCEFS_BIN/lancectl" --json udf list "$dataset" | python3 -c 'import json, sys; print(*(u["name"] for u in json.load(sys.stdin)))')"

# --- used, damaged, removed ---
setfattr -n user.lance.metadata.virtual_column.udf_name -v two "$mnt/columns/caption.txt"
fails "remove: used" "rm $mnt/udfs/two"
is "remove: the columns are named" 1 "$(grep -c "function 'two' makes the column caption" "$mnt/last_error")"
echo "udf remove two --force" >"$mnt/control"
is "remove: by force" 0 $?
file=$dataset/_udfs/$(hash words)/words.awk
echo >>"$file"
fails "damage: it is not shown" "$LANCEFS_BIN/lancectl udf show $dataset words"
is "damage: the file is named" "words	-	-	_udfs/$(hash words): words.awk: not what was registered" \
	"$("$LANCEFS_BIN/lancectl" udf list "$dataset")"
check "remove: rm" rm "$mnt/udfs/words"
is "remove: none is left" "" "$(ls "$mnt/udfs")"

# --- the sandbox ---
if bwrap --ro-bind / / --unshare-all true 2>/dev/null; then
	# what Python's helper asks a script at registration, this one answers with what it
	# sees: the dataset, /tmp, network devices, whether the system can be written
	mkdir seen
	cat >seen/run <<END
#!/bin/sh
touch /etc/lancefs-was-here 2>/dev/null && wrote=yes || wrote=no
touch /tmp/mine && tmp=\$(ls /tmp | wc -l)
echo "outputs = \$(ls "$dataset" 2>/dev/null | wc -l):int8, \$tmp \$(grep -vc lo: /proc/net/dev):int8, \$wrote:int8," \
	"\$(pwd) \$(id -u) \$(ls | tr '\n' ' '):int8"
exit 0
import lancefs_udf
END
	chmod +x seen/run
	touch seen/lancefs_udf.py
	check "sandbox: registered" "$LANCEFS_BIN/lancectl" udf add "$dataset" seen
	is "sandbox: no dataset, an own /tmp, no network, a read-only system" \
		"outputs: 0:int8, \"1 2\":int8, no:int8, \"/run/udf $(id -u) lancefs_udf.py run\":int8" \
		"$(grep outputs "$mnt/udfs/seen")"
fi

# --- who may ---
fusermount3 -u "$mnt"
wait "$daemon"
if [[ $(id -u) -eq 0 ]] && id nobody >/dev/null 2>&1; then
	chmod 755 "$scratch"
	as_nobody() { setpriv --reuid=nobody --regid=nogroup --clear-groups "$@"; }
	mount_it -o allow_other || exit 1
	as_nobody cp words.awk "$mnt/udfs/" 2>/dev/null
	is "users: another one may not" 1 $?
	as_nobody rm -f "$mnt/udfs/seen" 2>/dev/null
	is "users: nor remove" seen "$(ls "$mnt/udfs")"
	fusermount3 -u "$mnt"
	wait "$daemon"
	mount_it -o allow_other,udf-users=nobody || exit 1
	as_nobody cp words.awk "$mnt/udfs/"
	is "users: but the one who is named" 0 $?
fi
