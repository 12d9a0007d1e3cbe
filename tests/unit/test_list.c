/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "check.h"
#include "list.h"

struct thing {
    char name;
    struct ks_list link;
};

static struct ks_str names(struct ks_list *head)
{
    static char text[16];
    size_t len = 0;

    for (KS_LIST_EACH(head, at))
        text[len++] = KS_CONTAINER(at, struct thing, link)->name;
    return ks_str(text, len);
}

int main(void)
{
    struct thing things[4] = { { .name = 'a' }, { .name = 'b' }, { .name = 'c' }, { .name = 'd' } };
    struct ks_list head;

    ks_list_init(&head);
    for (size_t i = 0; i < KS_COUNT(things); i++)
        ks_list_init(&things[i].link);
    check_row(ks_list_empty(&head), "list.h: a new list is empty", "it is not");
    ks_list_append(&head, &things[0].link);
    ks_list_append(&head, &things[2].link);
    ks_list_before(&things[2].link, &things[1].link);
    ks_list_before(&head, &things[3].link);
    check_str("list.h: members stand in order; before the head is last", names(&head), KS_STR("abcd"));
    check_row(!ks_list_unlinked(&things[0].link) && !ks_list_unlinked(&things[3].link),
        "list.h: a member is known to be on a list, which putting it on another one asserts against", "it is not");
    ks_list_leave(&things[1].link);
    check_row(ks_list_unlinked(&things[1].link) && ks_list_unlinked(&(struct ks_list) { NULL, NULL }),
        "list.h: and one that has left, or never was, to be on none", "it is not");
    check_str("list.h: one leaves from the middle", names(&head), KS_STR("acd"));
    ks_list_leave(&things[1].link);
    check_str("list.h: leaving twice is harmless", names(&head), KS_STR("acd"));
    ks_list_append(&head, &things[1].link);
    check_str("list.h: and it may come again", names(&head), KS_STR("acdb"));
    for (KS_LIST_EACH_SAFE(&head, at))
        if (KS_CONTAINER(at, struct thing, link)->name != 'd')
            ks_list_leave(at);
    check_str("list.h: a safe walk may remove where it stands", names(&head), KS_STR("d"));
    ks_list_leave(&things[3].link);
    check_row(ks_list_empty(&head), "list.h: when all have left it is empty", "it is not");
    return check_done();
}
