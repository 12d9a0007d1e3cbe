/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* What a server answers to a try of a PIN: the first byte says to what and with which status. Only success fills
 * anything in, and only success is told as that. */
#include <stdlib.h>

#include "crypto.h"
#include "pin_answer.h"

static bool is_zero(const void *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (((const uint8_t *)bytes)[i])
            return false;
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static const unsigned statuses[] = { 200, 0, 400, 403, 404, 410, 423, 429, 302, 503 };
    struct ks_pin_answer answer;
    enum ks_pin_request request;
    unsigned status;

    if (len == 0)
        return 0;
    request = (enum ks_pin_request)(data[0] % 3);
    status = statuses[data[0] / 3 % KS_COUNT(statuses)];
    if (ks_pin_answer_read(request, status, ks_str(data + 1, len - 1), &answer) != KS_OK)
        return 0;
    if ((answer.told == KS_PIN_YES && (status != 200 || len - 1 > KS_PIN_ANSWER_MAX)) || answer.told == KS_PIN_WRONG
        || answer.gen > KS_PIN_GEN_MAX || answer.seconds > KS_PIN_SECONDS_MAX
        || (answer.told != KS_PIN_WAIT && answer.seconds) || (request == KS_PIN_EVAL && answer.has_ticket))
        abort();
    if (answer.told != KS_PIN_YES
        && (answer.has_ticket || answer.left || answer.gen || !is_zero(answer.z, sizeof answer.z)
            || !is_zero(answer.ticket, sizeof answer.ticket)))
        abort();
    return 0;
}
