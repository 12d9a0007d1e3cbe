# SPDX-License-Identifier: AGPL-3.0-or-later
# SQLite3 Multiple Ciphers as one file: one encrypted format natively and in the browser. The npm package only carries
# the source. (SQLITE_ENABLE_CSV=0 would enable the CSV extension, and with it fopen: it stays undefined.)
sources() { echo deps/sqlite3/sqlite3.c; }
flags() {
    echo -DSQLITE_ENABLE_FTS5 -DSQLITE_OMIT_LOAD_EXTENSION -DSQLITE_TEMP_STORE=3 -DSQLITE_DQS=0 \
        -DSQLITE_OMIT_DEPRECATED -DSQLITE_OMIT_SHARED_CACHE -DSQLITE_DEFAULT_FOREIGN_KEYS=1 -DSQLITE_LIKE_DOESNT_MATCH_BLOBS
    echo -DHAVE_CIPHER_AES_128_CBC=0 -DHAVE_CIPHER_AES_256_CBC=0 -DHAVE_CIPHER_SQLCIPHER=0 -DHAVE_CIPHER_RC4=0 \
        -DHAVE_CIPHER_ASCON128=0
    case $target in
    native) echo -DSQLITE_THREADSAFE=1 -DSQLITE_DEFAULT_MEMSTATUS=0 -DSQLITE_DEFAULT_WAL_SYNCHRONOUS=2 \
        -DSQLITE_USE_ALLOCA -DHAVE_FDATASYNC=1 -DHAVE_PREAD=1 -DHAVE_PWRITE=1 -DHAVE_USLEEP=1 ;;
    wasm) echo -D__WASM__=1 -DARGON2_NO_THREADS=1 -DSQLITE_OS_OTHER=1 -DSQLITE_THREADSAFE=0 -DSQLITE_OMIT_WAL \
        -DSQLITE_OMIT_LOCALTIME -DHAVE_CIPHER_AEGIS=0 ;;
    esac
}
headers() { cp "$src"/deps/sqlite3/sqlite3.h "$include/"; }
