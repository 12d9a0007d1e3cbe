/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Recovery keys as people type them: what reads is written, and read again, to the same key. */
#include "archive_account.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    uint8_t key[KS_RECOVERY_KEY_LEN], again[KS_RECOVERY_KEY_LEN];
    char text[KS_RECOVERY_TEXT_LEN + 1];

    if (ks_recovery_read(ks_str(data, len), key) != KS_OK)
        return 0;
    ks_recovery_write(key, text);
    if (strlen(text) != KS_RECOVERY_TEXT_LEN || ks_recovery_read(ks_str_z(text), again) != KS_OK
        || memcmp(key, again, sizeof(key)) != 0)
        abort();
    return 0;
}
