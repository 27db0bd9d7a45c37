#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# test_jobs.sh: jobs that were left are run by a mount, one that is killed leaves them to
# the next; jobs/ shows them, whoever runs them; wait, events and --wait tell their end.
. "$(dirname "$0")/lib.sh"

ctl() { "$LANCEFS_BIN/lancectl" "$@"; }
jobs=$dataset/_lancefs/jobs
# leave ID COMMAND: a job that nobody has begun
leave() {
	mkdir -p "$jobs/$1"
	echo "$2" >"$jobs/$1/command"
}
state() { sed -n 's/^state: //p' "$mnt/jobs/$1/status"; }
reply() { cat "$mnt/control"; }
waiting() { awk '$1 == "lancefs_waiting_requests" { print $2 }' "$mnt/metrics"; }

# what was left is run at the mount
leave 1 "add y 'width + 1'"
leave 2 "nonsense"
leave 3 "tag 'x"
seq 240 >"$scratch/n.txt"
leave 4 "put $scratch/n.txt"
leave 5 "export width --output=$scratch/stolen"
mount_it -o version-poll=0.2
for id in 1 2 3 4 5; do cat "$mnt/jobs/$id/wait" >"$scratch/wait.$id"; done
is "it is done" DONE "$(state 1)"
is "wait tells it" "state: DONE" "$(sed -n 2p "$scratch/wait.1")"
is "its answer" "message: column y: version 2 (undo: restore 1)" "$(grep ^message "$mnt/jobs/1/status")"
is "it was computed" "$(head -1 "$mnt/columns/width.txt")" "$(($(head -1 "$mnt/columns/y.txt") - 1))"
is "its rows" "progress: 240 of 240 rows (100.0%)" "$(grep ^progress "$mnt/jobs/1/status")"
is "no such command" FAILED "$(state 2)"
is "no command line" FAILED "$(state 3)"
is "a job opens no files" 1 "$(grep -c 'message: put: .* opens no files' "$mnt/jobs/4/status")"
is "it makes none" 1 "$(grep -c 'message: export: .* makes no files' "$mnt/jobs/5/status")"
fails "none was made" "test -e '$scratch/stolen'"
is "failures are told" 1 "$(grep -c "job 2: no command 'nonsense'" "$mnt/last_error")"

# the files
is "jobs" "1 2 3 4 5" "$(echo $(ls "$mnt/jobs"))"
is "of a job" "command errors.tsv log status status.json" "$(echo $(LC_ALL=C ls "$mnt/jobs/1"))"
is "the command" "add y 'width + 1'" "$(cat "$mnt/jobs/1/command")"
is "json" DONE "$(python3 -c 'import json, sys; print(json.load(sys.stdin)["state"])' <"$mnt/jobs/1/status.json")"
is "the log" 2 "$(wc -l <"$mnt/jobs/1/log")"
is "no errors" 0 "$(wc -l <"$mnt/jobs/1/errors.tsv")"
is "the size of a status" "$(stat -c %s "$mnt/jobs/1/status")" "$(wc -c <"$mnt/jobs/1/status")"
check "cp" cp -r "$mnt/jobs" "$scratch/jobs.copy"
is "a copy" "$(cat "$mnt"/jobs/1/{command,log,status})" "$(cat "$scratch"/jobs.copy/1/{command,log,status})"
fails "no such job" "ls '$mnt/jobs/6'"
fails "no such name" "ls '$mnt/jobs/01'"
fails "a job is not written" "echo x >'$mnt/jobs/1/status'"
fails "nor removed" "rm -r '$mnt/jobs/1'"
fails "nor made" "mkdir '$mnt/jobs/9'"

# by control
echo jobs >"$mnt/control"
is "the newest first" "5 4 3 2 1" "$(echo $(reply | cut -f1))"
fails "one that is done is not resumed" "echo 'resume 1' >'$mnt/control'"
fails "no such job" "echo 'wait 77' >'$mnt/control'"
leave 6 "tag later"
echo "pause 6" >"$mnt/control"
is "it is paused" "job 6: PAUSED" "$(reply)"
timeout 20 cat "$mnt/jobs/6/wait" >"$scratch/wait.6" &
reader=$!
timeout 20 bash -c "printf 'tag before\nwait 6\ntag after\n' >'$mnt/control'" &
writer=$!
until_is 2 waiting || is "both wait" 2 "$(waiting)"
until_is before ls "$mnt/tags" || is "the line before is run" "before" "$(ls "$mnt/tags")"
ctl jobs "$dataset" | head -1 | cut -f1,2 >"$scratch/out"
is "lancectl sees it" "6	PAUSED" "$(cat "$scratch/out")"
echo "resume 6" >"$mnt/control"
check "the reader goes on" wait "$reader"
check "the writer goes on" wait "$writer"
is "its state" "state: DONE" "$(sed -n 2p "$scratch/wait.6")"
is "all lines were run" "after before later" "$(echo $(ls "$mnt/tags"))"
until_is 0 waiting || is "nobody waits" 0 "$(waiting)"

# --wait has the error of the job
fails "a failure" "echo 'resume 2 --wait' >'$mnt/control'"
is "why" "line 1: job 2: no command 'nonsense'" "$(reply | tail -1 | cut -d';' -f1)"
is "it is told once" 1 "$(grep -c 'job 2: no command' "$mnt/last_error")"

# who waits is let go
leave 7 "tag never"
echo "pause 7" >"$mnt/control"
start=$(date +%s%N)
timeout 0.3 cat "$mnt/jobs/7/wait" >/dev/null || true
timeout 0.3 bash -c "echo 'wait 7' >'$mnt/control'" || true
took=$((($(date +%s%N) - start) / 1000000))
[[ $took -lt 3000 ]] || is "interrupted ones" "go at once" "$took ms"
until_is 0 waiting || is "nobody waits" 0 "$(waiting)"

# events, of this process' jobs and of others'
# unbuffered: the first line is to be seen before the second comes
timeout 60 sed -u 2q "$mnt/events" >"$scratch/events" &
reader=$!
until_is 1 waiting || is "a reader waits" 1 "$(waiting)"
ctl cancel "$dataset" 7 >/dev/null
until_is 1 wc -l <"$scratch/events" || true
until_is 1 waiting || true
ctl resume "$dataset" 7 >/dev/null 2>&1
check "events" wait "$reader"
is "a change" "job 7 CANCELLED tag never" "$(head -1 "$scratch/events")"
is "another" "job 7" "$(sed -n 2p "$scratch/events" | grep -o '^job 7')"

# fifty that wait delay nobody, and none of them is forgotten
leave 8 "tag awaited"
echo "pause 8" >"$mnt/control"
waiters=()
for ((i = 0; i < 25; i++)); do
	timeout 60 cat "$mnt/jobs/8/wait" >"$scratch/waiter.$i" &
	waiters+=($!)
	timeout 60 bash -c "echo 'wait 8' >'$mnt/control'" &
	waiters+=($!)
done
until_is 50 waiting || is "all wait" 50 "$(waiting)"
start=$(date +%s%N)
cat "$mnt/columns/caption.txt" "$mnt/versions/1/info" >/dev/null
echo "tag meanwhile" >"$mnt/control"
took=$((($(date +%s%N) - start) / 1000000))
[[ $took -lt 2000 ]] || is "meanwhile" "under 2 s" "$took ms"
ctl resume "$dataset" 8 >/dev/null 2>&1
for waiter in "${waiters[@]}"; do check "a waiter" wait "$waiter"; done
is "all know" 25 "$(cat "$scratch"/waiter.* | grep -c '^state: DONE')"

# a mount that was killed leaves its jobs to the next; -o skip-jobs leaves them
fusermount3 -u "$mnt"
wait "$daemon"
leave 9 "tag nine"
leave 10 "tag ten"
# as a kill leaves it: begun, and the lock is free
echo '{"state":"RUNNING","attempts":1,"host":"'"$(hostname)"'"}' >"$jobs/10/status.json"
mount_it -o skip-jobs
is "it is left" "PENDING PENDING" "$(echo $(state 9) $(state 10))"
timeout 20 bash -c "echo 'resume 10 --wait' >'$mnt/control'"
is "what is asked for is run" DONE "$(state 10)"
is "again" "attempts: 2" "$(grep ^attempts "$mnt/jobs/10/status")"
is "nothing else" PENDING "$(state 9)"
fusermount3 -u "$mnt"
wait "$daemon"
mount_it -o ro
is "a read-only mount runs none" PENDING "$(state 9)"
fails "nor is it asked" "echo 'resume 9' >'$mnt/control'"
fusermount3 -u "$mnt"
wait "$daemon"

# a mount that is killed while it runs one; what was asked of it is not forgotten
counting() {
	echo "query 'WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c WHERE x < $1) SELECT count(*) AS n FROM c'"
}
kill_mount() {
	kill -9 "$daemon"
	wait "$daemon" 2>/dev/null || true
	fusermount3 -uz "$mnt"
}
leave 60 "$(counting 1000000000)"
mount_it
until_is RUNNING state 60 || is "a long one" RUNNING "$(state 60)"
is "others see it" "60	RUNNING" "$(ctl jobs "$dataset" | grep ^60 | cut -f1,2)"
fails "it is run once" "'$LANCEFS_BIN/lancectl' resume '$dataset' 60"
kill_mount
is "killed" PENDING "$(ctl jobs "$dataset" | grep ^60 | cut -f2)"
leave 60 "$(counting 1000)" # or it takes long
mount_it
timeout 60 cat "$mnt/jobs/60/wait" >"$scratch/wait.60"
is "it is done" "state: DONE" "$(sed -n 2p "$scratch/wait.60")"
is "at the second time" "attempts: 2" "$(grep ^attempts "$scratch/wait.60")"
is "its answer" 1000 "$(sed -n '/^message: n/{n;p}' "$scratch/wait.60" | tr -d ' ')"
leave 61 "$(counting 1000000000)"
rm "$jobs/5/status.json"
leave 5 "backfill y --no-sandbox" # as if it had come with the dataset
fusermount3 -u "$mnt"
wait "$daemon"
mount_it
until_is RUNNING state 61 || is "a longer one" RUNNING "$(state 61)"
is "a program without a sandbox is not run unasked" PENDING "$(state 5)"
check "it may be cancelled" ctl cancel "$dataset" 5
echo "pause 61" >"$mnt/control"
is "the one who runs it is asked" "job 61: RUNNING, soon PAUSED" "$(reply)"
kill_mount
is "the next one heeds it" PAUSED "$(ctl jobs "$dataset" | grep ^61 | cut -f2)"
ctl cancel "$dataset" 61 >/dev/null

# what another user has put there is not run for them
if [[ $(id -u) -eq 0 ]]; then
	leave 62 "tag theirs"
	chown 65534 "$jobs/62/command"
	mount_it -o allow_other
	leave 63 "tag ours"
	nobody="setpriv --reuid=65534 --regid=65534 --clear-groups bash -c"
	chmod 711 "$scratch"
	fails "theirs, if they say so" "$nobody \"echo 'resume 62' >'$mnt/control'\""
	is "why" 1 "$(head -1 "$mnt/last_error" | grep -c 'job 62 was made by user 65534')"
	timeout 20 $nobody "echo 'resume 63 --wait' >'$mnt/control'"
	is "ours" DONE "$(state 63)"
	is "theirs is left" PENDING "$(state 62)"
	timeout 20 bash -c "echo 'resume 62 --wait' >'$mnt/control'"
	is "until we say so" DONE "$(state 62)"
	fusermount3 -u "$mnt"
	wait "$daemon"
fi

# one that heeds what is asked of it: a function that takes its time
cat >"$scratch/slow.awk" <<'END'
#!/usr/bin/awk -f
# lancefs: type=int64 inputs=caption
{ system("sleep 0.01"); print NF; fflush() }
END
chmod +x "$scratch/slow.awk"
ctl udf add "$dataset" "$scratch/slow.awk" >/dev/null
ctl add "$dataset" words --udf=slow --inputs=caption >/dev/null
backfill="backfill words --workers=1 --batch=5 --checkpoint=5 --no-sandbox"
mount_it
echo "$backfill" >"$mnt/control"
id=$(reply | sed -n 's/^job \([0-9]*\): backfill words (cat .*/\1/p')
is "the command is kept" "$backfill" "$(cat "$mnt/jobs/$id/command")"
until_is 1 grep -c "^rows/s: [1-9]" "$mnt/jobs/$id/status" || is "its rate" 1 0
echo "pause $id" >"$mnt/control"
until_is PAUSED state "$id" || is "it rests" PAUSED "$(state "$id")"
echo "resume $id" >"$mnt/control"
until_is RUNNING state "$id" || is "it goes on" RUNNING "$(state "$id")"
echo "pause $id" >"$mnt/control"
echo "resume $id" >"$mnt/control"
fusermount3 -u "$mnt"
before=$daemon
mount_it # while the other one is still about to end
wait "$before"
timeout 60 cat "$mnt/jobs/$id/wait" >"$scratch/wait.words"
is "the next mount goes on with it" "state: DONE" "$(sed -n 2p "$scratch/wait.words")"
is "its values" "$(awk '{ print NF }' "$mnt/columns/caption.txt" | md5sum)" "$(md5sum <"$mnt/columns/words.txt")"
fusermount3 -u "$mnt"
wait "$daemon"
"$LANCEFS_BIN/lancectl" backfill "$dataset" words --where=true --workers=1 --batch=5 --no-sandbox --udf=slow 2>"$scratch/err" &
runner=$!
until_is RUNNING sh -c "'$LANCEFS_BIN/lancectl' jobs '$dataset' | head -1 | cut -f2" || is "lancectl runs it" RUNNING ""
kill -TERM "$runner"
wait "$runner" || true
id=$((id + 1))
is "it says how to go on" "lancectl: job $id is to be gone on with: lancectl resume $dataset $id" "$(tail -1 "$scratch/err")"
ctl resume "$dataset" $id 2>"$scratch/err" >/dev/null &
runner=$!
until_is RUNNING sh -c "'$LANCEFS_BIN/lancectl' jobs '$dataset' | head -1 | cut -f2" || is "it goes on" RUNNING ""
ctl cancel "$dataset" $id >/dev/null
wait "$runner" || true
is "it was cancelled" "lancectl: resume: job $id is cancelled" "$(tail -1 "$scratch/err")"

# many jobs, and a mount that ends meanwhile
for ((i = 11; i < 60; i++)); do leave $i "add c$i 'width + $i'"; done
mount_it
until_is DONE state 9 || is "the first" DONE "$(state 9)"
fusermount3 -u "$mnt"
wait "$daemon"
is "no job is half done" "" "$(ctl jobs "$dataset" | cut -f2 | grep -vE '^(DONE|PENDING|FAILED|CANCELLED)$' || true)"
mount_it
for ((i = 11; i < 60; i++)); do timeout 60 cat "$mnt/jobs/$i/wait" >/dev/null; done
is "all are done" "" "$(ctl jobs "$dataset" | awk -F'\t' '$1 > 10 && $1 < 60 && $2 != "DONE"')"
is "once each" 49 "$(ctl schema "$dataset" | grep -c '^c[0-9]')"

# directories that are none of ours
mkdir "$jobs/100" "$jobs/x"
ln -s 1 "$jobs/101"
ln -s ../1/command "$jobs/100/command"
is "are not shown" "" "$(ls "$mnt/jobs" | grep -E '^(100|101|x)$' || true)"
fails "nor found" "ls '$mnt/jobs/101/'"
ln -sf /etc/passwd "$jobs/1/log"
is "a link is not followed" "" "$(cat "$mnt/jobs/1/log")"

# nor is what is in the place of jobs/
for what in file link; do
	fusermount3 -u "$mnt"
	wait "$daemon"
	rm -rf "$scratch/jobs.before"
	mv "$jobs" "$scratch/jobs.before"
	[[ $what != file ]] || echo "not a directory" >"$jobs"
	[[ $what != link ]] || ln -s "$scratch/jobs.before" "$jobs"
	mount_it 2>/dev/null
	is "the mount is there" 240 "$(wc -l <"$mnt/columns/width.txt")"
	is "no jobs ($what)" "" "$(ls "$mnt/jobs" 2>/dev/null)"
	fails "and no job" "ls '$mnt/jobs/1'"
	rm "$jobs"
	mv "$scratch/jobs.before" "$jobs"
	is "they are back" 1 "$(ls -d "$mnt/jobs/1" | wc -l)"
done
