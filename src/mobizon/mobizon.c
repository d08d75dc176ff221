/* SPDX-License-Identifier: MIT */
#include "mobizon/mobizon.h"

#include <string.h>

#include "base/err.h"
#include "form/form.h"

int tq_mobizon_add_key(tq_buf *out, const char *key)
{
    int err = out->len > 0 ? tq_buf_add_text(out, "&") : TQ_OK;
    if (err == TQ_OK)
        err = tq_buf_add_text(out, "apiKey=");
    return err == TQ_OK ? tq_form_escape(out, key, strlen(key)) : err;
}

int tq_mobizon_encode_status(tq_buf *out, const char *id, size_t id_len, const char *key)
{
    int err = tq_buf_add_text(out, "id=");
    if (err == TQ_OK)
        err = tq_form_escape(out, id, id_len);
    return err == TQ_OK && key != NULL ? tq_mobizon_add_key(out, key) : err;
}

tq_state tq_mobizon_state(int64_t status)
{
    static const tq_state states[] = {TQ_PENDING, TQ_RUNNING, TQ_SUCCEEDED, TQ_FAILED};
    return status >= 0 && status <= 3 ? states[status] : TQ_RUNNING;
}
