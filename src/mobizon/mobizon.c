/* SPDX-License-Identifier: MIT */
#include "mobizon/mobizon.h"

#include <stdlib.h>
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

tq_reading tq_mobizon_reading(int64_t status, int progress)
{
    tq_state state = tq_mobizon_state(status);
    return (tq_reading){
        .code = status,
        .state = state,
        .progress = (int8_t)progress,
        .level = (int8_t)(state == TQ_RUNNING ? progress : TQ_NO_PROGRESS),
    };
}

/* A whole number, with white space around it or without. */
static bool read_integer(const tq_xml_element *element, int64_t *out)
{
    static const char space[] = " \t\r\n";
    if (element == NULL || element->first_child != NULL)
        return false;
    const char *text = element->text + strspn(element->text, space);
    size_t sign = text[0] == '-';
    size_t digits = strspn(text + sign, "0123456789");
    const char *end = text + sign + digits;
    if (digits == 0 || digits > 15 || end[strspn(end, space)] != '\0')
        return false;
    *out = strtoll(text, NULL, 10);
    return true;
}

/* What is no whole number counts as not told, and what is out of range is brought in. */
static int read_percent(const tq_xml_element *element)
{
    int64_t percent;
    if (!read_integer(element, &percent))
        return TQ_NO_PROGRESS;
    return percent < 0 ? 0 : percent > 100 ? 100 : (int)percent;
}

bool tq_mobizon_read_status(const tq_xml_element *root, tq_reading *reading)
{
    int64_t code, status;
    const tq_xml_element *data = tq_xml_child(root, "data");
    if (!read_integer(tq_xml_child(root, "code"), &code) || code != 0 ||
        !read_integer(tq_xml_child(data, "status"), &status))
        return false;
    *reading = tq_mobizon_reading(status, read_percent(tq_xml_child(data, "progress")));
    return true;
}
