# SPDX-License-Identifier: AGPL-3.0-or-later
# The runtime is one file; the message code that libomemo-c carries includes it as protobuf-c/protobuf-c.h.
sources() { echo protobuf-c/protobuf-c.c; }
flags() { echo -I.; }
headers() { mkdir "$include/protobuf-c" && cp "$src/protobuf-c/protobuf-c.h" "$include/protobuf-c/"; }
