#!/bin/sh
# A station for a long time: photographs of a part a second come into a folder, `mvad predict --watch` judges them, and its
# memory is written down every minute.
#   tests/soak/watch.sh MVAD FOLDER MINUTES
# Of every 20 parts one lacks a view, one has a broken photograph, and one has a photograph that is written slowly. FOLDER (made new)
# gets memory.log: seconds, parts judged, resident kB, their peak, open files. Fails where a part has no line or memory grew by more
# than 5 % after the first tenth of the time.
set -eu
mvad=$1
folder=$2
minutes=$3
mkdir "$folder"
cd "$folder"
mkdir in

"$mvad" synth --out parts --classes 1 --train 0 --test 20 --size 64 > /dev/null
"$mvad" init --out model.safetensors --backbone resnet18 --size 64
"$mvad" predict --model model.safetensors --watch in --done done --timeout 3 --threshold 0.6 --threads 1 --jsonl lines.jsonl \
    > table.txt 2> messages.txt &
station=$!
trap 'kill $station' EXIT

photograph() { # part number, view
    find parts -name "*_$(printf '%04d' $(($1 % 20 + 1)))_*_C$2_*.jpg"
}

slowly() { # from, to: in two halves, with a second between, longer than a file that is whole is waited for
    size=$(wc -c < "$1")
    head -c $((size / 2)) "$1" > "$2"
    (sleep 1; tail -c +$((size / 2 + 1)) "$1" >> "$2") &
}

judged() {
    if [ -e lines.jsonl ]; then wc -l < lines.jsonl; else echo 0; fi
}

begin=$(date +%s)
logged=-60
part=0
while [ $(($(date +%s) - begin)) -lt $((minutes * 60)) ]; do
    part=$((part + 1))
    for view in 1 2 3 4 5; do
        from=$(photograph $part $view)
        case $((part % 20)):$view in
        5:2) ;;
        10:3) head -c 500 "$from" > "in/${part}_C3.jpg" ;;
        15:4) slowly "$from" "in/${part}_C4.jpg" ;;
        *) cp "$from" in/.new && mv in/.new "in/${part}_C$view.jpg" ;;
        esac
    done
    seconds=$(($(date +%s) - begin))
    if [ $((seconds - logged)) -ge 60 ]; then
        logged=$seconds
        echo "$seconds $(judged) $(awk '/VmRSS|VmHWM/ { print $2 }' /proc/$station/status | sort -n | tr '\n' ' ')" \
            "$(ls /proc/$station/fd | wc -l)" >> memory.log
        find done -type f -mmin +1 -delete 2> /dev/null || true
    fi
    sleep 1
done

sleep 15
trap - EXIT
kill -TERM $station
wait $station
[ "$(judged)" -eq $part ] || { echo "$part parts, $(judged) lines"; exit 1; }
tail -1 messages.txt
awk 'NR == 1 { next } $1 < minutes * 6 { early = $3; next } !early { early = $3 } $3 > most { most = $3 }
    END { printf "resident: %d kB at first, at most %d kB later\n", early, most; exit most > 1.05 * early }' minutes="$minutes" memory.log
