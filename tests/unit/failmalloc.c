/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "failmalloc.h"

#include <stdlib.h>

/* The linker's --wrap sends the three calls here. */
void *__real_malloc(size_t len);
void *__real_calloc(size_t count, size_t len);
void *__real_realloc(void *ptr, size_t len);
void *__wrap_malloc(size_t len);
void *__wrap_calloc(size_t count, size_t len);
void *__wrap_realloc(void *ptr, size_t len);

static int left;
static bool struck;

bool fail_stop(void)
{
    left = 0;
    return struck;
}

bool fail_nth(int n)
{
    bool more = n == 1 || struck;

    struck = false;
    left = more ? n : 0;
    return more;
}

static bool fails(void)
{
    if (left == 0 || --left > 0)
        return false;
    struck = true;
    return true;
}

void *__wrap_malloc(size_t len)
{
    return fails() ? NULL : __real_malloc(len);
}

void *__wrap_calloc(size_t count, size_t len)
{
    return fails() ? NULL : __real_calloc(count, len);
}

void *__wrap_realloc(void *ptr, size_t len)
{
    return fails() ? NULL : __real_realloc(ptr, len);
}
