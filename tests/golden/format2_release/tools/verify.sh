#!/bin/sh
# Is this bundle what its signer sealed, all of it and nothing else?
#
#   sh verify.sh BUNDLE_FOLDER PUBLIC_KEY [--allow-draft] [--revoked FILE [--revoked-by KEY]]
#
# Needs a POSIX shell with its usual tools (dash and busybox will do), openssl and sha256sum.
#
# A verifier that came with a bundle says nothing about that bundle: whoever changed the bundle changed the verifier
# too. Get this file and the public key another way, or check manifest.sig with openssl first (README.md says how).
#
# The signature comes first, over the raw bytes of manifest.json; only then is what the manifest says believed.
# Exit codes as of `compress verify`.

set -uf
LC_ALL=C
export LC_ALL
unset CDPATH IFS
IS_DRAFT=1 USAGE=2 NO_KEY=10 WRONG_KEY=11 NOT_SIGNED=12 BROKEN=13 REVOKED=14 EXPIRED=15
FILES=16 BAD_MANIFEST=17 BAD_LIST=18
line_feed='
'

die() {
    code=$1
    shift
    printf 'error: %s\n' "$*" >&2
    exit "$code"
}

usage() { die "$USAGE" "usage: verify.sh BUNDLE_FOLDER PUBLIC_KEY [--allow-draft] [--revoked FILE [--revoked-by KEY]]"; }

# ---- words ----

bundle='' public_key='' allow_draft='' revoked='' revoked_by=''
while [ $# -gt 0 ]; do
    case $1 in
    --allow-draft) allow_draft=yes ;;
    --revoked | --revoked-by)
        [ $# -gt 1 ] || usage
        case $1 in --revoked) revoked=$2 ;; *) revoked_by=$2 ;; esac
        shift ;;
    -* | '') usage ;;
    *)
        if [ -z "$bundle" ]; then bundle=$1
        elif [ -z "$public_key" ]; then public_key=$1
        else usage; fi ;;
    esac
    shift
done
[ -n "$public_key" ] || usage
[ -n "$revoked" ] || [ -z "$revoked_by" ] || usage
for tool in openssl sha256sum sed awk find sort tr xargs; do
    command -v "$tool" >/dev/null 2>&1 || die "$USAGE" "no $tool here; it is needed"
done
absolute() { case $1 in /* | '') printf '%s' "$1" ;; *) printf '%s/%s' "$PWD" "$1" ;; esac; }
public_key=$(absolute "$public_key") revoked=$(absolute "$revoked") revoked_by=$(absolute "$revoked_by")
[ -d "$bundle" ] || die "$USAGE" "$bundle: no such bundle folder"

# ---- the keys that were given ----

# DER of any P-256 key begins so; the point must be uncompressed, as in the id that the manifest names.
p256=3059301306072a8648ce3d020106082a8648ce3d03010703420004
der() { openssl ec -pubin -conv_form uncompressed -in "$1" -outform DER 2>/dev/null; }
check_key() {
    [ -r "$1" ] || die "$NO_KEY" "can't read the key $1"
    ! grep -q 'PRIVATE KEY-----' "$1" || die "$NO_KEY" "$1: this is a private key; verifying wants the public one"
    case $(der "$1" | od -A n -v -t x1 | tr -d ' \n') in
    "$p256"*) ;;
    *) die "$NO_KEY" "$1: not a P-256 public key in PEM form" ;;
    esac
}
id_of() { printf 'sha256:%s' "$(der "$1" | sha256sum | cut -c 1-64)"; }
# The last day of a key, from a line "expires: 2027-11-22" before its PEM block.
last_day() { sed -n 's/^expires:[[:space:]]*\(.*[^[:space:]]\)[[:space:]]*$/\1/p' "$1"; }
is_over() { # a day that is none is over, too
    day=$(last_day "$1")
    [ -n "$day" ] || return 1
    case $day in [0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]) ;; *) return 0 ;; esac
    [ "$(printf '%s\n' "$day" "$today" | sort | head -n 1)" != "$today" ] && [ "$day" != "$today" ]
}
today=$(date -u +%Y-%m-%d)
check_key "$public_key"
key_id=$(id_of "$public_key")
[ -z "$revoked_by" ] || check_key "$revoked_by"

cd "$bundle" || die "$USAGE" "can't enter $bundle"

# ---- the signature ----

plain() { [ ! -h "$1" ] && [ -f "$1" ]; }

for name in manifest.json manifest.sig; do
    case $name in manifest.json) absent=$USAGE ;; *) absent=$NOT_SIGNED ;; esac
    [ -h "$name" ] || [ -e "$name" ] || die "$absent" "$name: missing: no signature, or no bundle"
    plain "$name" || die "$FILES" "$name: not a plain file"
done
claimed=$(tr ',' '\n' <manifest.json | sed -n 's/^"key_id":"\(sha256:[0-9a-f]\{64\}\)"$/\1/p')
if ! openssl dgst -sha256 -verify "$public_key" -signature manifest.sig manifest.json >/dev/null 2>&1; then
    case $claimed in
    "$key_id" | '' | *"$line_feed"*) die "$BROKEN" "broken signature; manifest.json or manifest.sig was changed after signing" ;;
    *) die "$WRONG_KEY" "wrong key; the bundle says it was signed by $claimed, the key given is $key_id" ;;
    esac
fi
[ "$claimed" = "$key_id" ] || die "$BAD_MANIFEST" "the manifest names another key ($claimed) than its signer's"

# ---- is the key still good? ----

if [ -n "$revoked" ]; then
    signer=${revoked_by:-$public_key}
    [ -r "$revoked" ] && [ -r "$revoked.sig" ] || die "$BAD_LIST" "can't read $revoked and $revoked.sig"
    openssl dgst -sha256 -verify "$signer" -signature "$revoked.sig" "$revoked" >/dev/null 2>&1 ||
        die "$BAD_LIST" "$revoked: changed, or signed by another key"
    issued=$(sed -n 's/^{"format":"compress-revoked\/1","issued":"\([0-9-]*\)","revoked":\[.*\]}$/\1/p' "$revoked")
    [ -n "$issued" ] && [ "$(sed -n '$=' "$revoked")" = 1 ] || die "$BAD_LIST" "$revoked: no valid revocation list"
    [ "$(printf '%s\n' "$issued" "$today" | sort | head -n 1)" = "$issued" ] || die "$BAD_LIST" "$revoked: from the future"
    keys=$(tr '{' '\n' <"$revoked" | sed -n 's/^"key_id":"\(sha256:[0-9a-f]*\)",.*/\1/p')
    case $keys in *"$(id_of "$signer")"*) die "$BAD_LIST" "$revoked: signed by a key that is on the list itself" ;; esac
    ! is_over "$signer" || die "$BAD_LIST" "$revoked: the key of the list expired on $(last_day "$signer")"
    case $keys in *"$key_id"*) die "$REVOKED" "revoked key; $key_id is on the list $revoked" ;; esac
fi
! is_over "$public_key" || die "$EXPIRED" "expired key; $key_id was good until $(last_day "$public_key")"

# ---- what the manifest says: from here on it is the signer's word ----

# Inside a text of the manifest each quote has a backslash before it, so this finds entries of files and nothing else.
entry='"\([A-Za-z0-9_][A-Za-z0-9._+/-]*\)":{"sha256":"\([0-9a-f]\{64\}\)","size_bytes":[0-9]*'
listed=$(tr '}' '\n' <manifest.json | sed -n "s|^.*[{,]$entry\$|\2  \1|p")
# All that has a digest must have been understood.
count=$(tr '}' '\n' <manifest.json | grep -c '":{"sha256":"')
facts=$(tr ',' '\n' <manifest.json | sed -n -e 's|^"format":"compress-bundle/\([12]\)"$|\1|p' -e 's/^"status":"\([A-Z]*\)"}*$/\1/p')
case $facts in
"1${line_feed}DRAFT" | "2${line_feed}DRAFT") status=DRAFT ;;
"1${line_feed}RELEASE" | "2${line_feed}RELEASE") status=RELEASE ;;
*) die "$BAD_MANIFEST" "manifest.json is no valid manifest: format or status" ;;
esac

bad=$(printf '%s\n' "$listed" | awk -v count="$count" '
    function say(what) { print "error: manifest.json: " what }
    {
        path = substr($0, 67); folded = tolower(path)
        if (path ~ /\/[^A-Za-z0-9_]/ || path ~ /\/$/ || length(path) > 200) say(path " is not a plain name")
        if (folded in seen) say(path " and " seen[folded] " differ only by case")
        if (folded ~ /^(manifest\.json|manifest\.sig|model\.sig)$/) say(path " can not be listed")
        seen[folded] = path; understood += path != ""
    }
    END { if (understood != count) say("lists files that are not plain names") }') || die "$USAGE" "awk failed"
if [ -n "$bad" ]; then
    printf '%s\n' "$bad" >&2
    die "$BAD_MANIFEST" "this is no manifest that a bundle may have"
fi

# ---- the second signature (format /2): OpenSSF Model Signing, an in-toto statement in a DSSE envelope ----

between() { sed -n "s|.*\"$1\":\"\([A-Za-z0-9+/=]*\)\".*|\1|p" model.sig; }
model_signature_holds() {
    hint=$(openssl ec -pubin -conv_form uncompressed -in "$public_key" 2>/dev/null | sha256sum | cut -c 1-64)
    payload=$(between payload) signature=$(between sig)
    printf '{"mediaType":"%s","verificationMaterial":{"publicKey":{"hint":"%s"},"tlogEntries":[]},"dsseEnvelope":%s}' \
        application/vnd.dev.sigstore.bundle.v0.3+json "$hint" \
        "{\"payload\":\"$payload\",\"payloadType\":\"application/vnd.in-toto+json\",\"signatures\":[{\"sig\":\"$signature\",\"keyid\":\"\"}]}" |
        cmp -s - model.sig || return 1
    printf '%s' "$payload" | openssl base64 -d -A >"$scratch/payload" || return 1
    printf '%s' "$signature" | openssl base64 -d -A >"$scratch/signature" || return 1
    [ "$(openssl base64 -A -in "$scratch/payload")" = "$payload" ] || return 1
    [ "$(openssl base64 -A -in "$scratch/signature")" = "$signature" ] || return 1
    size=$(wc -c <"$scratch/payload" | tr -d ' ')
    { printf 'DSSEv1 28 application/vnd.in-toto+json %s ' "$size" && cat "$scratch/payload"; } |
        openssl dgst -sha256 -verify "$public_key" -signature "$scratch/signature" >/dev/null 2>&1 || return 1
    stated=$(tr '{' '\n' <"$scratch/payload" |
        sed -n 's|^"algorithm":"sha256","digest":"\([0-9a-f]*\)","name":"\([^"]*\)"}.*|\1  \2|p' | sort)
    [ "$stated" = "$({ printf '%s\n' "$listed" && sha256sum manifest.json manifest.sig; } | sort)" ]
}
if [ "${facts%%"$line_feed"*}" = 2 ]; then
    [ -h model.sig ] || [ -e model.sig ] || die "$NOT_SIGNED" "model.sig: missing: no second signature"
    plain model.sig || die "$FILES" "model.sig: not a plain file"
    scratch=$(mktemp -d) || die "$USAGE" "can't make a folder for temporary files"
    trap 'rm -rf "$scratch"' EXIT
    model_signature_holds || die "$BROKEN" "broken signature; model.sig is none by this key over these files"
fi

# ---- every file ----

# Names first: nothing that could be read as two lines, or as an option, comes further.
odd=$(find . ! -name . \( -name '*[!A-Za-z0-9._+-]*' -o -name '[!A-Za-z0-9_]*' \) | tr '\n' ' ' | tr -c 'A-Za-z0-9._+/ -' '?')
[ -z "$odd" ] || die "$FILES" "extra files or folders with odd names: $odd"
# Nor anything but files and folders: sha256sum would follow a link, and wait at a pipe.
others=$(find . ! -type d ! -type f)
[ -z "$others" ] || die "$FILES" "links or special files, not plain files:" $others

problems=$({
    printf '%s\n' ':listed' "$listed" ':sums'
    printf '%s\n' "$listed" | cut -c 67- | xargs sha256sum 2>/dev/null
    echo ':files'
    find . -type f
    echo ':folders'
    find . ! -name . -type d
    echo ':end'
} | awk -v format="${facts%%"$line_feed"*}" '
    function say(path, what) { print "error: " path ": " what }
    /^:/ { part = $0; next }
    part == ":listed" {
        path = substr($0, 67)
        digest[path] = substr($0, 1, 64)
        depth = split(path, names, "/"); folder = ""
        for (i = 1; i < depth; i++) { folder = folder names[i]; folders[folder] = 1; folder = folder "/" }
    }
    part == ":sums" { sum[substr($0, 67)] = substr($0, 1, 64) }
    part == ":files" { present[substr($0, 3)] = 1 }
    part == ":folders" && !(substr($0, 3) in folders) { say(substr($0, 3), "extra folder") }
    END {
        if (part != ":end") say("this folder", "could not be read as a whole")
        unlisted["manifest.json"]; unlisted["manifest.sig"]
        if (format == 2) unlisted["model.sig"]
        for (path in present) if (!(path in digest) && !(path in unlisted)) say(path, "extra file")
        for (path in digest) {
            if (!(path in present)) say(path, "missing")
            else if (sum[path] != digest[path]) say(path, "changed")
        }
    }') || die "$USAGE" "awk failed"
if [ -n "$problems" ]; then
    printf '%s\n' "$problems" >&2
    die "$FILES" "this is not what was signed"
fi

# ---- what it is ----

printf '%s: signature and %s files hold; status %s\n' "$bundle" "$count" "$status"
if [ "$status" = DRAFT ] && [ -z "$allow_draft" ]; then
    die "$IS_DRAFT" "this bundle is a draft, not for release; add --allow-draft to accept it"
fi
exit 0
