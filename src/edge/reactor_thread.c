/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "reactor_thread.h"

#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include "courier_link.h"
#include "file_ask.h"
#include "system.h"
#include "vault_ask.h"

enum {
    LETTER_MAIL = KS_LETTER_ANSWER + 1, /* ks_mail */
    LETTER_CONN,                        /* ks_conn */
    LETTER_CONFIG,                      /* ks_config, with a reference */
    LETTER_CERTS,                       /* ks_tls_certs, with a reference */
    LETTER_CALL,                        /* ks_reactors_call */
    LETTER_SHUTDOWN,
    LETTER_STOP,
};

struct thread {
    struct ks_conn_host host; /* first: it leads to the thread */
    struct ks_reactors *all;
    uint16_t index;
    pthread_t id;
    struct ks_mailbox box;
    struct ks_watch wake;
    struct ks_courier_link courier;
    struct ks_letters in;
    struct ks_letters *out; /* to each thread, then to the store */
    struct ks_accept_gate gate;
    struct ks_listener *listeners;
    bool more;  /* some connection has more to send: do not sleep */
    bool stuck; /* a box was full: read from no socket until our letters are gone */
    bool shutting_down, stopping;
    atomic_bool quiet;
    pthread_mutex_t stats_lock;
    struct ks_reactor_stats stats;
};

struct ks_reactors {
    struct ks_reactors_setup setup;
    atomic_uint open; /* connections */
    atomic_ushort web_addresses[KS_WEB_ADDRESSES];
    size_t started;
    struct thread thread[];
};

static void take_events(struct ks_conn_host *host)
{
    struct thread *t = (struct thread *)(void *)host;
    struct ks_event event;

    while (ks_reactor_next_event(host->core, &event))
        switch (event.kind) {
        case KS_EV_NONE:
            break;
        case KS_EV_OUTPUT:
            ks_conn_output(event.edge);
            break;
        case KS_EV_START_TLS:
            ks_conn_start_tls(event.edge, event.to);
            break;
        case KS_EV_CLOSE:
            ks_conn_close(event.edge);
            break;
        case KS_EV_MOVE:
            assert(event.to < t->all->setup.count && event.to != t->index);
            ks_conn_leave(event.edge);
            ks_letters_add(&t->out[event.to], LETTER_CONN, event.edge);
            break;
        case KS_EV_PAUSE:
            ks_conn_pause(event.edge);
            break;
        case KS_EV_RESUME:
            ks_conn_resume(event.edge);
            break;
        case KS_EV_MAIL:
            assert(event.to < t->all->setup.count);
            ks_letters_add(&t->out[event.to], LETTER_MAIL, event.mail);
            break;
        case KS_EV_CONTROL:
            t->all->setup.control_output(event.edge);
            break;
        case KS_EV_FILE:
            event.file->answered(event.file);
            break;
        case KS_EV_VAULT:
            event.vault->answered(event.vault);
            break;
        case KS_EV_WORK:
            t->all->setup.work(event.work, t->all->setup.user);
            break;
        case KS_EV_WAKE:
            ks_courier_link_send(&t->courier, event.push);
            break;
        case KS_EV_STORE:
            ks_letters_add(&t->out[t->all->setup.count], t->all->setup.store_kind, event.req);
            break;
        }
}

static void stop_listening(struct thread *t)
{
    for (size_t i = 0; i < t->all->setup.listen_count; i++)
        ks_listener_stop(&t->listeners[i]);
}

static void read_letter(struct thread *t, struct ks_letter letter)
{
    struct ks_reactors_call *call = letter.ptr;

    switch (letter.kind) {
    case KS_LETTER_ANSWER:
        ks_reactor_answer(t->host.core, letter.ptr, t->host.now);
        break;
    case LETTER_MAIL:
        ks_reactor_mail(t->host.core, letter.ptr, t->host.now);
        break;
    case LETTER_CONN:
        ks_conn_adopt(&t->host, letter.ptr);
        break;
    case LETTER_CONFIG:
        ks_reactor_configure(t->host.core, letter.ptr, t->host.now);
        ks_config_unref(letter.ptr);
        break;
    case LETTER_CERTS:
        ks_conn_host_certify(&t->host, letter.ptr);
        break;
    case LETTER_CALL:
        call->call(call->user);
        break;
    case LETTER_SHUTDOWN:
        stop_listening(t);
        t->shutting_down = true;
        ks_conn_host_shutdown(&t->host);
        ks_reactor_shutdown(t->host.core, t->host.now);
        break;
    case LETTER_STOP:
        t->stopping = true;
        break;
    default:
        assert(false);
    }
    take_events(&t->host);
}

static void read_letters(struct thread *t)
{
    ks_mailbox_take(&t->box, &t->in);
    for (size_t i = 0; i < t->in.count; i++)
        read_letter(t, t->in.letter[i]);
    t->in.count = 0;
}

static void post_letters(struct thread *t)
{
    struct ks_reactors *all = t->all;

    t->stuck = false;
    for (size_t i = 0; i < all->setup.count; i++)
        if (!ks_mailbox_post(&all->thread[i].box, &t->out[i]))
            t->stuck = true;
    if (!ks_mailbox_post(all->setup.store, &t->out[all->setup.count]))
        t->stuck = true;
}

/* How long nothing has to be done, in ms; -1: for ever. */
static int64_t idle_ms(struct thread *t)
{
    int64_t next = ks_sooner(ks_timers_next(&t->host.timers), ks_reactor_deadline_ms(t->host.core));

    if (t->more || next <= t->host.now.mono_ms || !ks_mailbox_may_sleep(&t->box))
        return 0;
    return next == KS_NEVER ? -1 : next - t->host.now.mono_ms;
}

static void turn(struct thread *t)
{
    struct pollfd wake = { .fd = t->box.wake, .events = POLLIN };

    if (t->stuck)
        poll(&wake, 1, 1);
    else
        ks_loop_wait(&t->host.loop, idle_ms(t));
    t->host.now = ks_system_now();
    read_letters(t);
    if (!t->stuck)
        ks_loop_dispatch(&t->host.loop);
    ks_timers_run(&t->host.timers, t->host.now);
    if (ks_reactor_deadline_ms(t->host.core) <= t->host.now.mono_ms)
        ks_reactor_tick(t->host.core, t->host.now);
    t->more = ks_conn_host_finish(&t->host);
    post_letters(t);
    pthread_mutex_lock(&t->stats_lock);
    ks_reactor_stats(t->host.core, &t->stats);
    pthread_mutex_unlock(&t->stats_lock);
    if (t->shutting_down)
        atomic_store(&t->quiet, !t->stuck && ks_list_empty(&t->host.all) && ks_reactor_idle(t->host.core));
}

static void *run(void *user)
{
    struct thread *t = user;
    struct ks_reactors_setup *setup = &t->all->setup;

    if (t->index == 0 && setup->begin)
        setup->begin(&t->host, setup->user);
    while (!t->stopping)
        turn(t);
    if (t->index == 0 && setup->end)
        setup->end(&t->host, setup->user);
    return NULL;
}

static void on_wake(struct ks_watch *watch, uint32_t events)
{
    struct thread *t = KS_CONTAINER(watch, struct thread, wake);

    (void)events;
    ks_mailbox_woken(&t->box);
}

static void courier_answered(struct ks_courier_link *link)
{
    take_events(&KS_CONTAINER(link, struct thread, courier)->host);
}

/* --- making and ending --- */

static enum ks_err make_thread(struct ks_reactors *rs, uint16_t index, const uint64_t address_key[2])
{
    const struct ks_reactors_setup *setup = &rs->setup;
    struct thread *t = &rs->thread[index];
    uint8_t seed[KS_PRNG_SEED_LEN];
    enum ks_err err;

    t->all = rs;
    t->index = index;
    t->host.log = setup->log;
    t->host.handshake_ms = setup->handshake_ms;
    t->host.open = &rs->open;
    t->host.take_events = take_events;
    t->host.site = setup->site;
    t->host.web_addresses = rs->web_addresses;
    t->host.web_per_address_max = setup->web_per_address_max;
    t->host.index = index;
    t->host.now = ks_system_now();
    t->host.certs = ks_tls_certs_ref(setup->certs);
    t->gate = (struct ks_accept_gate) { .host = &t->host,
        .per_second = setup->accepts_per_second / setup->count + 1,
        .open_max = setup->connections_max,
        .address_key = { address_key[0], address_key[1] } };
    ks_system_entropy(seed, sizeof seed);
    t->host.core = ks_reactor_new(setup->server, index, seed, t->host.now);
    ks_wipe(seed, sizeof seed);
    t->host.io = ks_tls_io_new();
    t->out = calloc(setup->count + 1u, sizeof t->out[0]);
    if (!t->host.core || !t->host.io || !t->out || !t->listeners)
        return KS_ENOMEM;
    if ((err = ks_conn_host_init(&t->host)) != KS_OK || (err = ks_mailbox_init(&t->box)) != KS_OK)
        return err;
    t->wake = (struct ks_watch) { .fd = t->box.wake, .ready = on_wake };
    if ((err = ks_loop_add(&t->host.loop, &t->wake, EPOLLIN)) != KS_OK)
        return err;
    t->courier.loop = &t->host.loop;
    t->courier.core = t->host.core;
    t->courier.log = setup->log;
    t->courier.answered = courier_answered;
    err = ks_courier_link_open(&t->courier);
    for (size_t i = 0; err == KS_OK && i < setup->listen_count; i++)
        err = ks_listener_start(&t->listeners[i], &t->gate);
    return err;
}

static enum ks_err take_listeners(struct ks_reactors *rs)
{
    const struct ks_reactors_setup *setup = &rs->setup;
    enum ks_err err = KS_OK;

    for (size_t t = 0; t < setup->count; t++) {
        struct ks_listener *listeners = calloc(setup->listen_count ? setup->listen_count : 1, sizeof listeners[0]);
        rs->thread[t].listeners = listeners;
        for (size_t i = 0; i < setup->listen_count; i++) {
            int fd = setup->listen_fds[i * setup->count + t];
            if (listeners) {
                listeners[i].watch.fd = fd;
                listeners[i].serves = setup->listen[i].serves;
            } else {
                close(fd);
                err = KS_ENOMEM;
            }
        }
    }
    return err;
}

struct ks_reactors *ks_reactors_new(const struct ks_reactors_setup *setup)
{
    struct ks_reactors *rs = calloc(1, sizeof *rs + setup->count * sizeof rs->thread[0]);
    uint64_t address_key[2];
    enum ks_err err;

    if (!rs)
        return NULL;
    rs->setup = *setup;
    ks_system_entropy(address_key, sizeof address_key);
    for (uint16_t i = 0; i < setup->count; i++) {
        rs->thread[i].host.loop.epoll = rs->thread[i].box.wake = -1;
        rs->thread[i].courier.watch.fd = setup->courier_fds ? setup->courier_fds[i] : -1;
        rs->thread[i].host.open = &rs->open;
        pthread_mutex_init(&rs->thread[i].stats_lock, NULL);
    }
    err = take_listeners(rs);
    for (uint16_t i = 0; err == KS_OK && i < setup->count; i++)
        err = make_thread(rs, i, address_key);
    if (err == KS_OK)
        return rs;
    ks_reactors_free(rs);
    return NULL;
}

struct ks_mailbox *ks_reactors_box(struct ks_reactors *rs, size_t index)
{
    return &rs->thread[index].box;
}

enum ks_err ks_reactors_start(struct ks_reactors *rs)
{
    for (; rs->started < rs->setup.count; rs->started++)
        if (pthread_create(&rs->thread[rs->started].id, NULL, run, &rs->thread[rs->started]) != 0)
            return KS_EIO;
    return KS_OK;
}

void ks_reactors_configure(struct ks_reactors *rs, struct ks_config *config, struct ks_tls_certs *certs)
{
    for (size_t i = 0; i < rs->started; i++) {
        ks_mailbox_order(&rs->thread[i].box, LETTER_CERTS, ks_tls_certs_ref(certs));
        ks_mailbox_order(&rs->thread[i].box, LETTER_CONFIG, ks_config_ref(config));
    }
}

void ks_reactors_run(struct ks_reactors *rs, size_t index, struct ks_reactors_call *call)
{
    ks_mailbox_order(&rs->thread[index].box, LETTER_CALL, call);
}

void ks_reactors_stats(struct ks_reactors *rs, size_t index, struct ks_reactor_stats *ret_stats)
{
    struct thread *t = &rs->thread[index];

    pthread_mutex_lock(&t->stats_lock);
    *ret_stats = t->stats;
    pthread_mutex_unlock(&t->stats_lock);
}

static void order_all(struct ks_reactors *rs, int kind)
{
    for (size_t i = 0; i < rs->started; i++)
        ks_mailbox_order(&rs->thread[i].box, kind, NULL);
}

void ks_reactors_shutdown(struct ks_reactors *rs)
{
    order_all(rs, LETTER_SHUTDOWN);
}

bool ks_reactors_quiet(struct ks_reactors *rs)
{
    bool quiet = true;

    for (size_t i = 0; i < rs->started; i++)
        quiet = quiet && atomic_load(&rs->thread[i].quiet);
    return quiet;
}

void ks_reactors_stop(struct ks_reactors *rs)
{
    order_all(rs, LETTER_STOP);
    for (size_t i = 0; i < rs->started; i++)
        pthread_join(rs->thread[i].id, NULL);
    rs->started = 0;
}

static void free_thread(struct thread *t)
{
    if (t->listeners)
        stop_listening(t);
    free(t->listeners);
    ks_courier_link_close(&t->courier);
    if (t->host.loop.epoll >= 0) {
        /* Letters that came too late: what they carry is owned by nobody else. */
        if (t->box.wake >= 0)
            read_letters(t);
        ks_conn_host_done(&t->host);
    }
    ks_reactor_free(t->host.core);
    if (t->box.wake >= 0)
        ks_mailbox_done(&t->box);
    ks_letters_done(&t->in);
    for (size_t i = 0; t->out && i <= t->all->setup.count; i++)
        ks_letters_done(&t->out[i]);
    free(t->out);
    ks_tls_io_free(t->host.io);
    ks_tls_certs_unref(t->host.certs);
    pthread_mutex_destroy(&t->stats_lock);
}

void ks_reactors_free(struct ks_reactors *rs)
{
    if (!rs)
        return;
    assert(rs->started == 0);
    for (size_t i = 0; i < rs->setup.count; i++)
        free_thread(&rs->thread[i]);
    free(rs);
}
