#!/bin/sh
# Is this bundle what its signer sealed, all of it and nothing else?
#
#   sh verify.sh BUNDLE_FOLDER PUBLIC_KEY [--allow-draft]
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
IS_DRAFT=1 USAGE=2 NO_KEY=10 WRONG_KEY=11 NOT_SIGNED=12 BROKEN=13 FILES=16 BAD_MANIFEST=17
line_feed='
'

die() {
    code=$1
    shift
    printf 'error: %s\n' "$*" >&2
    exit "$code"
}

usage() { die "$USAGE" "usage: verify.sh BUNDLE_FOLDER PUBLIC_KEY [--allow-draft]"; }

# ---- words ----

bundle='' public_key='' allow_draft=''
for word; do
    case $word in
    --allow-draft) allow_draft=yes ;;
    -* | '') usage ;;
    *)
        if [ -z "$bundle" ]; then bundle=$word
        elif [ -z "$public_key" ]; then public_key=$word
        else usage; fi ;;
    esac
done
[ -n "$public_key" ] || usage
for tool in openssl sha256sum sed awk find sort tr xargs; do
    command -v "$tool" >/dev/null 2>&1 || die "$USAGE" "no $tool here; it is needed"
done
case $public_key in /*) ;; *) public_key=$PWD/$public_key ;; esac
[ -d "$bundle" ] || die "$USAGE" "$bundle: no such bundle folder"

# ---- the key that was given ----

[ -r "$public_key" ] || die "$NO_KEY" "can't read the key $public_key"
if grep -q 'PRIVATE KEY-----' "$public_key"; then
    die "$NO_KEY" "$public_key: this is a private key; verifying wants the public one"
fi
# DER of any P-256 key begins so; the point must be uncompressed, as in the id that the manifest names.
p256=3059301306072a8648ce3d020106082a8648ce3d03010703420004
der() { openssl ec -pubin -conv_form uncompressed -in "$public_key" -outform DER 2>/dev/null; }
case $(der | od -A n -v -t x1 | tr -d ' \n') in
"$p256"*) ;;
*) die "$NO_KEY" "$public_key: not a P-256 public key in PEM form" ;;
esac
key_id=sha256:$(der | sha256sum | cut -c 1-64)

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
} | awk -v count="$count" -v format="${facts%%"$line_feed"*}" '
    function say(path, what) { print "error: " path ": " what }
    /^:/ { part = $0; next }
    part == ":listed" {
        path = substr($0, 67)
        if (path ~ /\/[^A-Za-z0-9_]/ || path ~ /\/$/ || length(path) > 200) say("manifest.json", path " is not a plain name")
        if (tolower(path) in folded) say("manifest.json", path " and " folded[tolower(path)] " differ only by case")
        folded[tolower(path)] = path; digest[path] = substr($0, 1, 64); understood++
        depth = split(path, names, "/"); folder = ""
        for (i = 1; i < depth; i++) { folder = folder names[i]; folders[folder] = 1; folder = folder "/" }
    }
    part == ":sums" { sum[substr($0, 67)] = substr($0, 1, 64) }
    part == ":files" { present[substr($0, 3)] = 1 }
    part == ":folders" && !(substr($0, 3) in folders) { say(substr($0, 3), "extra folder") }
    END {
        if (part != ":end") say("this folder", "could not be read as a whole")
        if (understood != count) say("manifest.json", "lists files that are not plain names")
        unlisted["manifest.json"]; unlisted["manifest.sig"]
        if (format == 2) unlisted["model.sig"]
        for (path in unlisted) if (tolower(path) in folded) say("manifest.json", path " can not be listed")
        for (path in present) if (!(path in digest) && !(path in unlisted)) say(path, "extra file")
        for (path in digest) {
            if (!(path in present)) say(path, "missing")
            else if (sum[path] != digest[path]) say(path, "changed")
        }
    }') || die "$USAGE" "awk failed"
if [ -n "$problems" ]; then
    printf '%s\n' "$problems" >&2
    case $problems in 'error: manifest.json: '*) die "$BAD_MANIFEST" "this is no manifest that a bundle may have" ;; esac
    die "$FILES" "this is not what was signed"
fi

# ---- what it is ----

printf '%s: signature and %s files hold; status %s\n' "$bundle" "$count" "$status"
if [ "$status" = DRAFT ] && [ -z "$allow_draft" ]; then
    die "$IS_DRAFT" "this bundle is a draft, not for release; add --allow-draft to accept it"
fi
exit 0
