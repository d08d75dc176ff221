/* SPDX-License-Identifier: MIT */
/* Growth doubles, through a fresh block: realloc would leave a copy of a secret behind. */
#include "base/buf.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"

enum { FIRST_CAPACITY = 64 };

void tq_buf_init(tq_buf *buf, size_t max)
{
    *buf = (tq_buf){.max = max};
}

static int grow(tq_buf *buf, size_t needed)
{
    size_t capacity = buf->capacity != 0 ? buf->capacity : FIRST_CAPACITY;
    while (capacity < needed)
        capacity *= 2;
    char *data = malloc(capacity);
    if (data == NULL)
        return TQ_ERR_MEMORY;
    if (buf->data != NULL) {
        memcpy(data, buf->data, buf->len + 1);
        explicit_bzero(buf->data, buf->len);
        free(buf->data);
    }
    buf->data = data;
    buf->capacity = capacity;
    return TQ_OK;
}

int tq_buf_add(tq_buf *buf, const void *bytes, size_t len)
{
    if (len > buf->max - buf->len)
        return TQ_ERR_TOO_BIG;
    if (buf->len + len + 1 > buf->capacity) {
        int err = grow(buf, buf->len + len + 1);
        if (err != TQ_OK)
            return err;
    }
    if (len > 0)
        memcpy(buf->data + buf->len, bytes, len);
    buf->len += len;
    buf->data[buf->len] = '\0';
    return TQ_OK;
}

int tq_buf_add_text(tq_buf *buf, const char *text)
{
    return tq_buf_add(buf, text, strlen(text));
}

void tq_buf_cut(tq_buf *buf, size_t len)
{
    if (len >= buf->len)
        return;
    explicit_bzero(buf->data + len, buf->len - len);
    buf->len = len;
    buf->data[len] = '\0';
}

void tq_buf_wipe(tq_buf *buf)
{
    if (buf->data == NULL)
        return;
    explicit_bzero(buf->data, buf->len);
    buf->len = 0;
    buf->data[0] = '\0';
}

void tq_buf_free(tq_buf *buf)
{
    tq_buf_wipe(buf);
    free(buf->data);
    buf->data = NULL;
    buf->len = buf->capacity = 0;
}
