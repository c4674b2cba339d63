#!/bin/sh
# Trains a bundle from what was logged and judged, and puts it into the registry. Promoting it stays with people.
#
#   retrain.sh [STEP...]    steps, in order, all unless some are named: export train backtest add
#
# Its settings are variables, none of them a secret:
#   INNERWATCH_CONFIG   the configuration of the run            /etc/innerwatch/innerwatch.toml
#   RETRAIN_FOLDER      where runs are kept, a folder for each  /var/lib/innerwatch/retrain
#   RETRAIN_KEY         file of the key that signs bundles      /etc/innerwatch/bundles.key
#   RETRAIN_RUN         name of this run; the same goes on      today's date, UTC
#   RETRAIN_TO          last day of the data                    the day before yesterday, which has closed
#   RETRAIN_DAYS        days of the data                        90
#
# Exit codes: 0 done, 2 called wrongly, 75 another retraining is at work, else that of the command which failed.
set -eu
umask 077
PATH="$(dirname "$0"):$PATH"

say() { echo "retrain: $*" >&2; }
fail() { code=$1; shift; say "$*"; exit "$code"; }

config=${INNERWATCH_CONFIG:-/etc/innerwatch/innerwatch.toml}
folder=${RETRAIN_FOLDER:-/var/lib/innerwatch/retrain}
key=${RETRAIN_KEY:-/etc/innerwatch/bundles.key}
name=$(printf %s "${RETRAIN_RUN:-$(date -u +%Y-%m-%d)}" | tr A-Z a-z | tr -c a-z0-9. -)
to=${RETRAIN_TO:-$(date -u -d '2 days ago' +%Y-%m-%d)}
days=${RETRAIN_DAYS:-90}

case $days in *[!0-9]* | '' | 0*) fail 2 "RETRAIN_DAYS is '$days'; give a number of days" ;; esac
case $name in [!a-z0-9]*) fail 2 "RETRAIN_RUN is '$name'; begin it with a letter or digit" ;; esac
from=$(date -u -d "$to - $((days - 1)) days" +%Y-%m-%d) || fail 2 "RETRAIN_TO is '$to'; give a date such as 2026-03-02"
for step in "$@"; do
    case $step in export | train | backtest | add) ;; *) fail 2 "no step '$step'; there are: export train backtest add" ;; esac
done
[ -r "$config" ] || fail 1 "$config: cannot be read; name the configuration by INNERWATCH_CONFIG"

run=$folder/$name
bundle=$run/retrain-$name.bundle
mkdir -p "$run" || fail 1 "$run: cannot be made; name a folder by RETRAIN_FOLDER"
exec 9>"$folder/lock"
flock -n 9 || fail 75 "another retraining is at work in $folder; wait for its end"
# What a run that never ended has exported is personal data that nobody needs any more.
find "$folder" -mindepth 2 -maxdepth 2 -type d -name exports ! -path "$run/*" -exec rm -rf {} +

step_export() {
    mkdir -p "$run/exports"
    [ -d "$run/exports/features" ] || innerwatch export features --config "$config" --contexts "$config" \
        --from "$from" --to "$to" --out "$run/exports/features"
    innerwatch export check "$run/exports/features"
    rm -rf "$run/exports/labels"
    innerwatch export labels --if-any --config "$config" --out "$run/exports/labels"
}

step_train() {
    [ -r "$key" ] || fail 1 "$key: cannot be read; make it by innerwatch bundles key, or name it by RETRAIN_KEY"
    set -- "$run/exports/features" --config "$config" --key "$key" --name "retrain-$name" --out "$bundle"
    [ -d "$run/exports/labels" ] && set -- "$@" --labels "$run/exports/labels"
    [ -f "$bundle" ] || innerwatch train "$@"
}

step_backtest() {
    rm -rf "$run/report"
    innerwatch backtest --bundle champion --bundle "$bundle" --config "$config" --out "$run/report"
}

step_add() {
    innerwatch bundles add "$bundle" --config "$config"
    rm -rf "$run/exports"
    say "$bundle is in the registry; read $run/report, then: innerwatch bundles shadow retrain-$name --config $config"
}

# Not "step || fail": within such a list the shell goes on after a command that fails.
trap 'code=$?; [ "$code" = 0 ] || say "$step failed; what is there stays in $run, and the same run again goes on from it"' EXIT
[ $# -gt 0 ] || set -- export train backtest add
for step in "$@"; do
    say "$step of $name, days $from to $to"
    "step_$step"
done
