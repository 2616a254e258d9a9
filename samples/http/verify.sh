#!/bin/sh
# Verify a spreadsheet over HTTP: sh verify.sh FILE RESULT MOST_ASKS
# BATCHVERIFY_URL is where `batchverify serve` listens, BATCHVERIFY_TOKEN a token of `batchverify people token`.
set -eu
file=$1 result=$2 most=$3

# The token goes in by standard input: in the arguments, every user of this machine could read it.
call() {
  printf 'header = "Authorization: Bearer %s"\n' "$BATCHVERIFY_TOKEN" |
    curl --config - --silent --show-error --fail-with-body "$@"
}

# The same file with the same key is one job, however often it is sent.
key=$(sha256sum <"$file" | cut -c 1-64)
opened=$(call --header "Idempotency-Key: $key" --form 'options={"product": "bank3", "lang": "en"}' --form "file=@\"$file\"" "$BATCHVERIFY_URL/api/jobs")
job=$(printf '%s' "$opened" | sed -E 's/^\{"job":\{"id":"([^"]+)".*/\1/')
hash=$(printf '%s' "$opened" | sed -nE 's/.*"hash":"([0-9a-f]+)".*/\1/p')
[ -n "$hash" ] || { printf '%s\n' "$opened" >&2; exit 2; }

# From here on it may cost money, and never more than MOST_ASKS asks.
call --json "{\"digest\": \"$hash\", \"max_asks\": $most, \"purpose\": \"onboarding\"}" "$BATCHVERIFY_URL/api/jobs/$job/confirm" >/dev/null
call --no-buffer "$BATCHVERIFY_URL/api/jobs/$job/events" >/dev/null # ends when the job does
call --output "$result" "$BATCHVERIFY_URL/api/jobs/$job/result"
