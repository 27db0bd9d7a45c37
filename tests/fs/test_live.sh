#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# test_live.sh: events and metrics: files that tell what happens now.
. "$(dirname "$0")/lib.sh"
mount_it
rows=$(wc -l <"$mnt/columns/caption.txt")

# metric NAME: its value
metric() { awk -v name="lancefs_$1" '$1 == name {print $2}' "$mnt/metrics"; }

is "events is found, not listed" "" "$(ls "$mnt" | grep -x events)"
[[ -f $mnt/events ]] || is "events" "a file" "none"

# a read waits for a commit, and tells it
cat "$mnt/events" >"$scratch/told" &
reader=$!
for ((i = 0; i < 200; i++)); do
	[[ $(metric waiting_requests) == 0 ]] || break
	sleep 0.02
done
is "a waiting read" "1" "$(metric waiting_requests)"
seq "$rows" >"$mnt/columns/n.txt"
seq 2 $((rows + 1)) >"$mnt/columns/m.txt"
for ((i = 0; i < 200; i++)); do
	[[ $(wc -l <"$scratch/told") != 2 ]] || break
	sleep 0.02
done
is "commits told" "2 3" "$(echo $(cut -f1 "$scratch/told"))"
kill "$reader" 2>/dev/null || true
wait "$reader" 2>/dev/null || true
for ((i = 0; i < 200; i++)); do
	[[ $(metric waiting_requests) != 0 ]] || break
	sleep 0.02
done
is "an interrupted read is gone" "0" "$(metric waiting_requests)"
is "commits" "2" "$(metric commits_total)"

# fifty of them hold nobody up
readers=()
for ((i = 0; i < 50; i++)); do
	head -n 1 "$mnt/events" >"$scratch/told.$i" &
	readers+=($!)
done
for ((i = 0; i < 500; i++)); do
	[[ $(metric waiting_requests) != 50 ]] || break
	sleep 0.02
done
is "fifty waiting reads" "50" "$(metric waiting_requests)"
seq 3 $((rows + 2)) >"$mnt/columns/n.txt"
wait "${readers[@]}"
is "told to each" "50" "$(cat "$scratch"/told.* | grep -c '^4')"

# one row's text costs a few small reads
before=$(metric store_reads_total) bytes=$(metric store_read_bytes_total)
cat "$mnt/rows/7/caption.txt" >/dev/null
reads=$(($(metric store_reads_total) - before)) bytes=$(($(metric store_read_bytes_total) - bytes))
((reads <= 12)) || is "reads for one value" "at most 12" "$reads"
((bytes <= 100000)) || is "bytes for one value" "at most 100000" "$bytes"

# versions are listed by their names alone
before=$(metric store_reads_total)
ls "$mnt/versions" >/dev/null
is "reads for ls versions" 0 "$(($(metric store_reads_total) - before))"
