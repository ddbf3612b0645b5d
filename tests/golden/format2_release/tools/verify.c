/* Is this bundle what its signer sealed, all of it and nothing else?
 *
 *   cc -std=c99 -Wall -Wextra -pedantic -Werror -o verify verify.c -lcrypto
 *   ./verify BUNDLE_FOLDER PUBLIC_KEY [--allow-draft] [--contract] [--revoked FILE [--revoked-by KEY]]
 *
 * C99, POSIX.1-2008 and libcrypto of OpenSSL 3; nothing else. --contract prints contract.json after all of it held.
 *
 * A verifier that came with a bundle says nothing about that bundle: whoever changed the bundle changed the verifier
 * too. Get this file and the public key another way, or check manifest.sig with openssl first (README.md says how).
 *
 * The signature comes first, over the raw bytes of manifest.json; only then is what the manifest says believed.
 * The manifest has exactly one spelling (keys in order, no spaces, ASCII): the reader takes that one and no other.
 * Exit codes as of `compress verify`.
 */
#define _POSIX_C_SOURCE 200809L

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/bio.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

enum { HOLDS = 0, IS_DRAFT = 1, USAGE = 2, NO_KEY = 10, WRONG_KEY, NOT_SIGNED, BROKEN, REVOKED, EXPIRED };
enum { FILES = 16, BAD_MANIFEST, BAD_LIST };
enum { LARGEST_BYTES = 16 << 20, LONGEST_PATH = 200, HEX = 64, ID = 7 + HEX, DAY = 10, CHUNK = 1 << 16 };

struct bytes {
    unsigned char *at;
    size_t size;
};

struct entry {
    char path[LONGEST_PATH + 1];
    char folded[LONGEST_PATH + 1]; /* lower case, '/' as 1: what lies in a folder follows it at once when sorted */
    char sha256[HEX + 1];
    unsigned long long size_bytes;
    int seen, named; /* found in the folder; named by model.sig */
};

struct manifest {
    struct entry *entries; /* sorted by path */
    size_t count;
    char key_id[ID + 1];
    struct bytes data;             /* as it was signed */
    const unsigned char *reasons; /* of a draft: what stands between [ and ] */
    size_t reasons_size;
    int format, draft;
};

static const char *const UNLISTED[] = {"manifest.json", "manifest.sig", "model.sig"};

static void die(int code, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    fputs("error: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    exit(code);
}

static void *memory(void *old, size_t size) {
    void *made = realloc(old, size ? size : 1);
    if (made == NULL) die(USAGE, "out of memory");
    return made;
}

static void put_name(const char *name) { /* whatever would break a line or a terminal is escaped */
    for (; *name; name++) {
        unsigned char letter = (unsigned char)*name;
        if (letter >= ' ' && letter <= '~' && letter != '\\') fputc(letter, stderr);
        else fprintf(stderr, "\\x%02x", letter);
    }
}

static int problem(const char *path, const char *what) {
    fputs("error: ", stderr);
    put_name(path);
    fprintf(stderr, ": %s\n", what);
    return 1;
}

/* ---- files ---- */

static const char *kind_of(mode_t mode) {
    if (S_ISLNK(mode)) return "a symbolic link, not a plain file";
    return S_ISDIR(mode) ? "a folder, not a plain file" : "a special file, not a plain file";
}

/* All bytes of an open file, zero-ended; ends the program with `code` when it can't be read or is far too large. */
static struct bytes read_whole(int file, const char *name, int code) {
    struct bytes data = {memory(NULL, LARGEST_BYTES + 1), 0};
    ssize_t got = -1;
    while (file >= 0 && data.size < LARGEST_BYTES &&
           (got = read(file, data.at + data.size, LARGEST_BYTES - data.size)) > 0)
        data.size += (size_t)got;
    if (file < 0 || got < 0) die(code, "can't read %s: %s", name, strerror(errno));
    if (got > 0) die(code, "%s: too large to be what it should be", name);
    close(file);
    data.at[data.size] = 0;
    return data;
}

/* The same of a plain file in `folder`; a link or device in its place is refused, not followed. */
static struct bytes read_plain(int folder, const char *name, int absent, const char *missing) {
    struct stat found;
    if (fstatat(folder, name, &found, AT_SYMLINK_NOFOLLOW) != 0) die(absent, "%s: %s", name, missing);
    if (!S_ISREG(found.st_mode)) die(FILES, "%s: %s", name, kind_of(found.st_mode));
    return read_whole(openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC), name, FILES);
}

static void to_hex(const unsigned char *digest, char *hex) {
    int i;
    for (i = 0; i < HEX / 2; i++) sprintf(hex + 2 * i, "%02x", digest[i]);
}

/* ---- the manifest's one spelling ---- */

struct reader {
    const unsigned char *at, *end;
};

static int take(struct reader *r, const char *text) {
    size_t size = strlen(text);
    if ((size_t)(r->end - r->at) < size || memcmp(r->at, text, size) != 0) return 0;
    r->at += size;
    return 1;
}

static int is_hex(unsigned char letter) {
    return (letter >= '0' && letter <= '9') || (letter >= 'a' && letter <= 'f');
}

/* Four lower-case hex digits, or -1. */
static long take_unit(struct reader *r) {
    char digits[5] = "";
    int i;
    if (r->end - r->at < 4) return -1;
    for (i = 0; i < 4; i++) {
        if (!is_hex(r->at[i])) return -1;
        digits[i] = (char)r->at[i];
    }
    r->at += 4;
    return strtol(digits, NULL, 16);
}

static int take_escape(struct reader *r) { /* behind the backslash */
    long unit;
    if (r->at == r->end) return 0;
    if (strchr("\"\\bfnrt", *r->at) != NULL && *r->at) return r->at++, 1;
    if (!take(r, "u") || (unit = take_unit(r)) < 0) return 0;
    if (unit < 0x20) return strchr("\b\f\n\r\t", (int)unit) == NULL || unit == 0;
    if (unit < 0x7f || (unit >= 0xdc00 && unit <= 0xdfff)) return 0;
    if (unit < 0xd800 || unit > 0xdbff) return 1;
    return take(r, "\\u") && (unit = take_unit(r)) >= 0xdc00 && unit <= 0xdfff;
}

/* Any text, in the one spelling of JSON that is all ASCII. */
static int take_text(struct reader *r) {
    if (!take(r, "\"")) return 0;
    while (r->at < r->end) {
        unsigned char letter = *r->at++;
        if (letter == '"') return 1;
        if (letter < ' ' || letter > '~' || (letter == '\\' && !take_escape(r))) return 0;
    }
    return 0;
}

static int take_digest(struct reader *r, char *into) {
    int i;
    if (r->end - r->at < HEX) return 0;
    for (i = 0; i < HEX; i++)
        if (!is_hex(r->at[i])) return 0;
    memcpy(into, r->at, HEX);
    into[HEX] = 0;
    r->at += HEX;
    return 1;
}

static int take_size(struct reader *r, unsigned long long *value) {
    const unsigned char *first = r->at;
    for (*value = 0; r->at < r->end && *r->at >= '0' && *r->at <= '9'; r->at++)
        *value = *value * 10 + (unsigned long long)(*r->at - '0');
    return r->at > first && r->at - first <= 18 && (*first != '0' || r->at - first == 1);
}

static int is_plain(char letter, int first) {
    if ((letter >= 'a' && letter <= 'z') || (letter >= 'A' && letter <= 'Z')) return 1;
    if ((letter >= '0' && letter <= '9') || letter == '_') return 1;
    return !first && letter && strchr(".+-", letter) != NULL;
}

/* A path that can't point out of the bundle and is safe on every file system: plain names, forward slashes. */
static int take_path(struct reader *r, struct entry *entry) {
    size_t size = 0;
    int first = 1;
    if (!take(r, "\"")) return 0;
    for (; r->at < r->end && *r->at != '"'; r->at++, size++) {
        char letter = (char)*r->at;
        if (size == LONGEST_PATH || !(is_plain(letter, first) || (letter == '/' && !first))) return 0;
        first = letter == '/';
        entry->path[size] = letter;
        entry->folded[size] = letter == '/' ? '\1' : (letter >= 'A' && letter <= 'Z') ? (char)(letter + 32) : letter;
    }
    entry->path[size] = entry->folded[size] = 0;
    return !first && take(r, "\"");
}

static int take_files(struct reader *r, struct manifest *m) {
    size_t room = 0;
    if (!take(r, "\"files\":{")) return 0;
    if (take(r, "}")) return 1;
    do {
        struct entry *entry;
        if (m->count == room) m->entries = memory(m->entries, (room = 2 * room + 64) * sizeof *m->entries);
        entry = &m->entries[m->count];
        memset(entry, 0, sizeof *entry);
        if (!take_path(r, entry) || !take(r, ":{\"sha256\":\"") || !take_digest(r, entry->sha256)) return 0;
        if (!take(r, "\",\"size_bytes\":") || !take_size(r, &entry->size_bytes) || !take(r, "}")) return 0;
        if (m->count && strcmp(entry[-1].path, entry->path) >= 0) return 0;
        m->count++;
    } while (take(r, ","));
    return take(r, "}");
}

static int take_chain(struct reader *r) {
    if (!take(r, "\"chain\":[")) return 0;
    if (take(r, "]")) return 1;
    do {
        if (!take(r, "{\"digest\":") || !take_text(r) || !take(r, ",\"key\":") || !take_text(r)) return 0;
        if (!take(r, ",\"sources_digest\":") || !take_text(r) || !take(r, ",\"stage\":")) return 0;
        if (!take_text(r) || !take(r, "}")) return 0;
    } while (take(r, ","));
    return take(r, "]");
}

static int take_reasons(struct reader *r, struct manifest *m) {
    if (!take(r, "\"reasons\":[")) return 0;
    m->reasons = r->at;
    if (take(r, "]")) return 1;
    do {
        if (!take_text(r)) return 0;
    } while (take(r, ","));
    m->reasons_size = (size_t)(r->at - m->reasons);
    return take(r, "]");
}

static int by_folded(const void *one, const void *other) {
    return strcmp((*(struct entry *const *)one)->folded, (*(struct entry *const *)other)->folded);
}

/* Whether no two paths are the same but for case, and none is a file and a folder; names one that is not so. */
static const char *twin(const struct manifest *m) {
    struct entry **sorted = memory(NULL, m->count * sizeof *sorted);
    const char *found = NULL;
    size_t i, u;
    for (i = 0; i < m->count; i++) sorted[i] = &m->entries[i];
    qsort(sorted, m->count, sizeof *sorted, by_folded);
    for (i = 0; i < m->count && found == NULL; i++) {
        for (u = 0; u < sizeof UNLISTED / sizeof *UNLISTED; u++)
            if (strcmp(sorted[i]->folded, UNLISTED[u]) == 0) found = sorted[i]->path;
        if (i > 0) {
            size_t size = strlen(sorted[i - 1]->folded);
            char next = sorted[i]->folded[size < LONGEST_PATH ? size : LONGEST_PATH];
            if (strncmp(sorted[i - 1]->folded, sorted[i]->folded, size) == 0 && (next == 0 || next == '\1'))
                found = sorted[i]->path;
        }
    }
    free(sorted);
    return found;
}

static int take_version(struct reader *r) { /* three numbers with dots, as in 1.12.0 */
    unsigned long long number;
    int i;
    if (!take(r, ",\"version\":\"")) return 0;
    for (i = 0; i < 3; i++)
        if ((i > 0 && !take(r, ".")) || !take_size(r, &number) || number > 999999) return 0;
    return take(r, "\"");
}

/* 1 for a manifest in its one spelling. */
static int parse(struct bytes data, struct manifest *m) {
    struct reader reader = {data.at, data.at + data.size}, *r = &reader;
    memset(m, 0, sizeof *m);
    if (!take(r, "{") || !take_chain(r) || !take(r, ",") || !take_files(r, m)) return 0;
    if (take(r, ",\"format\":\"compress-bundle/1\"")) m->format = 1;
    else if (take(r, ",\"format\":\"compress-bundle/2\"")) m->format = 2;
    else return 0;
    if (!take(r, ",\"key_id\":\"sha256:") || !take_digest(r, m->key_id + 7) || !take(r, "\",\"name\":")) return 0;
    memcpy(m->key_id, "sha256:", 7);
    if (!take_text(r) || !take(r, ",") || !take_reasons(r, m)) return 0;
    m->draft = take(r, ",\"status\":\"DRAFT\"");
    if (!m->draft && !take(r, ",\"status\":\"RELEASE\"")) return 0;
    if (m->draft != (m->reasons_size > 0) || (m->format == 2 && !take_version(r))) return 0;
    return take(r, "}\n") && r->at == r->end && twin(m) == NULL;
}

/* ---- every file ---- */

struct walk {
    struct manifest *manifest;
    struct bytes contract; /* contract.json as it was hashed */
    int problems;
};

static int by_path(const void *path, const void *entry) {
    return strcmp(path, ((const struct entry *)entry)->path);
}

static int is_expected_folder(const struct manifest *m, const char *path) {
    size_t i, size = strlen(path);
    for (i = 0; i < m->count; i++)
        if (strncmp(m->entries[i].path, path, size) == 0 && m->entries[i].path[size] == '/') return 1;
    return 0;
}

static void check_file(struct walk *w, int folder, const char *name, struct entry *entry) {
    unsigned char *chunk = memory(NULL, CHUNK), digest[EVP_MAX_MD_SIZE];
    int keep = strcmp(entry->path, "contract.json") == 0;
    int file = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    unsigned long long size = 0;
    EVP_MD_CTX *sha = EVP_MD_CTX_new();
    char hex[HEX + 1];
    ssize_t got = -1;
    if (sha == NULL || !EVP_DigestInit_ex(sha, EVP_sha256(), NULL)) die(USAGE, "libcrypto has no SHA-256");
    while (file >= 0 && (got = read(file, chunk, CHUNK)) > 0) {
        size += (unsigned long long)got;
        EVP_DigestUpdate(sha, chunk, (size_t)got);
        if (!keep || size > entry->size_bytes) continue;
        w->contract.at = memory(w->contract.at, w->contract.size + (size_t)got);
        memcpy(w->contract.at + w->contract.size, chunk, (size_t)got);
        w->contract.size += (size_t)got;
    }
    EVP_DigestFinal_ex(sha, digest, NULL);
    to_hex(digest, hex);
    if (file < 0 || got < 0) w->problems += problem(entry->path, strerror(errno));
    else if (size != entry->size_bytes || strcmp(hex, entry->sha256) != 0) w->problems += problem(entry->path, "changed");
    if (file >= 0) close(file);
    EVP_MD_CTX_free(sha);
    free(chunk);
}

static void check_folder(struct walk *w, int folder, const char *prefix) {
    DIR *entries = fdopendir(folder);
    struct dirent *found;
    if (entries == NULL) die(USAGE, "can't read %s: %s", prefix, strerror(errno));
    while ((found = readdir(entries)) != NULL) {
        const char *name = found->d_name;
        char path[LONGEST_PATH + 300];
        struct entry *entry;
        struct stat info;
        size_t u;
        int listed = 1, below;
        if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0) continue;
        if ((size_t)snprintf(path, sizeof path - 1, "%s%s", prefix, name) >= sizeof path - 1) {
            w->problems += problem(name, "extra file");
            continue;
        }
        if (fstatat(folder, name, &info, AT_SYMLINK_NOFOLLOW) != 0) die(USAGE, "can't look at %s", path);
        for (u = 0; u < 1u + (unsigned)w->manifest->format; u++) listed = listed && strcmp(path, UNLISTED[u]) != 0;
        entry = bsearch(path, w->manifest->entries, w->manifest->count, sizeof *entry, by_path);
        if (S_ISDIR(info.st_mode)) {
            if (!is_expected_folder(w->manifest, path)) {
                w->problems += problem(path, "extra folder");
                continue;
            }
            below = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_DIRECTORY | O_CLOEXEC);
            if (below < 0) die(USAGE, "can't read %s: %s", path, strerror(errno));
            strcat(path, "/");
            check_folder(w, below, path);
        } else if (!S_ISREG(info.st_mode)) {
            w->problems += problem(path, kind_of(info.st_mode));
            if (entry != NULL) entry->seen = 1;
        } else if (entry != NULL) {
            entry->seen = 1;
            check_file(w, folder, name, entry);
        } else if (listed) {
            w->problems += problem(path, "extra file");
        }
    }
    closedir(entries);
}

/* ---- key and signature ---- */

static void digest_of(struct bytes data, char *hex) {
    unsigned char digest[EVP_MAX_MD_SIZE];
    if (!EVP_Digest(data.at, data.size, digest, NULL, EVP_sha256(), NULL)) die(USAGE, "libcrypto has no SHA-256");
    to_hex(digest, hex);
}

struct key {
    EVP_PKEY *key;
    char id[ID + 1];
    char expires[DAY + 1]; /* its last day, empty: none */
};

static int take_day(struct reader *r, char *day) { /* such as 2026-11-22 */
    int i;
    if (r->end - r->at < DAY) return 0;
    for (i = 0; i < DAY; i++)
        if (i == 4 || i == 7 ? r->at[i] != '-' : (r->at[i] < '0' || r->at[i] > '9')) return 0;
    memcpy(day, r->at, DAY);
    day[DAY] = 0;
    r->at += DAY;
    return 1;
}

static void today(char *day) {
    time_t now = time(NULL);
    struct tm *utc = gmtime(&now);
    if (utc == NULL || strftime(day, DAY + 1, "%Y-%m-%d", utc) != DAY) die(USAGE, "this machine has no clock");
}

static int is_over(const struct key *key) {
    char now[DAY + 1];
    today(now);
    return key->expires[0] && strcmp(now, key->expires) > 0;
}

/* The last day of a key, from a line `expires: 2027-11-22` before its PEM block. */
static int read_expiry(struct bytes pem, char *day) {
    struct reader reader = {pem.at, pem.at + pem.size}, *r = &reader;
    int found = 0;
    while (r->at < r->end) {
        if (take(r, "expires:")) {
            while (take(r, " ") || take(r, "\t")) continue;
            if (found++ || !take_day(r, day)) return 0;
            while (take(r, " ") || take(r, "\t") || take(r, "\r")) continue;
            if (r->at < r->end && *r->at != '\n') return 0;
        }
        while (r->at < r->end && *r->at++ != '\n') continue;
    }
    return 1;
}

/* The P-256 public key in a PEM file; its id is what `openssl pkey -pubin -outform DER | sha256sum` prints. */
static struct key read_key(const char *path) {
    struct bytes pem = read_whole(open(path, O_RDONLY | O_CLOEXEC), path, NO_KEY), der = {NULL, 0};
    BIO *source = BIO_new_mem_buf(pem.at, (int)pem.size);
    struct key read = {NULL, "sha256:", ""};
    char curve[32] = "";
    int size;
    if (strstr((const char *)pem.at, "PRIVATE KEY-----") != NULL)
        die(NO_KEY, "%s: this is a private key; verifying wants the public one", path);
    if (source == NULL || (read.key = PEM_read_bio_PUBKEY(source, NULL, NULL, NULL)) == NULL)
        die(NO_KEY, "%s: not a PEM public key", path);
    if (!EVP_PKEY_is_a(read.key, "EC") || !EVP_PKEY_get_group_name(read.key, curve, sizeof curve, NULL) ||
        strcmp(curve, "prime256v1") != 0)
        die(NO_KEY, "%s: not a P-256 public key", path);
    EVP_PKEY_set_utf8_string_param(read.key, OSSL_PKEY_PARAM_EC_POINT_CONVERSION_FORMAT, "uncompressed");
    size = i2d_PUBKEY(read.key, &der.at);
    if (size <= 0) die(NO_KEY, "%s: can't take its digest", path);
    der.size = (size_t)size;
    digest_of(der, read.id + 7);
    if (!read_expiry(pem, read.expires)) die(NO_KEY, "%s: wants one line such as `expires: 2027-11-22`, or none", path);
    OPENSSL_free(der.at);
    BIO_free(source);
    free(pem.at);
    return read;
}

static int signature_holds(EVP_PKEY *key, struct bytes data, struct bytes signature) {
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    int holds;
    if (context == NULL || EVP_DigestVerifyInit(context, NULL, EVP_sha256(), NULL, key) != 1)
        die(USAGE, "libcrypto can't verify ECDSA with SHA-256");
    holds = EVP_DigestVerify(context, signature.at, signature.size, data.at, data.size) == 1;
    EVP_MD_CTX_free(context);
    return holds;
}

/* ---- model.sig: the same after OpenSSF Model Signing, an in-toto statement in a DSSE envelope (format /2) ---- */

/* Base64 up to the next quote, in its one spelling. */
static int take_base64(struct reader *r, struct bytes *data) {
    const unsigned char *end = memchr(r->at, '"', (size_t)(r->end - r->at));
    size_t size = end == NULL ? 0 : (size_t)(end - r->at);
    unsigned char *again;
    int same;
    data->at = memory(NULL, size + 1);
    if (size == 0 || size % 4 != 0 || EVP_DecodeBlock(data->at, r->at, (int)size) < 0) return 0;
    data->size = size / 4 * 3 - (end[-1] == '=') - (end[-2] == '=');
    again = memory(NULL, size + 1);
    same = EVP_EncodeBlock(again, data->at, (int)data->size) == (int)size && memcmp(again, r->at, size) == 0;
    free(again);
    r->at = end;
    return same;
}

/* The digest of the key's PEM text, by which the file names it. */
static void hint_of(EVP_PKEY *key, char *hint) {
    BIO *pem = BIO_new(BIO_s_mem());
    struct bytes text;
    char *at;
    if (pem == NULL || !PEM_write_bio_PUBKEY(pem, key)) die(USAGE, "out of memory");
    text.size = (size_t)BIO_get_mem_data(pem, &at);
    text.at = (unsigned char *)at;
    digest_of(text, hint);
    BIO_free(pem);
}

static int take_envelope(struct reader *r, const char *hint, struct bytes *payload, struct bytes *signature) {
    return take(r, "{\"mediaType\":\"application/vnd.dev.sigstore.bundle.v0.3+json\",") &&
           take(r, "\"verificationMaterial\":{\"publicKey\":{\"hint\":\"") && take(r, hint) &&
           take(r, "\"},\"tlogEntries\":[]},\"dsseEnvelope\":{\"payload\":\"") && take_base64(r, payload) &&
           take(r, "\",\"payloadType\":\"application/vnd.in-toto+json\",\"signatures\":[{\"sig\":\"") &&
           take_base64(r, signature) && take(r, "\",\"keyid\":\"\"}]}}") && r->at == r->end;
}

/* Whether the statement names every file of the manifest, the manifest and its signature, and no other. */
static int same_files(struct bytes payload, const struct manifest *m, struct entry *beside) {
    struct reader reader = {payload.at, payload.at + payload.size}, *r = &reader;
    size_t named = 0;
    if (!take(r, "{\"_type\":\"https://in-toto.io/Statement/v1\",\"predicate\":{\"resources\":[")) return 0;
    do {
        struct entry found, *wanted;
        memset(&found, 0, sizeof found);
        if (!take(r, "{\"algorithm\":\"sha256\",\"digest\":\"") || !take_digest(r, found.sha256)) return 0;
        if (!take(r, "\",\"name\":") || !take_path(r, &found) || !take(r, "}")) return 0;
        wanted = bsearch(found.path, m->entries, m->count, sizeof found, by_path);
        if (wanted == NULL) wanted = bsearch(found.path, beside, 2, sizeof found, by_path);
        if (wanted == NULL || wanted->named || strcmp(wanted->sha256, found.sha256) != 0) return 0;
        wanted->named = 1;
        named++;
    } while (take(r, ","));
    return named == m->count + 2 && take(r, "],\"serialization\":{\"allow_symlinks\":false,");
}

static void check_model_signature(int folder, EVP_PKEY *key, const struct manifest *m, struct bytes signature) {
    struct bytes data = read_plain(folder, "model.sig", NOT_SIGNED, "missing: no second signature");
    struct bytes payload = {NULL, 0}, second = {NULL, 0}, whole;
    struct reader reader = {data.at, data.at + data.size};
    struct entry beside[2];
    char hint[HEX + 1];
    hint_of(key, hint);
    if (!take_envelope(&reader, hint, &payload, &second)) die(BROKEN, "broken signature; model.sig is none by this key");
    whole.at = memory(NULL, payload.size + 80);
    whole.size = (size_t)sprintf((char *)whole.at, "DSSEv1 28 application/vnd.in-toto+json %lu ", (unsigned long)payload.size);
    memcpy(whole.at + whole.size, payload.at, payload.size);
    whole.size += payload.size;
    if (!signature_holds(key, whole, second)) die(BROKEN, "broken signature; model.sig was changed after signing");
    memset(beside, 0, sizeof beside);
    strcpy(beside[0].path, "manifest.json");
    strcpy(beside[1].path, "manifest.sig");
    digest_of(m->data, beside[0].sha256);
    digest_of(signature, beside[1].sha256);
    if (!same_files(payload, m, beside)) die(BROKEN, "broken signature; model.sig was made over other files");
    free(data.at);
    free(payload.at);
    free(second.at);
    free(whole.at);
}

/* ---- a list of keys that are good no more, signed by a key that is not on it ---- */

/* Reads the whole list; whether `key_id` and `signer_id` are on it. */
static int take_list(struct reader *r, const char *key_id, const char *signer_id, int *key_on, int *signer_on) {
    char id[ID + 1] = "sha256:", day[DAY + 1], now[DAY + 1];
    today(now);
    if (!take(r, "{\"format\":\"compress-revoked/1\",\"issued\":\"") || !take_day(r, day)) return 0;
    if (strcmp(day, now) > 0 || !take(r, "\",\"revoked\":[")) return 0;
    if (take(r, "]}\n")) return r->at == r->end;
    do {
        if (!take(r, "{\"key_id\":\"sha256:") || !take_digest(r, id + 7) || !take(r, "\",\"reason\":")) return 0;
        if (!take_text(r) || !take(r, ",\"since\":\"") || !take_day(r, day) || !take(r, "\"}")) return 0;
        if (strcmp(id, key_id) == 0) *key_on = 1;
        if (strcmp(id, signer_id) == 0) *signer_on = 1;
    } while (take(r, ","));
    return take(r, "]}\n") && r->at == r->end;
}

static void check_not_revoked(const char *path, const struct key *signer, const char *key_id) {
    struct bytes list = read_whole(open(path, O_RDONLY | O_CLOEXEC), path, BAD_LIST), signature;
    struct reader reader = {list.at, list.at + list.size};
    char *beside = memory(NULL, strlen(path) + 5);
    int key_on = 0, signer_on = 0;
    sprintf(beside, "%s.sig", path);
    signature = read_whole(open(beside, O_RDONLY | O_CLOEXEC), beside, BAD_LIST);
    if (!signature_holds(signer->key, list, signature)) die(BAD_LIST, "%s: changed, or signed by another key", path);
    if (!take_list(&reader, key_id, signer->id, &key_on, &signer_on))
        die(BAD_LIST, "%s: no valid revocation list, or one from the future", path);
    if (signer_on) die(BAD_LIST, "%s: signed by a key that is on the list itself", path);
    if (is_over(signer)) die(BAD_LIST, "%s: the key of the list expired on %s", path, signer->expires);
    if (key_on) die(REVOKED, "revoked key; %s is on the list %s", key_id, path);
    free(list.at);
    free(signature.at);
    free(beside);
}

static struct manifest signed_manifest(int folder, EVP_PKEY *key, const char *key_id) {
    struct bytes data = read_plain(folder, "manifest.json", USAGE, "missing, so this is no bundle");
    struct bytes signature = read_plain(folder, "manifest.sig", NOT_SIGNED, "missing: no signature");
    struct manifest m;
    int holds = signature_holds(key, data, signature), valid = parse(data, &m);
    if (!holds && valid && strcmp(m.key_id, key_id) != 0)
        die(WRONG_KEY, "wrong key; the bundle says it was signed by %s, the key given is %s", m.key_id, key_id);
    if (!holds) die(BROKEN, "broken signature; manifest.json or manifest.sig was changed after signing");
    if (!valid) die(BAD_MANIFEST, "manifest.json is no valid manifest in its one spelling");
    if (strcmp(m.key_id, key_id) != 0) die(BAD_MANIFEST, "the manifest names another key (%s) than its signer's", m.key_id);
    m.data = data;
    if (m.format == 2) check_model_signature(folder, key, &m, signature);
    free(signature.at);
    return m;
}

static void check_all(int folder, struct walk *w) {
    size_t i;
    check_folder(w, folder, "");
    for (i = 0; i < w->manifest->count; i++)
        if (!w->manifest->entries[i].seen) w->problems += problem(w->manifest->entries[i].path, "missing");
    if (w->problems) die(FILES, "this is not what was signed: %d of its files differ", w->problems);
}

struct asked {
    const char *bundle, *key_file, *revoked, *revoked_by;
    int allow_draft, contract;
};

static struct asked read_words(int count, char **words) {
    struct asked asked;
    int i, bad = 0;
    memset(&asked, 0, sizeof asked);
    for (i = 1; i < count && !bad; i++) {
        if (strcmp(words[i], "--allow-draft") == 0) asked.allow_draft = 1;
        else if (strcmp(words[i], "--contract") == 0) asked.contract = 1;
        else if (strcmp(words[i], "--revoked") == 0 && i + 1 < count) asked.revoked = words[++i];
        else if (strcmp(words[i], "--revoked-by") == 0 && i + 1 < count) asked.revoked_by = words[++i];
        else if (words[i][0] == '-' || asked.key_file != NULL) bad = 1;
        else if (asked.bundle == NULL) asked.bundle = words[i];
        else asked.key_file = words[i];
    }
    if (bad || asked.key_file == NULL || (asked.revoked_by != NULL && asked.revoked == NULL))
        die(USAGE, "usage: verify BUNDLE_FOLDER PUBLIC_KEY [--allow-draft] [--contract] "
                   "[--revoked FILE [--revoked-by KEY]]");
    return asked;
}

int main(int count, char **words) {
    struct asked asked = read_words(count, words);
    struct key key = read_key(asked.key_file), signer = {NULL, "", ""};
    int folder = open(asked.bundle, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct manifest m;
    struct walk w;
    if (folder < 0) die(USAGE, "%s: no such bundle folder", asked.bundle);
    if (asked.revoked_by != NULL) signer = read_key(asked.revoked_by);
    m = signed_manifest(folder, key.key, key.id);
    if (asked.revoked != NULL) check_not_revoked(asked.revoked, asked.revoked_by ? &signer : &key, key.id);
    if (is_over(&key)) die(EXPIRED, "expired key; %s was good until %s", key.id, key.expires);
    memset(&w, 0, sizeof w);
    w.manifest = &m;
    check_all(folder, &w);
    fprintf(stderr, "%s: signature and %lu files hold; status %s\n", asked.bundle, (unsigned long)m.count,
            m.draft ? "DRAFT" : "RELEASE");
    if (m.draft) fprintf(stderr, "%.*s\n", (int)m.reasons_size, (const char *)m.reasons);
    if (m.draft && !asked.allow_draft)
        die(IS_DRAFT, "this bundle is a draft, not for release; add --allow-draft to accept it");
    if (asked.contract) fwrite(w.contract.at, 1, w.contract.size, stdout);
    EVP_PKEY_free(signer.key);
    EVP_PKEY_free(key.key);
    free(w.contract.at);
    free(m.entries);
    free(m.data.at);
    return asked.contract && fflush(stdout) != 0 ? USAGE : HOLDS;
}
