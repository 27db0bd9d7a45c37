#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# test_control.sh: commands written to control: with the writer's directory and rights,
# without holding up anybody, interrupted, in several lines, of files in the mount.
. "$(dirname "$0")/lib.sh"
options=()
[[ $(id -u) -ne 0 ]] || options=(-o allow_other)
mount_it "${options[@]}"
chmod 711 "$scratch"
rows=$(wc -l <"$mnt/columns/caption.txt")
latest() { readlink "$mnt/versions/latest"; }
reply() { cat "$mnt/control"; }

# perl "$once" FILE: one write(2) of standard input to the file, then its reply
once=$scratch/once.pl
cat >"$once" <<'EOF'
local $/;
$_ = <STDIN>;
$SIG{USR1} = sub {};
open(F, "+>", $ARGV[0]) or die "open: $!";
my $n = syswrite(F, $_);
print "wrote: ", defined $n ? $n : "nothing, $!", "\n";
sysread(F, $r, 1 << 20);
print $r;
EOF

# a name begins at the writer's directory
mkdir "$scratch/dir"
seq "$rows" >"$scratch/dir/n.txt"
(cd "$scratch/dir" && echo "put n.txt" >"$mnt/control")
is "to cp and tar it is one file" "$(stat -c %i "$mnt/control")" "$(stat -c %i "$mnt/control")"
is "put" "$rows" "$(tail -1 "$mnt/columns/n.txt")"
(cd "$scratch" && echo "put dir/../dir/n.txt --name=m --type=int16 --wait" >"$mnt/control")
is "its reply" "column m: version 3 (undo: restore 2)" "$(reply)"
fails "from elsewhere" "cd / && echo 'put n.txt --name=x' >'$mnt/control'"
fails "no file" "echo 'put $scratch/dir' >'$mnt/control'"
mkfifo "$scratch/dir/fifo.txt"
fails "a fifo" "echo 'put $scratch/dir/fifo.txt' >'$mnt/control'"
fails "--wait where there is nothing to wait for" "echo 'tag a --wait' >'$mnt/control'"

# files of the mount itself
(cd "$mnt" && echo "put columns/caption.txt --name=copy" >control)
is "a copy" "$(md5sum <"$mnt/columns/caption.txt")" "$(md5sum <"$mnt/columns/copy.txt")"
(cd "$mnt/versions/1/columns" && echo "put width.npy --name=copy2" >../../../control)
is "of an old version" "$(md5sum <"$mnt/columns/width.txt")" "$(md5sum <"$mnt/columns/copy2.txt")"
ln -s "$mnt/columns/width.csv" "$scratch/dir/link.csv"
echo "put $scratch/dir/link.csv --name=copy3" >"$mnt/control"
is "by a link" "$(md5sum <"$mnt/columns/width.txt")" "$(md5sum <"$mnt/columns/copy3.txt")"
seq 3 >"$mnt/columns/short.txt" 2>/dev/null || true
fails "a rejected file" "cd '$mnt' && echo 'put rejected/short.txt' >control"
is "is read" 1 "$(head -1 "$mnt/last_error" | grep -c "expected $rows rows, got 3")"
fails "a value" "cd '$mnt' && echo 'put rows/0/caption.txt --name=x' >control"
is "is refused" 1 "$(head -1 "$mnt/last_error" | grep -c "of the files of the mount itself")"

# --output
(cd "$scratch/dir" && echo "export n --output=out.txt" >"$mnt/control")
is "output" "$rows" "$(tail -1 "$scratch/dir/out.txt")"
fails "output into the mount" "echo 'export n --output=$mnt/columns/o.txt' >'$mnt/control'"
ln -s /dev/null "$scratch/dir/null.txt"
fails "output through a link" "cd '$scratch/dir' && echo 'export n --output=null.txt' >'$mnt/control'"

# another user
if [[ $(id -u) -eq 0 ]]; then
	nobody() { setpriv --reuid=65534 --regid=65534 --clear-groups bash -c "cd '$scratch/dir'; $1"; }
	chmod 711 "$scratch/dir"
	cp "$scratch/dir/n.txt" "$scratch/dir/secret.txt"
	chmod 600 "$scratch/dir/secret.txt"
	chmod 644 "$scratch/dir/n.txt"
	v=$(latest)
	nobody "echo 'put secret.txt' >'$mnt/control'" 2>/dev/null && is "a secret" refused read
	is "why" 1 "$(head -1 "$mnt/last_error" | grep -c 'secret.txt: Permission denied')"
	is "no version" "$v" "$(latest)"
	nobody "echo 'put n.txt --name=theirs' >'$mnt/control'"
	is "what all may read" $((v + 1)) "$(latest)"
	nobody "echo 'export n --output=/tmp/x.txt' >'$mnt/control'" 2>/dev/null && is "output" refused written
	is "why" 1 "$(head -1 "$mnt/last_error" | grep -c 'output is for the user who mounted')"
	chgrp 4242 "$scratch/dir/secret.txt"
	chmod 640 "$scratch/dir/secret.txt"
	setpriv --reuid=65534 --regid=65534 --groups=4242 bash -c "cd '$scratch/dir'; echo 'put secret.txt' >'$mnt/control'"
	is "by a group" $((v + 2)) "$(latest)"
	# whoever made somebody else's program write has no more rights by it
	nobody "setpriv --version" >/dev/null
	perl -e 'open(F, ">", $ARGV[0]) or die; $> = 65534; exit(defined syswrite(F, "tag theirs\n") ? 0 : 1)' \
		"$mnt/control" && is "a handle of another user" refused written
	is "no tag" "" "$(ls "$mnt/tags")"
fi

# several lines: in order, up to the first that fails
v=$(latest)
out=$(printf 'tag one\ntag two\n\nnonsense\ntag three\n' | perl "$once" "$mnt/control")
is "the line that fails" "wrote: nothing, Invalid argument" "$(head -1 <<<"$out")"
is "the reply" 1 "$(grep -c "^line 4: no command 'nonsense'" <<<"$out")"
is "those before it" "tag one: version $v" "$(sed -n 2p <<<"$out")"
is "were run" "one two" "$(echo $(ls "$mnt/tags"))"
out=$(printf 'untag one\nuntag two' | perl "$once" "$mnt/control")
is "no newline at the end" "wrote: 19" "$(head -1 <<<"$out")"
is "both were run" "" "$(ls "$mnt/tags")"

# lines longer than a request
blanks() { head -c "$1" /dev/zero | tr '\0' ' '; }
out=$({ printf 'tag'; blanks 2600000; printf 'far\ntag near\n'; } | perl "$once" "$mnt/control")
is "a long line" "wrote: 2600016" "$(head -1 <<<"$out")"
is "its tags" "far near" "$(echo $(ls "$mnt/tags"))"
{ printf 'untag far\ntag cut'; blanks $((1048576 - 17)); } >"$scratch/cut"
fails "a line that is cut off" "dd if='$scratch/cut' of='$mnt/control' bs=1M iflag=fullblock"
is "why" 1 "$(head -1 "$mnt/last_error" | grep -c 'the last line, of 1048566 bytes, was not run')"
is "it was not run" "near" "$(ls "$mnt/tags")"

# fifty writers that wait delay nobody
work=$scratch/work
for ((i = 0; i < 500; i++)); do echo "verify --deep"; done >"$work"
writers=()
for ((i = 0; i < 50; i++)); do
	perl "$once" "$mnt/control" <"$work" >"$scratch/writer.$i" &
	writers+=($!)
done
waiting() { awk '$1 == "lancefs_waiting_requests" { print $2 }' "$mnt/metrics"; }
for ((i = 0; i < 250 && $(waiting) < 50; i++)); do sleep 0.02; done
is "all wait" 50 "$(waiting)"
start=$(date +%s%N)
cat "$mnt/columns/caption.txt" "$mnt/versions/1/info" "$mnt/control" >/dev/null
took=$((($(date +%s%N) - start) / 1000000))
[[ $took -lt 1500 ]] || is "cat meanwhile" "under 1.5 s" "$took ms"
is "they still wait" 50 "$(waiting)"

# an interrupted writer goes at once
start=$(date +%s%N)
kill "${writers[@]}"
for writer in "${writers[@]}"; do wait "$writer" || true; done
took=$((($(date +%s%N) - start) / 1000000))
[[ $took -lt 3000 ]] || is "interrupted writers" "go at once" "$took ms"
for ((i = 0; i < 500 && $(waiting) > 0; i++)); do sleep 0.02; done
is "nobody waits" 0 "$(waiting)"
for ((i = 0; i < 250; i++)); do
	! reply | grep -q 'not begun: the writer was interrupted' || break
	sleep 0.02
done
is "the lines that had not begun" 1 "$(reply | tail -1 | grep -c '^line [0-9]*: not begun: the writer was interrupted')"
out=$(timeout -s USR1 0.3 perl "$once" "$mnt/control" <"$work" | head -1 || true)
is "a signal that is caught" "wrote: nothing, Interrupted system call" "$out"
echo "tag after" >"$mnt/control"
is "commands go on" "after near" "$(echo $(ls "$mnt/tags"))"

# the daemon ends while commands run that look at files of the mount
for ((i = 0; i < 500; i++)); do echo "put $mnt/columns/caption.txt --name=again"; done >"$scratch/again"
writers=()
for i in 1 2 3 4 5 6; do perl "$once" "$mnt/control" <"$scratch/again" >/dev/null 2>&1 & writers+=($!); done
for ((i = 0; i < 250 && $(waiting) < 6; i++)); do sleep 0.02; done
kill "$daemon"
for ((i = 0; i < 1000; i++)); do kill -0 "$daemon" 2>/dev/null || break; sleep 0.02; done
kill -0 "$daemon" 2>/dev/null && is "the daemon" ended running
wait "$daemon" || true # 1, for it was a signal
for writer in "${writers[@]}"; do wait "$writer" || true; done
mountpoint -q "$mnt" && fusermount3 -uz "$mnt"
is "the dataset is well" "sound" "$("$LANCEFS_BIN/lancectl" verify "$dataset" --deep | grep -o "sound$")"

# the mount ends while commands run
mount_it "${options[@]}"
writers=()
for i in 1 2 3; do perl "$once" "$mnt/control" <"$work" >/dev/null 2>&1 & writers+=($!); done
for ((i = 0; i < 250 && $(waiting) < 3; i++)); do sleep 0.02; done
fusermount3 -uz "$mnt"
kill "${writers[@]}" 2>/dev/null || true
