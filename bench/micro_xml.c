/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* micro_xml.c -- what framing, reading and writing a stanza costs, and an address: µs of CPU, the best of five runs.
 *
 * The stanza is what an OMEMO client sends: an encrypted payload, keys for four devices, 1.2 KB. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "jid.h"
#include "stanza.h"
#include "xml_framer.h"
#include "xml_reader.h"
#include "xml_writer.h"

#define RUNS 5
#define TIMES 20000

static struct ks_buf stanza, out;
static struct ks_framer framer;
static struct ks_arena arena;
static struct ks_xml *tree;
static unsigned long failures;

static void add_base64(struct ks_buf *buf, size_t len)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

    for (size_t i = 0; i < len; i++)
        ks_buf_byte(buf, (uint8_t)digits[i * 37 % 64]);
}

static void make_stanza(void)
{
    ks_buf_z(&stanza,
        "<message to='0b7c1d2e@klinik.example' from='5a6f7e8d@klinik.example/konsil.4Tq' type='chat' "
        "id='3f1c8a52-7d9e-4b60'><encrypted xmlns='urn:xmpp:omemo:2'><header sid='1298374651'>"
        "<keys jid='0b7c1d2e@klinik.example'>");
    for (unsigned i = 0; i < 4; i++) {
        ks_buf_printf(&stanza, "<key rid='%u'>", 1783645120 + i);
        add_base64(&stanza, 96);
        ks_buf_z(&stanza, "</key>");
    }
    ks_buf_z(&stanza, "</keys></header><payload>");
    add_base64(&stanza, 280);
    ks_buf_z(&stanza,
        "</payload></encrypted><encryption xmlns='urn:xmpp:eme:0' namespace='urn:xmpp:omemo:2' name='OMEMO'/>"
        "<body>Diese Nachricht ist Ende-zu-Ende verschl\u00fcsselt.</body><store xmlns='urn:xmpp:hints'/></message>");
}

static void frame(void)
{
    size_t len;

    failures += ks_framer_next(&framer, ks_buf_str(&stanza), &len) != KS_FRAME_STANZA;
}

static void read_tree(void)
{
    ks_arena_reset(&arena);
    failures += ks_xml_read(&arena, ks_buf_str(&stanza), KS_STR(NS_CLIENT), KS_STR(""), &tree) != KS_OK;
}

static void write_tree(void)
{
    ks_buf_reset(&out);
    ks_xml_write(&out, tree, KS_STR(NS_CLIENT));
    failures += out.err != KS_OK;
}

static void read_stanza(void)
{
    struct ks_stanza read;
    enum ks_cond cond;

    failures += ks_stanza_read(&arena, tree, &read, &cond) != KS_OK;
}

static void address(const char *text)
{
    struct ks_jid jid;

    ks_arena_reset(&arena);
    failures += ks_jid_parse(&arena, ks_str_z(text), &jid) != KS_OK;
}

static void ascii_address(void)
{
    address("5a6f7e8d@klinik.example/konsil.4Tq");
}

static void other_address(void)
{
    address("J\u00fcrgen.M\u00fcller@m\u00fcnchen.example/Ger\u00e4t");
}

static double now_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

static void measure(const char *name, void (*work)(void))
{
    double best = 1e9;

    for (int run = 0; run < RUNS; run++) {
        double start = now_us();
        for (int i = 0; i < TIMES; i++) {
            if (work == read_stanza && i % 64 == 0)
                read_tree();
            work();
        }
        double each = (now_us() - start) / TIMES;
        best = each < best ? each : best;
    }
    printf("%-28s %7.3f us\n", name, best);
}

int main(void)
{
    size_t len;

    ks_buf_init(&stanza, 100000);
    ks_buf_init(&out, 100000);
    ks_arena_init(&arena, 100000);
    ks_framer_init(&framer, 100000, KS_XML_DEPTH_MAX);
    make_stanza();
    if (ks_framer_next(&framer, KS_STR("<stream:stream>"), &len) != KS_FRAME_OPEN)
        return 1;
    printf("a stanza of %zu bytes\n", stanza.len);
    measure("frame", frame);
    measure("read", read_tree);
    measure("write", write_tree);
    measure("addresses and type", read_stanza);
    measure("address, ASCII", ascii_address);
    measure("address, beyond ASCII", other_address);
    if (failures)
        printf("%lu failures\n", failures);
    return failures ? 1 : 0;
}
