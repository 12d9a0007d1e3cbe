/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* hospital.h -- a lab whose klinik.example has a registrar: the real one (src/ca), beside the real server core, with
 * authorities made for the test. What cannot go on ends the test. */
#ifndef HOSPITAL_H
#define HOSPITAL_H

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <stdlib.h>

#include "desk.h"
#include "omemo.h"
#include "party.h"

#define HOSPITAL_REGISTRAR "zulassung"
#define HOSPITAL_DAY_S INT64_C(86400)

struct clinic {
    struct lab *lab;
    struct ks_arena arena;
    struct ks_prng prng;
    EVP_PKEY *root_key, *issuing_key, *signer_key;
    struct ks_str root, issuing, signer;
    struct ks_engine_store *store;
    struct ks_registrar *registrar;
    struct ks_registrar_setup setup;
    struct ks_desk desk;
    struct party *party; /* of the registrar */
    struct ks_tls_certificate certificate;
    size_t seen; /* events of it that were looked at */
    int64_t silent_until_ms;
    bool away;   /* it does nothing */
    bool denied; /* konsild has another log */
};

static inline void clinic_must(enum ks_err err, const char *what)
{
    if (err != KS_OK) {
        printf("Bail out! %s: %s\n", what, ks_err_name(err));
        exit(1);
    }
}

static inline void clinic_raw(EVP_PKEY *key, uint8_t ret_key[KS_P256_PRIVATE_LEN])
{
    BIGNUM *number = NULL;

    if (!EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_PRIV_KEY, &number)
        || BN_bn2binpad(number, ret_key, KS_P256_PRIVATE_LEN) != KS_P256_PRIVATE_LEN)
        exit(1);
    BN_clear_free(number);
}

static inline int64_t clinic_now_ms(const struct clinic *c)
{
    return c->lab->host->now.wall_ms;
}

static inline void clinic_authorities(struct clinic *c)
{
    const int64_t now_s = clinic_now_ms(c) / 1000;
    const struct ks_validity long_time = { now_s - HOSPITAL_DAY_S, now_s + 3650 * HOSPITAL_DAY_S };
    const struct ks_authority_names root = { "Klinikum Beispiel", "Wurzel", { NULL }, 0 };
    const struct ks_authority_names below = { "Klinikum Beispiel", "Zulassung", { "klinik.example" }, 1 };

    c->root_key = ks_authority_key();
    c->issuing_key = ks_authority_key();
    c->signer_key = ks_authority_key();
    clinic_must(ks_authority_root(&c->arena, c->root_key, &root, &long_time, &c->root), "a root");
    clinic_must(ks_authority_issuing(&c->arena, c->root, c->root_key, c->issuing_key, &below, &long_time, &c->issuing),
        "an issuing authority");
    clinic_must(ks_signer_issue(&c->arena, c->root, c->root_key, c->signer_key, &below,
                    HOSPITAL_REGISTRAR "@klinik.example", &long_time, &c->signer),
        "a signer");
}

/* The registrar's process begins, or begins again on what its store has. */
static inline void clinic_open(struct clinic *c)
{
    c->setup = (struct ks_registrar_setup) { .store = c->store,
        .prng = &c->prng,
        .domain = KS_STR("klinik.example"),
        .root = c->root,
        .issuing = c->issuing,
        .issuing_key = c->issuing_key,
        .signer = c->signer,
        .valid_days = 180,
        .checkpoint_s = 3600,
        .verify_pop = ks_omemo_proof_by };
    clinic_raw(c->signer_key, c->setup.signer_key);
    ks_registrar_free(c->registrar);
    clinic_must(ks_registrar_open(&c->setup, clinic_now_ms(c), &c->registrar), "the registrar");
    c->desk = (struct ks_desk) { .registrar = c->registrar, .domain = c->setup.domain, .signer = c->signer };
    ks_desk_connected(&c->desk);
}

/* Says what is to be said. */
static inline void clinic_speak(struct clinic *c)
{
    struct ks_str xml, text;
    json_t *command;
    char *line;
    bool set;
    int64_t next_ms;

    clinic_must(ks_registrar_due(c->registrar, clinic_now_ms(c), &next_ms), "a checkpoint");
    enum ks_err err = ks_desk_next(&c->desk, &c->arena, &xml, &set);
    c->denied = c->denied || err == KS_EDENIED;
    if (err != KS_OK || !xml.len)
        return;
    command = json_pack("{s:s,s:s,s:s,s:b,s:s%}", "cmd", "ask", "id", "log", "to", "klinik.example", "set", set, "xml",
        xml.ptr, xml.len);
    line = json_dumps(command, 0);
    text = ks_str_z(line);
    konsil_command(c->party->engine, text.ptr, text.len,
        (struct konsil_now) { c->lab->host->now.mono_ms, c->lab->host->now.wall_ms });
    free(line);
    json_decref(command);
}

/* One that is not answered at once. */
static inline void clinic_command_of(struct party *party, json_t *command)
{
    char *line = json_dumps(command, 0);

    konsil_command(party->engine, line, strlen(line),
        (struct konsil_now) { party->lab->host->now.mono_ms, party->lab->host->now.wall_ms });
    free(line);
    json_decref(command);
}

static inline void clinic_command(struct clinic *c, json_t *command)
{
    clinic_command_of(c->party, command);
}

static inline void clinic_hear(struct clinic *c, const json_t *event)
{
    const char *kind = text_of(event, "event");
    struct ks_enrolled enrolled;
    struct ks_str answer;

    if (strcmp(kind, "asked") == 0) {
        clinic_must(
            ks_desk_ask(&c->desk, &c->arena, ks_str_z(text_of(event, "xml")), clinic_now_ms(c), &answer, &enrolled),
            "a request");
        clinic_command(
            c, json_pack("{s:s,s:s,s:s}", "cmd", "reply", "to", text_of(event, "from"), "ref", text_of(event, "ref")));
        if (answer.len)
            clinic_command(c,
                json_pack("{s:s,s:s,s:b,s:s%}", "cmd", "ask", "to", "klinik.example", "set", 1, "xml", answer.ptr,
                    answer.len));
    } else if (strcmp(kind, "answered") == 0 && strcmp(text_of(event, "re"), "log") == 0) {
        enum ks_err err =
            ks_desk_answer(&c->desk, &c->arena, ks_str_z(text_of(event, "condition")), ks_str_z(text_of(event, "xml")));
        c->denied = c->denied || err == KS_EDENIED;
        if (err == KS_EAGAIN)
            c->silent_until_ms = c->lab->host->now.mono_ms + 500;
    } else if (strcmp(kind, "connection") == 0) {
        ks_desk_connected(&c->desk);
    }
}

/* Time moves on by ms, and the registrar does its work. */
static inline void clinic_run(struct clinic *c, int64_t ms)
{
    int64_t until_ms = c->lab->host->now.mono_ms + ms;

    for (;;) {
        size_t before = json_array_size(c->party->events);
        lab_run(c->lab, 0);
        while (!c->away && c->seen < json_array_size(c->party->events))
            clinic_hear(c, json_array_get(c->party->events, c->seen++));
        if (!c->away && c->lab->host->now.mono_ms >= c->silent_until_ms)
            clinic_speak(c);
        lab_run(c->lab, 0);
        if (json_array_size(c->party->events) != before && !c->away)
            continue;
        if (c->lab->host->now.mono_ms >= until_ms)
            return;
        ms = until_ms - c->lab->host->now.mono_ms;
        lab_run(c->lab, ms < 500 ? ms : 500);
    }
}

/* In a lab that has no party yet. */
static inline void clinic_begin(struct clinic *c, struct lab *lab)
{
    *c = (struct clinic) { .lab = lab };
    ks_arena_init(&c->arena, 512u << 20);
    ks_prng_init_number(&c->prng, 99);
    lab_option(lab, "registrar.account", HOSPITAL_REGISTRAR);
    lab_account(lab, HOSPITAL_REGISTRAR, "nobody-knows-this");
    clinic_authorities(c);
    c->store = ks_memory_engine_store_new();
    clinic_open(c);
    c->party = lab_party(lab, HOSPITAL_REGISTRAR "@klinik.example", "");
    c->certificate = (struct ks_tls_certificate) { .end_ms = clinic_now_ms(c) + 3650 * HOSPITAL_DAY_S * 1000,
        .addresses = { KS_STR(HOSPITAL_REGISTRAR "@klinik.example") },
        .count = 1 };
    c->party->certificate = &c->certificate;
    party_reborn(c->party);
    party_do(c->party, "{\"id\":\"x\",\"cmd\":\"serve\",\"ns\":\"urn:konsil:enrol:0\"}");
    party_connect(c->party);
    clinic_run(c, 2000);
}

static inline void clinic_end(struct clinic *c)
{
    ks_registrar_free(c->registrar);
    ks_engine_store_free(c->store);
    EVP_PKEY_free(c->root_key);
    EVP_PKEY_free(c->issuing_key);
    EVP_PKEY_free(c->signer_key);
    ks_arena_done(&c->arena);
}

/* A link for an account's next device; a second operator agrees where one has to. */
static inline const char *clinic_invite(struct clinic *c, const char *jid, const char *name)
{
    struct ks_enrol_link link = {
        .host = KS_STR("klinik.example"), .expires_s = clinic_now_ms(c) / 1000 + 3600, .jid = ks_str_z(jid)
    };
    const struct ks_invited invited = { .jid = link.jid,
        .person = { .name = ks_str_z(name),
            .profession = KS_STR("Ärztin"),
            .department = KS_STR("Kardiologie"),
            .organisation = KS_STR("Klinikum Beispiel") },
        .hours = 1,
        .actor = KS_STR("uid:1") };
    struct ks_authority_facts facts;
    struct ks_str text, whole;
    bool waits;

    clinic_must(ks_registrar_invite(c->registrar, &invited, clinic_now_ms(c), link.code, &waits), "an invitation");
    if (waits)
        clinic_must(ks_registrar_approve(c->registrar, link.jid, KS_STR("uid:2"), clinic_now_ms(c)), "a second one");
    clinic_must(ks_authority_read(&c->arena, c->root, &facts), "the root");
    memcpy(link.pin, facts.key_hash, sizeof link.pin);
    clinic_must(ks_enrol_link_write(&c->arena, &link, &text), "a link");
    clinic_must(ks_arena_join(&c->arena, (struct ks_str[]) { text, KS_STR("\0") }, 2, &whole), "memory");
    return whole.ptr;
}

/* Enrols a connected device. */
static inline void clinic_enrol(struct clinic *c, struct party *party, const char *name)
{
    party_do(party, "{\"id\":\"x\",\"cmd\":\"enrol\",\"link\":\"%s\"}", clinic_invite(c, party->jid, name));
    clinic_run(c, 3000);
}

#endif
