/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "konsil_picture.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "enc.h"
#include "konsil_files.h"
#include "say.h"

/* Of the engine's avatar_set and room_picture_set, which look at what it is. */
#define OWN_BYTES_MAX (64 * 1024)
#define ROOM_BYTES_MAX (8 * 1024)

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

/* A file's bytes in base64, as field "image" of the command, which it takes. too_big: what is wrong with one that is
 * empty, or has more than cap bytes. */
static void give_image(json_t *command, const char *file, size_t cap, const char *too_big, struct lines_deed *deed)
{
    char *path = files_whole_path(file), *bytes = malloc(cap + 1);
    ssize_t len = path && bytes ? read_file(path, bytes, cap) : -1;
    struct ks_buf text;

    ks_buf_init(&text, KS_BASE64_LEN(OWN_BYTES_MAX));
    if (len < 0)
        deed->wrong = SAY("file.unreadable");
    else if (len == 0 || (size_t)len > cap)
        deed->wrong = too_big;
    else
        ks_base64_add(&text, ks_str(bytes, (size_t)len));
    if (!deed->wrong && ks_buf_err(&text) == KS_OK) {
        json_object_set_new(command, "image", json_stringn(text.ptr, text.len));
        deed->command = json_incref(command);
    }
    json_decref(command);
    ks_buf_done(&text);
    free(bytes);
    free(path);
}

void picture_own(
    const struct model *model, const struct model_person *person, const char *rest, struct lines_deed *deed)
{
    (void)model;
    (void)person;
    give_image(json_pack("{s:s, s:s}", "cmd", "avatar_set", "id", SAY("konsil.picture-set")), rest, OWN_BYTES_MAX,
        SAY("picture.none"), deed);
}

void picture_own_none(
    const struct model *model, const struct model_person *person, const char *rest, struct lines_deed *deed)
{
    (void)model;
    (void)person;
    (void)rest;
    deed->command = json_pack("{s:s, s:s}", "cmd", "avatar_remove", "id", SAY("konsil.picture-gone"));
}

void picture_room(const struct model *model, const struct model_person *room, const char *rest, struct lines_deed *deed)
{
    (void)model;
    give_image(json_pack("{s:s, s:s}", "cmd", "room_picture_set", "room", room->jid), rest, ROOM_BYTES_MAX,
        SAY("room.no_picture"), deed);
}

void picture_room_none(
    const struct model *model, const struct model_person *room, const char *rest, struct lines_deed *deed)
{
    (void)model;
    (void)rest;
    deed->command = json_pack("{s:s, s:s}", "cmd", "room_picture_remove", "room", room->jid);
}
