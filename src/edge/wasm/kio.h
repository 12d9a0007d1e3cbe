/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* kio.h -- how the store reaches its files in WASM: five calls that the host answers (kio.mjs).
 *
 * There are no names: a file is a slot, which the host has opened before the module starts (OPFS access handles in a
 * worker, memory under Node). The calls do not wait for anything but the disk. Offsets and sizes are doubles, which
 * JavaScript has without BigInt; they are whole numbers below 2^53. A negative result is a failure of the host. */
#ifndef KS_KIO_H
#define KS_KIO_H

#include <stddef.h>
#include <stdint.h>

enum kio_slot { KIO_STORE, KIO_JOURNAL, KIO_SLOTS };

#define KIO_IMPORT(name) __attribute__((import_module("kio"), import_name(name)))

/* Bytes read, fewer than len only at the end. */
KIO_IMPORT("read") int32_t kio_read(int32_t slot, void *bytes, size_t len, double offset);
/* 0; -1: failed; -2: no room. */
KIO_IMPORT("write") int32_t kio_write(int32_t slot, const void *bytes, size_t len, double offset);
KIO_IMPORT("trunc") int32_t kio_trunc(int32_t slot, double size);
/* Returns when the disk has what was written. */
KIO_IMPORT("flush") int32_t kio_flush(int32_t slot);
KIO_IMPORT("size") double kio_size(int32_t slot);

#endif
