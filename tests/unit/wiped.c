/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "wiped.h"

#include <malloc.h>
#include <stdlib.h>

#define SECRETS_MAX 8

void __real_free(void *ptr);
void __wrap_free(void *ptr);

static struct ks_str secrets[SECRETS_MAX];
static size_t count;
static unsigned found;

void wiped_watch(struct ks_str secret)
{
    if (count == SECRETS_MAX || secret.len == 0)
        abort();
    secrets[count++] = secret;
}

void wiped_forget(void)
{
    count = 0;
    found = 0;
}

unsigned wiped_found(void)
{
    unsigned result = found;

    found = 0;
    return result;
}

void __wrap_free(void *ptr)
{
    struct ks_str block = { ptr, ptr && count ? malloc_usable_size(ptr) : 0 };

    for (size_t i = 0; i < count; i++)
        if (block.len && ks_str_find(block, secrets[i]) < block.len) {
            found++;
            break;
        }
    __real_free(ptr);
}
