/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* konsild.conf: a file is either good, or each complaint is a line with its place; and in both languages it is the
 * same. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "settings.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);
const char *__lsan_default_suppressions(void);

/* libconfig 1.5 loses the text of a string that a syntax error cuts off. */
const char *__lsan_default_suppressions(void)
{
    return "leak:libconfig.so";
}

static size_t lines(struct ks_str text)
{
    size_t count = 0;

    for (struct ks_str line; ks_str_cut(&text, '\n', &line);)
        count++;
    return count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct ks_settings *settings[2] = { NULL, NULL };
    struct ks_buf complaints[2];
    enum ks_err err[2];
    char path[40];

    /* libconfig would read the files that the input names. */
    if (ks_str_find(ks_str(data, len), KS_STR("@include")) < len)
        return 0;
    int fd = memfd_create("konsild.conf", MFD_CLOEXEC);
    if (fd < 0 || write(fd, data, len) != (ssize_t)len)
        abort();
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    for (int i = 0; i < 2; i++) {
        ks_buf_init(&complaints[i], 1 << 20);
        err[i] = ks_settings_read(path, i ? KS_ENGLISH : KS_GERMAN, &settings[i], &complaints[i]);
        assert((err[i] == KS_OK) == (complaints[i].len == 0) || err[i] == KS_ENOMEM);
        assert(err[i] == KS_OK || ks_str_starts(ks_buf_str(&complaints[i]), ks_str_z(path)));
    }
    /* German and English find the same. */
    assert(err[0] == err[1] && lines(ks_buf_str(&complaints[0])) == lines(ks_buf_str(&complaints[1])));
    if (err[0] == KS_OK) {
        size_t at = 0;
        assert(!ks_settings_changed(settings[0], settings[1], &at));
        assert(ks_config_domain_at(ks_settings_config(settings[0]), 0));
    }
    for (int i = 0; i < 2; i++) {
        ks_settings_free(settings[i]);
        ks_buf_done(&complaints[i]);
    }
    close(fd);
    return 0;
}
