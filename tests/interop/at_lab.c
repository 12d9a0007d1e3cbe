/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* at_lab.c -- a program that can be told neither host, port nor authority, made to talk to a test's konsild: LD_PRELOAD
 * of this library, LAB_PORT=NUMBER, LAB_CA=FILE.
 *
 * Every name leads to 127.0.0.1, and XMPP's port to LAB_PORT; there are no SRV records; what the machine trusts is
 * LAB_CA alone. The program verifies the certificate of the name that it asked for, as ever. */
#include <arpa/inet.h>
#include <dlfcn.h>
#include <netdb.h>
#include <netinet/in.h>
#include <resolv.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define XMPP_PORT 5222
#define PEM 1 /* GNUTLS_X509_FMT_PEM */

/* GnuTLS's, as gnutls/x509.h has it. */
int gnutls_x509_trust_list_add_system_trust(void *, unsigned, unsigned);

static void find(void *ret_function, const char *name)
{
    *(void **)ret_function = dlsym(RTLD_NEXT, name);
}

int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **ret)
{
    int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **);

    find(&real, "getaddrinfo");
    return real(node ? "127.0.0.1" : NULL, service, hints, ret);
}

int res_nquery(res_state state, const char *name, int class, int type, unsigned char *answer, int size)
{
    (void)state, (void)name, (void)class, (void)type, (void)answer, (void)size;
    h_errno = HOST_NOT_FOUND;
    return -1;
}

int connect(int fd, __CONST_SOCKADDR_ARG address, socklen_t len)
{
    int (*real)(int, const void *, socklen_t);
    struct sockaddr_in to;

    find(&real, "connect");
    if (address.__sockaddr__->sa_family != AF_INET || len < sizeof to)
        return real(fd, address.__sockaddr__, len);
    memcpy(&to, address.__sockaddr_in__, sizeof to);
    if (to.sin_port == htons(XMPP_PORT))
        to.sin_port = htons((uint16_t)atoi(getenv("LAB_PORT")));
    return real(fd, &to, sizeof to);
}

int gnutls_x509_trust_list_add_system_trust(void *list, unsigned flags, unsigned verify_flags)
{
    int (*add)(void *, const char *, const char *, int, unsigned, unsigned);

    find(&add, "gnutls_x509_trust_list_add_trust_file");
    return add(list, getenv("LAB_CA"), NULL, PEM, flags, verify_flags);
}
