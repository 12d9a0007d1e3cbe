/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Logging in with a token in place of the password: what an engine says, keeps, and does when it is refused. */
#include "check.h"
#include "party.h"

#define ANNA "anna@klinik.example"

static bool sent(const struct party *party, size_t from, const char *text)
{
    struct ks_str said = ks_str_from(ks_buf_str(&party->sent), from);

    return ks_str_find(said, ks_str_z(text)) < said.len;
}

static bool is_ready(const struct party *party, size_t from)
{
    return party_count(party, "ready", from) == 1;
}

/* Hands out a server that forgot the token: what it says to it is a failure. */
static bool refuse_token(struct party *party, struct ks_str *stanza, void *user)
{
    bool *done = user;

    if (*done || !ks_str_starts(*stanza, KS_STR("<success xmlns='urn:xmpp:sasl:2'>")))
        return true;
    *done = true;
    *stanza = KS_STR("<failure xmlns='urn:xmpp:sasl:2'><credentials-expired "
                     "xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/></failure>");
    (void)party;
    return true;
}

static size_t entered;

/* In front of each stanza of the server's, the person enters the password again. */
static bool enter_again(struct party *party, struct ks_str *stanza, void *user)
{
    (void)user;
    if (entered < 20 && ++entered && party_count(party, "ready", 0) == 0)
        party_do(party, "{\"id\":\"x\",\"cmd\":\"connect\",\"password\":\"a-password\"}");
    (void)stanza;
    return true;
}

static void disconnect(struct lab *lab, struct party *party)
{
    party_do(party, "{\"id\":\"x\",\"cmd\":\"disconnect\"}");
    lab_run(lab, 1000);
}

int main(void)
{
    struct party *anna, *jonas;
    struct lab lab;
    size_t said, told;
    bool refused = false;

    lab_two(&lab, 31, &anna, &jonas);
    party_connect(anna);
    lab_run(&lab, 1000);
    check_row(is_ready(anna, 0) && sent(anna, 0, "mechanism='SCRAM-SHA-256-PLUS'") && sent(anna, 0, "<request-token "),
        "XEP-0484 §3.2: who logs in with the password asks for a token", "it does not");
    check_row(
        !sent(anna, 0, "<iq type='set' id='bind'>") && !sent(anna, 0, "type='set'><enable xmlns='urn:xmpp:carbons:2'"),
        "XEP-0386 §3.2: the resource and carbons come with it", "they do not");

    said = anna->sent.len, told = party_mark(anna);
    party_cut(anna);
    lab_run(&lab, 5000);
    check_row(sent(anna, said, "mechanism='HT-SHA-256-EXPR'") && sent(anna, said, "<resume ") && is_ready(anna, told)
            && !sent(anna, said, "SCRAM"),
        "XEP-0484 §3.4, XEP-0198 §9.2: after a break the token resumes the session", "it does not");

    disconnect(&lab, anna);
    said = anna->sent.len, told = party_mark(anna);
    party_do(anna, "{\"id\":\"x\",\"cmd\":\"connect\"}");
    lab_run(&lab, 1000);
    check_row(sent(anna, said, "mechanism='HT-SHA-256-EXPR'") && is_ready(anna, told),
        "XEP-0484 §3.4: and logs in anew", "it does not");

    party_reborn(anna);
    said = anna->sent.len, told = party_mark(anna);
    party_do(anna, "{\"id\":\"x\",\"cmd\":\"connect\"}");
    lab_run(&lab, 1000);
    check_row(sent(anna, said, "mechanism='HT-SHA-256-EXPR'") && is_ready(anna, told),
        "the token outlives the program, in the encrypted store", "it does not");

    disconnect(&lab, anna);
    said = anna->sent.len, told = party_mark(anna);
    party_connect(anna);
    lab_run(&lab, 1000);
    check_row(!sent(anna, said, "<authenticate xmlns='urn:xmpp:sasl:2' mechanism='HT-") && is_ready(anna, told),
        "a password that is entered is looked at", "it is not");

    disconnect(&lab, anna);
    anna->spy = refuse_token;
    anna->spy_user = &refused;
    said = anna->sent.len, told = party_mark(anna);
    party_do(anna, "{\"id\":\"x\",\"cmd\":\"connect\"}");
    lab_run(&lab, 1000);
    check_row(refused && sent(anna, said, "mechanism='HT-SHA-256-EXPR'")
            && sent(anna, said, "mechanism='SCRAM-SHA-256-PLUS'"),
        "XEP-0484 §4.1: a token that is refused is followed by the password that is remembered", "it is not");
    lab_end(&lab);

    lab_two(&lab, 32, &anna, &jonas);
    party_do(anna, "{\"id\":\"x\",\"cmd\":\"connect\",\"jid\":\"" ANNA "\",\"password\":\"a-password\"}");
    lab_run(&lab, 1000);
    party_reborn(anna);
    told = party_mark(anna);
    party_do(anna, "{\"id\":\"x\",\"cmd\":\"connect\"}");
    check_row(party_count(anna, "error", told) == 1 && !party_count(anna, "ready", told),
        "without \"remember\" neither the password nor a token outlives the program", "%zu errors",
        party_count(anna, "error", told));
    lab_end(&lab);

    /* Whoever enters a password while a login is under way replaces what that login is about. */
    lab_two(&lab, 33, &anna, &jonas);
    anna->spy = enter_again;
    party_connect(anna);
    lab_run(&lab, 1000);
    check_row(entered > 0 && is_ready(anna, 0), "a password that is entered during a login does not disturb it",
        "%zu times, %zu ready", entered, party_count(anna, "ready", 0));
    entered = 0, told = party_mark(anna);
    party_cut(anna);
    lab_run(&lab, 90000);
    check_row(entered > 0 && party_count(anna, "ready", told) == 1, "nor one by a token", "%zu times", entered);
    lab_end(&lab);
    return check_done();
}
