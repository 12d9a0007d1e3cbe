/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "konsil_own.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "enc.h"
#include "konsil_files.h"
#include "say.h"

#define PICTURE_BYTES_MAX (64 * 1024) /* of the engine's avatar_set, which looks at what it is */

/* At most cap bytes of a file; more than cap: it is larger. Negative: it cannot be read. */
static ssize_t read_file(const char *path, char *bytes, size_t cap)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat st;
    size_t len = 0;
    ssize_t got = -1;

    if (fd < 0)
        return -1;
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
        while ((got = read(fd, bytes + len, cap + 1 - len)) > 0 || (got < 0 && errno == EINTR))
            len += got > 0 ? (size_t)got : 0;
    close(fd);
    return got < 0 ? -1 : (ssize_t)len;
}

void own_picture(
    const struct model *model, const struct model_person *person, const char *rest, struct lines_deed *deed)
{
    char *path = files_whole_path(rest), *bytes = malloc(PICTURE_BYTES_MAX + 1);
    ssize_t len = path && bytes ? read_file(path, bytes, PICTURE_BYTES_MAX) : -1;
    struct ks_buf text;

    (void)model;
    (void)person;
    ks_buf_init(&text, KS_BASE64_LEN(PICTURE_BYTES_MAX) + 1);
    if (len < 0)
        deed->wrong = SAY("file.unreadable");
    else if (len == 0 || len > PICTURE_BYTES_MAX)
        deed->wrong = SAY("picture.none");
    else
        ks_base64_add(&text, ks_str(bytes, (size_t)len));
    ks_buf_byte(&text, 0);
    if (!deed->wrong && ks_buf_err(&text) == KS_OK)
        deed->command =
            json_pack("{s:s, s:s, s:s}", "cmd", "avatar_set", "id", SAY("konsil.picture-set"), "image", text.ptr);
    ks_buf_done(&text);
    free(bytes);
    free(path);
}

void own_no_picture(
    const struct model *model, const struct model_person *person, const char *rest, struct lines_deed *deed)
{
    (void)model;
    (void)person;
    (void)rest;
    deed->command = json_pack("{s:s, s:s}", "cmd", "avatar_remove", "id", SAY("konsil.picture-gone"));
}
