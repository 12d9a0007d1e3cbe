/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "srv_lookup.h"

#include <arpa/nameser.h>
#include <resolv.h>
#include <stdio.h>

#define ANSWER_BYTES_MAX 4096
#define SRV_FIXED 6 /* priority, weight, port */

bool ks_srv_read(struct ks_str answer, char *host, size_t host_cap, uint16_t *port)
{
    const unsigned char *bytes = (const unsigned char *)answer.ptr;
    char target[KS_SRV_HOST_MAX];
    unsigned best_priority = 0, best_weight = 0;
    bool found = false;
    ns_msg message;

    if (answer.len > ANSWER_BYTES_MAX || ns_initparse(bytes, (int)answer.len, &message) != 0)
        return false;
    for (int i = 0; i < ns_msg_count(message, ns_s_an); i++) {
        const unsigned char *data;
        unsigned priority, weight;
        ns_rr record;

        if (ns_parserr(&message, ns_s_an, i, &record) != 0 || ns_rr_type(record) != ns_t_srv
            || ns_rr_rdlen(record) <= SRV_FIXED)
            continue;
        data = ns_rr_rdata(record);
        priority = ns_get16(data);
        weight = ns_get16(data + 2);
        if (dn_expand(bytes, bytes + answer.len, data + SRV_FIXED, target, sizeof(target)) < 0 || target[0] == '\0'
            || strlen(target) >= host_cap)
            continue; /* "." means that the service is not there */
        if (found && (priority > best_priority || (priority == best_priority && weight <= best_weight)))
            continue;
        found = true;
        best_priority = priority;
        best_weight = weight;
        *port = (uint16_t)ns_get16(data + 4);
        snprintf(host, host_cap, "%s", target);
    }
    return found;
}

bool ks_srv_lookup(const char *domain, bool direct_tls, char *host, size_t host_cap, uint16_t *port)
{
    unsigned char answer[ANSWER_BYTES_MAX];
    char name[1100];
    int len;

    snprintf(name, sizeof(name), "_xmpp%s-client._tcp.%s", direct_tls ? "s" : "", domain);
    len = res_query(name, ns_c_in, ns_t_srv, answer, sizeof(answer));
    return len >= 0 && len <= (int)sizeof(answer) && ks_srv_read(ks_str(answer, (size_t)len), host, host_cap, port);
}
