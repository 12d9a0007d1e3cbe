/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* web_files.h -- uploading and downloading over HTTP (XEP-0363 §7): what the handler of /files/ needs beside the web.
 *
 * An upload goes straight from the connection to the disk, 16 KiB at a time, and a download the same way back: a file
 * of any size takes as little memory as a small one. What waits for the disk (the sync at the end of an upload) is done
 * by a worker of its own. No upload is resumed: no standard for it is in the XEP, and a client begins again with a new
 * slot. Downloads are, by ranges. */
#ifndef KS_WEB_FILES_H
#define KS_WEB_FILES_H

#include "file_store.h"
#include "reactor_thread.h"
#include "worker.h"

struct ks_web_files {
    struct ks_file_store *store;
    struct ks_worker *worker;
    struct ks_reactors *reactors;
};

#endif
