/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* A file of accounts for konsilctl user import. All of its lines are good, or nothing is added; each line that counts
 * becomes one account, in order, with what stands behind the fourth semicolon as its password. The first byte says
 * which account the server refuses. */
#include <assert.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "jid.h"
#include "konsilctl_import.h"
#include "konsilctl_password.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static unsigned refused; /* 0: none */
static struct ks_buf checked, added;
static unsigned checked_count, added_count;

/* In place of konsilctl.c and konsilctl_password.c. */

void ctl_say(const struct ctl *ctl, const char *id, ...)
{
    (void)ctl;
    assert(ks_sentence_find(ks_str_z(id)));
}

int ctl_fail(const struct ctl *ctl, const char *id, const char *where)
{
    (void)ctl;
    assert(ks_sentence_find(ks_str_z(id)) && where);
    return EXIT_FAILURE;
}

json_t *ctl_password_keys(struct ks_str password, const char **ret_wrong)
{
    struct ks_buf hex;
    json_t *keys;

    if (!password.len) {
        *ret_wrong = SAY("ctl.password-bad");
        return NULL;
    }
    ks_buf_init(&hex, 1 << 20);
    for (size_t i = 0; i < password.len; i++) {
        ks_buf_byte(&hex, "0123456789abcdef"[(uint8_t)password.ptr[i] >> 4]);
        ks_buf_byte(&hex, "0123456789abcdef"[password.ptr[i] & 15]);
    }
    keys = json_stringn(hex.ptr, hex.len);
    ks_buf_done(&hex);
    return keys;
}

int ctl_try(struct ctl *ctl, const char *command, json_t *args, json_t **ret_result, const char **ret_error)
{
    char *text = json_dumps(args, JSON_SORT_KEYS | JSON_COMPACT);

    assert(strcmp(command, "user.add") == 0 && text && json_object_size(args) == 5);
    *ret_result = NULL;
    *ret_error = NULL;
    ks_buf_z(ctl->dry_run ? &checked : &added, text);
    free(text);
    if (ctl->dry_run && ++checked_count == refused) {
        *ret_error = SAY("control.exists");
        return EXIT_FAILURE;
    }
    added_count += !ctl->dry_run;
    return EXIT_SUCCESS;
}

/* How many lines say something. */
static unsigned lines_of(struct ks_str left)
{
    unsigned count = 0;

    if (ks_str_starts(left, KS_STR("\xef\xbb\xbf")))
        left = ks_str_from(left, 3);
    while (left.len) {
        size_t end = ks_str_find_byte(left, '\n');
        struct ks_str line = ks_str_trim(ks_str_head(left, end));
        left = ks_str_from(left, end < left.len ? end + 1 : end);
        count += line.len && line.ptr[0] != '#';
    }
    return count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    char path[40], *words[] = { path, NULL };
    struct ctl ctl = { .language = KS_ENGLISH, .words = words };
    struct ks_str text;

    if (!len)
        return 0;
    refused = data[0];
    text = ks_str(data + 1, len - 1);
    int fd = memfd_create("accounts.csv", MFD_CLOEXEC);
    if (fd < 0 || write(fd, text.ptr, text.len) != (ssize_t)text.len)
        abort();
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    ks_buf_init(&checked, 1 << 24);
    ks_buf_init(&added, 1 << 24);
    checked_count = added_count = 0;
    int status = ctl_import(&ctl);
    if (status == EXIT_SUCCESS) {
        assert(added_count == lines_of(text) && checked_count == added_count);
        assert(ks_str_eq(ks_buf_str(&checked), ks_buf_str(&added)));
    } else {
        assert(added_count == 0);
    }
    assert(!refused || checked_count < refused || status == EXIT_FAILURE);
    ks_buf_done(&checked);
    ks_buf_done(&added);
    close(fd);
    return 0;
}
