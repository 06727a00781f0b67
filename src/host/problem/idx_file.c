/* idx: magic 00 00 08 RANK (08: unsigned bytes), RANK lengths as big-endian 32-bit words, then the bytes.
 * Y. LeCun, C. Cortes and C. Burges, the MNIST database's page. zlib reads plain files as they are. */
#include "problem/idx_file.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* ---- bytes ---- */

/* What zlib has to say of a file that cannot be read on. */
static const char *reason(gn_idx_file *file) {
    int code;
    const char *text = gzerror(file->file, &code);
    if (code == Z_ERRNO)
        return strerror(errno);
    return code == Z_OK || code == Z_BUF_ERROR || !text || !text[0] ? "it ends too early" : text;
}

/* How many of `count` bytes there were; a short count means the end or an error. */
static size_t read_bytes(gn_idx_file *file, unsigned char *bytes, size_t count) {
    size_t done = 0;
    while (done < count) {
        const size_t left = count - done, most = (size_t)1 << 30;
        const int got = gzread(file->file, bytes + done, (unsigned)(left < most ? left : most));
        if (got <= 0)
            break;
        done += (size_t)got;
    }
    return done;
}

gn_status gn_idx_read(gn_idx_file *file, unsigned char *bytes, size_t count) {
    const size_t got = read_bytes(file, bytes, count);
    file->taken += got;
    if (got == count)
        return GN_OK;
    return gn_fail(file->context, GN_ERROR_FORMAT,
                   "%s is truncated or damaged after %zu of %zu items (%s); fetch it again", file->path,
                   file->taken / file->size, file->items, reason(file));
}

gn_status gn_idx_expect_end(gn_idx_file *file) {
    unsigned char byte;
    const int got = gzread(file->file, &byte, 1);
    if (got == 0 && gzeof(file->file))
        return GN_OK;
    if (got < 0)
        return gn_fail(file->context, GN_ERROR_FORMAT, "%s is damaged (%s); fetch it again", file->path,
                       reason(file));
    return gn_fail(file->context, GN_ERROR_FORMAT,
                   "%s holds more than the %zu items that its header promises", file->path, file->items);
}

/* ---- the header ---- */

static size_t big_endian(const unsigned char word[4]) {
    return (size_t)word[0] << 24 | (size_t)word[1] << 16 | (size_t)word[2] << 8 | word[3];
}

static gn_status read_header(gn_idx_file *file, int rank) {
    unsigned char header[4 * 4];
    const unsigned char magic[4] = {0, 0, 8, (unsigned char)rank};
    const size_t bytes = 4 + 4 * (size_t)rank, got = read_bytes(file, header, bytes);
    if (got < bytes)
        return gn_fail(file->context, GN_ERROR_FORMAT,
                       "%s is too short for an idx header: %zu of %zu bytes (%s)", file->path, got, bytes,
                       reason(file));
    if (memcmp(header, magic, 4) != 0)
        return gn_fail(file->context, GN_ERROR_FORMAT,
                       "%s is no idx file of %s: it begins with %02x%02x%02x%02x instead of %02x%02x%02x%02x",
                       file->path, rank == 3 ? "images" : "labels", header[0], header[1], header[2],
                       header[3], magic[0], magic[1], magic[2], magic[3]);
    file->items = big_endian(header + 4);
    file->size = rank == 3 ? big_endian(header + 8) * big_endian(header + 12) : 1;
    if (file->items == 0 || file->size == 0)
        return gn_fail(file->context, GN_ERROR_FORMAT,
                       "%s is empty: its header promises %zu items of %zu bytes", file->path, file->items,
                       file->size);
    return GN_OK;
}

/* ---- the file ---- */

/* The first of folder/name and folder/name.gz that can be read into file->path. */
static gn_status find(gn_idx_file *file, const char *folder, const char *name) {
    static const char *const endings[] = {"", ".gz"};
    int why = ENOENT;
    for (int i = 0; i < 2; i++) {
        const int length = snprintf(file->path, sizeof(file->path), "%s/%s%s", folder, name, endings[i]);
        if (length < 0 || (size_t)length >= sizeof(file->path))
            return gn_fail(file->context, GN_ERROR_IO, "idx: the folder's path is too long");
        if (access(file->path, R_OK) == 0)
            return GN_OK;
        if (errno != ENOENT)
            why = errno;
    }
    return gn_fail(file->context, GN_ERROR_IO,
                   "%s/%s[.gz]: %s; folder must hold the four files train-images-idx3-ubyte, "
                   "train-labels-idx1-ubyte, t10k-images-idx3-ubyte and t10k-labels-idx1-ubyte, plain or .gz",
                   folder, name, strerror(why));
}

gn_status gn_idx_open(gn_context *context, const char *folder, const char *name, int rank,
                      gn_idx_file *file) {
    *file = (gn_idx_file){.context = context, .size = 1};
    GN_TRY(find(file, folder, name));
    file->file = gzopen(file->path, "rb");
    if (!file->file)
        return gn_fail(context, GN_ERROR_IO, "%s: %s", file->path, strerror(errno));
    gn_status status = read_header(file, rank);
    if (status != GN_OK)
        gn_idx_close(file);
    return status;
}

void gn_idx_close(gn_idx_file *file) {
    if (file->file)
        gzclose(file->file);
    file->file = NULL;
}
